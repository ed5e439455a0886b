/** Conditions and foreign keys of a table of SQLite, which tells the first by nothing but the text that made the table. */
import type { Database } from "better-sqlite3";
import type { TableRule, TableTrigger } from "../../../proxy/rows/table-schema.ts";

interface Reference {
  readonly id: bigint;
  readonly table: string;
  readonly from: string;
  /** null: the other table's primary key. */
  readonly to: string | null;
}

export function rulesOf(db: Database, table: string, columns: readonly string[]): readonly TableRule[] {
  const made = db
    .prepare<[string], { sql: string | null }>(
      "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE",
    )
    .get(table);
  const references = new Map<bigint, Reference[]>();
  for (const each of db
    .prepare<[string], Reference>("SELECT * FROM pragma_foreign_key_list(?) ORDER BY id, seq")
    .all(table)) {
    references.set(each.id, [...(references.get(each.id) ?? []), each]);
  }
  return [
    ...checksIn(made?.sql ?? "").map(({ name, says }): TableRule => ({
      kind: "check",
      name,
      columns: columns.filter((column) => namesIn(says).has(column.toLowerCase())),
      says,
    })),
    ...[...references.values()].map((parts): TableRule => ({
      kind: "foreign-key",
      name: parts.map(({ from }) => from).join("_"),
      columns: parts.map(({ from }) => from),
      says: `${parts[0]?.table} (${parts.map(({ to }) => to ?? "its key").join(", ")})`,
    })),
  ];
}

/** Texts, quoted names and comments are one piece each; all else a character. */
const PIECES =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?\*\/|[A-Za-z_][A-Za-z_0-9$]*|[\s\S]/g;

/** `CONSTRAINT positive CHECK (price > 0)`, and those without a name. */
export function checksIn(sql: string): readonly { readonly name: string; readonly says: string }[] {
  const pieces = (sql.match(PIECES) ?? []).filter((piece) => !/^(--|\/\*)/.test(piece));
  const found: { name: string; says: string }[] = [];
  const words = (at: number): readonly string[] =>
    pieces
      .slice(0, at)
      .filter((piece) => piece.trim() !== "")
      .slice(-2);
  for (let at = 0; at < pieces.length; at += 1) {
    if (pieces[at]?.toUpperCase() !== "CHECK") continue;
    const from = pieces.findIndex((piece, k) => k > at && piece.trim() !== "");
    if (pieces[from] !== "(") continue;
    let depth = 0;
    let to = from;
    do {
      if (pieces[to] === "(") depth += 1;
      if (pieces[to] === ")") depth -= 1;
      to += 1;
    } while (depth > 0 && to < pieces.length);
    const [constraint, name] = words(at);
    const says = pieces
      .slice(from + 1, to - 1)
      .join("")
      .trim();
    found.push({ name: constraint?.toUpperCase() === "CONSTRAINT" ? bare(name ?? "") : "check", says });
    at = to - 1;
  }
  return found;
}

function namesIn(condition: string): ReadonlySet<string> {
  return new Set((condition.match(PIECES) ?? []).map((piece) => bare(piece).toLowerCase()));
}

function bare(name: string): string {
  return /^["`[]/.test(name) ? name.slice(1, -1) : name;
}

/** What one runs at stands in the text that made it, after its name: one event, and before where nothing is said. */
export function triggersOf(db: Database, table: string): readonly TableTrigger[] {
  return db
    .prepare<[string], { name: string; sql: string }>(
      "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE ORDER BY name",
    )
    .all(table)
    .map(({ name, sql }) => {
      const head = sql.slice(sql.indexOf(name) + name.length);
      const [, timing = "before", event = ""] =
        /\b(?:(before|after|instead\s+of)\s+)?(insert|update|delete)\b/i.exec(head) ?? [];
      return { name, when: `${timing.replace(/\s+/, " ")} ${event}`.toLowerCase() };
    });
}
