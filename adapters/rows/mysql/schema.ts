/** The schema of a table of MySQL or MariaDB, from information_schema. */
import { held, parseDeclared } from "../schema-parts.ts";
import type {
  ColumnType,
  SchemaColumn,
  SchemaLook,
  TableRule,
  TableSchema,
  TableTrigger,
  UniqueIndex,
} from "../../../proxy/rows/table-schema.ts";
import { type Ask, readParts } from "./shape.ts";
import { kindOf, quote } from "./values.ts";

/** `fail` throws what makes the table unusable. */
export async function readSchema(
  ask: Ask,
  { name, table }: { readonly name: string; readonly table: string },
  look: SchemaLook,
  fail: (why: string) => never,
): Promise<TableSchema> {
  const { of, isJson, isMaria } = await readParts(ask, table, fail);
  const read = (await ask(COLUMNS_SQL, of)).map(
    ([column, type, declared, length, nullable, filled, generated, collation, indexed]) => ({
      isIndexed: Number(indexed) > 0,
      column: {
        name: column ?? "",
        declared: declared ?? "",
        type: typeOf(type ?? "", declared ?? "", length ?? null, isJson(column ?? "")),
        nullable: nullable === "YES",
        filled: filled === "1",
        generated: generated === "1",
        collation:
          collation === null || collation === undefined
            ? null
            : { name: collation, ignoresCase: collation.endsWith("_ci") },
        held: null,
      } satisfies SchemaColumn,
    }),
  );
  if (read.length === 0) fail(`there is no table ${table}`);
  const from = of.map((part) => quote(part ?? "")).join(".");
  const columns = await held(read, look, async (names) => {
    const asked = names.map(
      (each) => `(SELECT min(${quote(each)}) FROM ${from}), (SELECT max(${quote(each)}) FROM ${from})`,
    );
    return (await ask(`SELECT ${asked.join(", ")}`, []))[0] ?? [];
  });
  const unique = (await ask(UNIQUE_SQL, of)).map(([index, parts]): UniqueIndex => ({
    name: index ?? "",
    parts: JSON.parse(parts ?? "[]") as string[],
    where: null,
    primary: index === "PRIMARY",
  }));
  const checks = (await ask(isMaria ? MARIA_CHECKS_SQL : CHECKS_SQL, of)).map(([rule, says]): TableRule => ({
    kind: "check",
    name: rule ?? "",
    columns: [...new Set([...(says ?? "").matchAll(/`([^`]+)`/g)].map(([, column = ""]) => column))],
    says: says ?? "",
  }));
  const references = (await ask(REFERENCES_SQL, of)).map(([rule, parts, other, named]): TableRule => ({
    kind: "foreign-key",
    name: rule ?? "",
    columns: JSON.parse(parts ?? "[]") as string[],
    says: `${other} (${(JSON.parse(named ?? "[]") as string[]).join(", ")})`,
  }));
  // What makes MariaDB's JSON is its column's type.
  const rules = [...checks.filter(({ says }) => !/^json_valid\(`[^`]+`\)$/.test(says)), ...references];
  const triggers = (await ask(TRIGGERS_SQL, of)).map(([trigger, when]): TableTrigger => ({
    name: trigger ?? "",
    when: when ?? "",
  }));
  return { database: "mysql", table: name, columns, unique, rules, triggers };
}

const INTEGERS: Readonly<Record<string, number>> = { tinyint: 8, smallint: 16, mediumint: 24, int: 32, bigint: 64 };
/** What LONGTEXT and LONGBLOB hold is more than any row has. */
const NO_BOUND = 2 ** 30;

function typeOf(dataType: string, declared: string, length: string | null, isJson: boolean): ColumnType {
  const { numbers } = parseDeclared(declared);
  const [first = null, second = null] = numbers;
  const bound = length === null || Number(length) >= NO_BOUND ? null : Number(length);
  const bits = INTEGERS[dataType];
  const kind = kindOf(dataType, declared, isJson);
  if (kind === "boolean" || kind === "json") return { is: kind };
  if (bits !== undefined) return { is: "integer", bits, signed: !declared.includes("unsigned") };
  if (kind === "bytes") return { is: "bytes", length: bound };
  switch (dataType) {
    case "bit":
      return { is: "integer", bits: first ?? 1, signed: false };
    case "year":
      return { is: "integer", bits: 16, signed: false };
    case "decimal":
      return { is: "decimal", precision: first, scale: second ?? 0 };
    case "float":
      return { is: "float", bits: 32 };
    case "double":
      return { is: "float", bits: 64 };
    case "timestamp":
    case "datetime":
      return { is: "timestamp", zone: dataType === "timestamp", digits: first ?? 0 };
    case "time":
      return { is: "time", digits: first ?? 0 };
    case "date":
    case "uuid":
      return { is: dataType };
    case "enum":
      return { is: "enum", members: membersOf(declared) };
    default:
      return kind === "text" ? { is: "text", length: bound } : { is: "other", name: declared };
  }
}

/** Of `enum('so, so','it''s')`. */
function membersOf(declared: string): readonly string[] {
  return [...declared.matchAll(/'((?:[^']|'')*)'/g)].map(([, member = ""]) => member.replaceAll("''", "'"));
}

/** MariaDB spells the default of a column that may be null: NULL. */
const COLUMNS_SQL = `
SELECT c.COLUMN_NAME, c.DATA_TYPE, c.COLUMN_TYPE, if(c.DATA_TYPE LIKE '%text', c.CHARACTER_OCTET_LENGTH, c.CHARACTER_MAXIMUM_LENGTH),
       c.IS_NULLABLE, coalesce(c.COLUMN_DEFAULT, 'NULL') <> 'NULL' OR c.EXTRA LIKE '%auto_increment%' OR c.EXTRA LIKE '%DEFAULT_GENERATED%',
       coalesce(c.GENERATION_EXPRESSION, '') <> '', c.COLLATION_NAME,
       (SELECT count(*) FROM information_schema.STATISTICS s WHERE s.TABLE_SCHEMA = c.TABLE_SCHEMA
        AND s.TABLE_NAME = c.TABLE_NAME AND s.COLUMN_NAME = c.COLUMN_NAME AND s.SEQ_IN_INDEX = 1)
FROM information_schema.COLUMNS c WHERE c.TABLE_SCHEMA = ? AND c.TABLE_NAME = ? ORDER BY c.ORDINAL_POSITION`;

/** To a user without the privilege TRIGGER there are none. */
const TRIGGERS_SQL = `
SELECT TRIGGER_NAME, LOWER(CONCAT(ACTION_TIMING, ' ', EVENT_MANIPULATION)) FROM information_schema.TRIGGERS
WHERE EVENT_OBJECT_SCHEMA = ? AND EVENT_OBJECT_TABLE = ? ORDER BY TRIGGER_NAME`;

const UNIQUE_SQL = `
SELECT INDEX_NAME, concat('[', group_concat(json_quote(if(SUB_PART IS NULL, coalesce(COLUMN_NAME, 'an expression'),
       concat(COLUMN_NAME, '(', SUB_PART, ')'))) ORDER BY SEQ_IN_INDEX), ']')
FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND NON_UNIQUE = 0
GROUP BY INDEX_NAME ORDER BY INDEX_NAME = 'PRIMARY' DESC, INDEX_NAME`;

const MARIA_CHECKS_SQL = `
SELECT CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS
WHERE CONSTRAINT_SCHEMA = ? AND TABLE_NAME = ? ORDER BY CONSTRAINT_NAME`;

/** In MySQL no two tables of a database have a check of one name, and the view does not say whose it is. */
const CHECKS_SQL = `
SELECT c.CONSTRAINT_NAME, c.CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS c
JOIN information_schema.TABLE_CONSTRAINTS t ON t.CONSTRAINT_SCHEMA = c.CONSTRAINT_SCHEMA AND t.CONSTRAINT_NAME = c.CONSTRAINT_NAME
WHERE t.TABLE_SCHEMA = ? AND t.TABLE_NAME = ? AND t.CONSTRAINT_TYPE = 'CHECK' ORDER BY c.CONSTRAINT_NAME`;

const REFERENCES_SQL = `
SELECT CONSTRAINT_NAME, concat('[', group_concat(json_quote(COLUMN_NAME) ORDER BY ORDINAL_POSITION), ']'), REFERENCED_TABLE_NAME,
       concat('[', group_concat(json_quote(REFERENCED_COLUMN_NAME) ORDER BY ORDINAL_POSITION), ']')
FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND REFERENCED_TABLE_NAME IS NOT NULL
GROUP BY CONSTRAINT_NAME, REFERENCED_TABLE_NAME ORDER BY CONSTRAINT_NAME`;
