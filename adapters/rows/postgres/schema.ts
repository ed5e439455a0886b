/** The schema of a table of PostgreSQL, from its catalogues. */
import { parseDeclared, held } from "../schema-parts.ts";
import type {
  ColumnType,
  SchemaColumn,
  SchemaLook,
  TableRule,
  TableSchema,
  TableTrigger,
  UniqueIndex,
} from "../../../proxy/rows/table-schema.ts";
import { isUnknownTable } from "./failures.ts";
import { type Ask, quote } from "./shape.ts";

/** `fail` throws what makes the table unusable. */
export async function readSchema(
  ask: Ask,
  { name, table }: { readonly name: string; readonly table: string },
  look: SchemaLook,
  fail: (why: string) => never,
): Promise<TableSchema> {
  const rows = await ask(COLUMNS_SQL, [table]).catch((thrown: unknown) => {
    if (isUnknownTable(thrown)) fail(`there is no table ${table}`);
    throw thrown;
  });
  const read = rows.map(
    ([column, declared, base, category, members, notNull, filled, generated, collation, ignoresCase, indexed]) => ({
      isIndexed: indexed === "t",
      column: {
        name: column ?? "",
        declared: declared ?? "",
        type: typeOf(base ?? "", category ?? "", members ?? null),
        nullable: notNull !== "t",
        filled: filled === "t",
        generated: generated === "t",
        collation:
          collation === null || collation === undefined ? null : { name: collation, ignoresCase: ignoresCase === "t" },
        held: null,
      } satisfies SchemaColumn,
    }),
  );
  const [[spelled = null] = []] = await ask("SELECT $1::regclass::text", [table]);
  const columns = await held(read, look, async (names) => {
    const asked = names.map(
      (each) =>
        `(SELECT min(${quote(each)})::text FROM ${spelled}), (SELECT max(${quote(each)})::text FROM ${spelled})`,
    );
    return (await ask(`SELECT ${asked.join(", ")}`, []))[0] ?? [];
  });
  const unique = (await ask(UNIQUE_SQL, [table])).map(([index, parts, where, primary]): UniqueIndex => ({
    name: index ?? "",
    parts: JSON.parse(parts ?? "[]") as string[],
    where: where ?? null,
    primary: primary === "t",
  }));
  const rules = (await ask(RULES_SQL, [table])).map(([kind, rule, of, says, parts]): TableRule => ({
    kind: kind === "c" ? "check" : "foreign-key",
    name: rule ?? "",
    columns: JSON.parse(of ?? "[]") as string[],
    says: kind === "c" ? (says ?? "") : `${says} (${(JSON.parse(parts ?? "[]") as string[]).join(", ")})`,
  }));
  const triggers = (await ask(TRIGGERS_SQL, [table])).map(([trigger, when]): TableTrigger => ({
    name: trigger ?? "",
    when: when ?? "",
  }));
  return { database: "postgres", table: name, columns, unique, rules, triggers };
}

const INTEGERS: Readonly<Record<string, number>> = { smallint: 16, integer: 32, bigint: 64 };
/** A fraction of a second has as many digits where nothing is said. */
const MOST_DIGITS = 6;

/** `spelled` by format_type, a domain's as that of the type that it is made of; `kind` as in typtype; `members` of an enum, as JSON. */
function typeOf(spelled: string, kind: string, members: string | null): ColumnType {
  if (spelled.endsWith("[]")) return { is: "array", of: typeOf(spelled.slice(0, -2), kind, members) };
  const { word, numbers } = parseDeclared(spelled);
  const [first = null, second = null] = numbers;
  const bits = INTEGERS[word];
  if (bits !== undefined) return { is: "integer", bits, signed: true };
  if (kind === "e") return { is: "enum", members: JSON.parse(members ?? "[]") as string[] };
  switch (word) {
    case "oid":
      return { is: "integer", bits: 32, signed: false };
    case "numeric":
      return { is: "decimal", precision: first, scale: first === null ? null : (second ?? 0) };
    case "real":
      return { is: "float", bits: 32 };
    case "double precision":
      return { is: "float", bits: 64 };
    case "boolean":
    case "date":
    case "uuid":
      return { is: word };
    case "json":
    case "jsonb":
      return { is: "json" };
    case "text":
    case "citext":
    case "name":
      return { is: "text", length: word === "name" ? 63 : null };
    case "character varying":
    case "character":
    case "bpchar":
      return { is: "text", length: first };
    case "bytea":
      return { is: "bytes", length: null };
    case "timestamp with time zone":
    case "timestamp without time zone":
      return { is: "timestamp", zone: word.includes(" with "), digits: first ?? MOST_DIGITS };
    case "time without time zone":
      return { is: "time", digits: first ?? MOST_DIGITS };
    default:
      return { is: "other", name: spelled };
  }
}

/** A collation that is not deterministic takes texts for equal that differ in case, mostly; citext always does. */
const COLUMNS_SQL = `
SELECT a.attname, format_type(a.atttypid, a.atttypmod),
       CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) ELSE format_type(a.atttypid, a.atttypmod) END,
       coalesce(e.typtype, b.typtype, t.typtype)::text,
       (SELECT json_agg(m.enumlabel ORDER BY m.enumsortorder) FROM pg_enum m WHERE m.enumtypid = coalesce(e.oid, b.oid, t.oid)),
       a.attnotnull OR t.typnotnull,
       a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL,
       a.attgenerated <> '',
       CASE WHEN a.attcollation = 0 THEN NULL WHEN c.collname = 'default' THEN 'default of ' || current_database() ELSE c.collname END,
       coalesce(NOT c.collisdeterministic, false) OR coalesce(b.typname, t.typname) = 'citext',
       EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisvalid AND i.indpred IS NULL AND i.indkey[0] = a.attnum)
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype
LEFT JOIN pg_type e ON coalesce(b.typcategory, t.typcategory) = 'A' AND e.oid = coalesce(nullif(b.typelem, 0), t.typelem)
LEFT JOIN pg_collation c ON c.oid = a.attcollation
WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum`;

const UNIQUE_SQL = `
SELECT c.relname, (SELECT json_agg(coalesce(a.attname, pg_get_indexdef(i.indexrelid, k.n::int, true)) ORDER BY k.n)
                   FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
                   LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0
                   WHERE k.n <= i.indnkeyatts),
       pg_get_expr(i.indpred, i.indrelid, true), i.indisprimary
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = $1::regclass AND i.indisunique AND i.indisvalid
ORDER BY i.indisprimary DESC, c.relname`;

/** The bits of tgtype are those of PostgreSQL's pg_trigger.h. */
const TRIGGERS_SQL = `
SELECT tgname,
       CASE WHEN tgtype & 2 > 0 THEN 'before ' WHEN tgtype & 64 > 0 THEN 'instead of ' ELSE 'after ' END ||
       concat_ws(' or ', CASE WHEN tgtype & 4 > 0 THEN 'insert' END, CASE WHEN tgtype & 16 > 0 THEN 'update' END,
                 CASE WHEN tgtype & 8 > 0 THEN 'delete' END, CASE WHEN tgtype & 32 > 0 THEN 'truncate' END)
FROM pg_trigger WHERE tgrelid = $1::regclass AND NOT tgisinternal AND tgenabled <> 'D' ORDER BY tgname`;

/** Of a partition those that it has from its parent too. One that is NOT VALID holds for what is written from now on. */
const RULES_SQL = `
SELECT c.contype, c.conname,
       (SELECT json_agg(a.attname ORDER BY k.n) FROM unnest(c.conkey) WITH ORDINALITY AS k(attnum, n)
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum),
       CASE c.contype WHEN 'c' THEN pg_get_expr(c.conbin, c.conrelid, true) ELSE c.confrelid::regclass::text END,
       (SELECT json_agg(a.attname ORDER BY k.n) FROM unnest(c.confkey) WITH ORDINALITY AS k(attnum, n)
        JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.attnum)
FROM pg_constraint c WHERE c.conrelid = $1::regclass AND c.contype IN ('c', 'f') ORDER BY c.conname`;
