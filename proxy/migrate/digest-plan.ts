/**
 * Whether both databases can compute digests that tell the same of the same rows, and how. Equal digests have to mean rows that
 * the comparison takes for equal; rows that are equal and have other digests are only read and compared. Pure.
 */
import type { DigestColumn, DigestWay, RowColumn, RowDigests, TableShape } from "../rows/rows.ts";

export interface DigestSide {
  readonly digests: RowDigests | null;
  readonly key: readonly string[];
  readonly keyOrder: string | null;
  readonly shape: TableShape;
}

export type DigestPlan =
  | { readonly possible: true; readonly way: DigestWay; readonly columns: readonly DigestColumn[] }
  /** `why` follows "no digests: ". */
  | { readonly possible: false; readonly why: string };

/** `isTransformed`: rows are made, and do not stand in the source as they are compared. */
export function planDigests(source: DigestSide, target: DigestSide, isTransformed: boolean): DigestPlan {
  if (isTransformed) return not("the transform makes the rows that are compared");
  if (source.digests === null || target.digests === null) return not("one of the databases computes none");
  const known = target.digests.ways;
  const way = source.digests.ways.find((each) => known.includes(each));
  if (way === undefined) return not("the databases have no way of hashing in common");
  if (source.key.join() !== target.key.join()) return not("the keys have other columns on the two sides");
  if (source.keyOrder === null || source.keyOrder !== target.keyOrder) {
    return not("the two sides may sort their keys in two ways; texts have to be of the collation C");
  }
  const there = new Map(target.shape.columns.map((column) => [column.name, column]));
  const columns: DigestColumn[] = [];
  for (const column of source.shape.columns) {
    const other = there.get(column.name);
    if (other === undefined) return not(`the target has no column ${column.name}`);
    const spelling = way === "portable" ? portable(column, other) : own(column, other);
    if (spelling === null) {
      return not(
        `column ${column.name} is ${column.declared} here and ${other.declared} there, which are spelled in two ways`,
      );
    }
    columns.push({ name: column.name, spelling });
  }
  return { possible: true, way, columns };
}

function not(why: string): DigestPlan {
  return { possible: false, why };
}

/** Of two databases of one kind. Texts of one kind of value are read alike; those of two kinds may be one text and no match. */
function own(column: RowColumn, other: RowColumn): DigestColumn["spelling"] | null {
  if (column.kind !== other.kind) return null;
  const isSame = column.declared === other.declared;
  switch (column.kind) {
    case "decimal":
      // Without a scale of the column each value has its own: 1.50 and 1.5.
      return isSame && column.declared.includes("(") ? "stored" : "portable";
    case "instant":
    case "datetime":
      return isSame ? "stored" : "portable";
    case "json":
    case "array":
      return isSame ? "stored" : null;
    default:
      return "stored";
  }
}

/** Of a PostgreSQL and a MySQL: what both can be made to spell alike. */
function portable(column: RowColumn, other: RowColumn): DigestColumn["spelling"] | null {
  if (column.kind !== other.kind) return null;
  if (column.kind === "other") return column.declared === "date" && other.declared === "date" ? "stored" : null;
  const isCommon = ["integer", "decimal", "text", "boolean", "bytes", "instant", "datetime"].includes(column.kind);
  return isCommon ? "portable" : null;
}
