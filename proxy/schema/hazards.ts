/** What one table has in store for whoever reads it: widths that programs and JSON do not have. Pure. */
import type { SchemaColumn, TableSchema } from "../rows/table-schema.ts";
import { boundsOf } from "./compare-types.ts";
import type { SchemaFinding } from "./findings.ts";

/** A counter that has used so much of its room is told. */
const NEAR = 0.8;
/** The greatest whole number that a double, and so a number of most readers of JSON, tells from its neighbours. */
const MOST_EXACT = 2n ** 53n - 1n;
const INT32 = 2n ** 31n - 1n;

export function hazardsOf({ columns, database }: TableSchema): readonly SchemaFinding[] {
  return columns.flatMap((column) => [
    ...beyondJson(column),
    ...nearTheEnd(column, database === "sqlite"),
    ...moneyInFloats(column),
  ]);
}

function beyondJson({ name, declared, type, held }: SchemaColumn): readonly SchemaFinding[] {
  if (type.is !== "integer" || boundsOf(type).most <= MOST_EXACT) return [];
  const { least, most } = held ?? { least: "0", most: "0" };
  const isThere = BigInt(most) > MOST_EXACT || BigInt(least) < -MOST_EXACT;
  const what = isThere
    ? `${BigInt(most) > MOST_EXACT ? most : least} is there, which JSON.parse rounds: send it as a text`
    : `may pass 2^53, where JSON.parse rounds${held === null ? "" : `; the greatest today is ${most}`}`;
  return [{ severity: "hazard", kind: "beyond-2^53", column: name, text: `${declared}: ${what}` }];
}

/** SQLite has 64 bits for every number, and programs that were written for INT have 32. */
function nearTheEnd({ name, declared, type, held }: SchemaColumn, isSqlite: boolean): readonly SchemaFinding[] {
  if (type.is !== "integer" || held === null) return [];
  const bounds = boundsOf(type);
  const ends = [
    { end: bounds.most, spelled: String(bounds.most) },
    ...(type.bits > 32 && isSqlite ? [{ end: INT32, spelled: "2^31-1, which 32 bits hold" }] : []),
  ];
  return ends.flatMap(({ end, spelled }) => {
    const share = Number((BigInt(held.most) * 10_000n) / end) / 10_000;
    if (share < NEAR || share > 1) return [];
    const text = `${declared}: the greatest is ${held.most}, ${(share * 100).toFixed(1)} % of ${spelled}`;
    return [{ severity: "hazard", kind: "near-the-end", column: name, text } as const];
  });
}

const MONEY = /(amount|price|total|balance|cost|fee|tax|sum|money|cents)$/i;

function moneyInFloats({ name, declared, type }: SchemaColumn): readonly SchemaFinding[] {
  if (type.is !== "float" || !MONEY.test(name)) return [];
  const text = `${declared}: a binary fraction under a name of money; sums are not exact`;
  return [{ severity: "hazard", kind: "float", column: name, text }];
}
