import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { spellRowTypes } from "../../../proxy/migrate/row-types.ts";
import type { ColumnKind, RowColumn } from "../../../proxy/rows/rows.ts";

function column(name: string, kind: ColumnKind, declared: string, more: Partial<RowColumn> = {}): RowColumn {
  return { name, kind, declared, nullable: false, generated: false, ...more };
}

const SOURCE = {
  name: "postgres://db/shop users",
  key: ["id"],
  shape: {
    estimate: null,
    columns: [
      column("id", "integer", "bigint"),
      column("full name", "text", "text", { nullable: true }),
      column("price", "decimal", "numeric(12,2)"),
      column("mood", "other", "enum('*/','b')", { nullable: true }),
    ],
  },
};
const TARGET = {
  name: "http://h/users",
  key: ["id"],
  shape: {
    estimate: null,
    columns: [
      column("id", "integer", "bigint"),
      column("price", "decimal", "numeric(12,2)", { nullable: true }),
      column("meta", "json", "jsonb"),
      column("twice", "integer", "integer", { generated: true }),
    ],
  },
};

test("rows are declared by what the port gives and takes, the key alone is needed, and what is computed is not written", () => {
  assert.equal(
    spellRowTypes("users", SOURCE, TARGET),
    `// Rows of users, as crossfade backfill --types found them; to be made anew when a table changes.

/** postgres://db/shop users: what the transform is given. */
export interface SourceRow {
  /** bigint */
  readonly id: bigint;
  /** text */
  readonly "full name": string | null;
  /** numeric(12,2) */
  readonly price: string;
  /** enum('* /','b') */
  readonly mood: string | null;
}

/** http://h/users: what it makes. A column that is left out stays as it is, or gets its default. */
export interface TargetRow {
  /** bigint */
  readonly id: bigint | number;
  /** numeric(12,2) */
  readonly price?: string | number | bigint | null | undefined;
  /** jsonb */
  readonly meta?: string | object | undefined;
}

/** A row, rows, or null for one that is left out. */
export type Transform = (row: SourceRow) => TargetRow | readonly TargetRow[] | null;
`,
  );
});

test("columns of an API are those of its first rows: any other may be absent, and may be written", () => {
  const api = {
    ...SOURCE,
    shape: {
      ...SOURCE.shape,
      sampled: true as const,
      columns: [column("id", "integer", ""), column("on", "boolean", "", { nullable: true })],
    },
  };
  const text = spellRowTypes("users", api, api);
  assert.match(
    text,
    /export interface SourceRow \{\n {2}readonly id: bigint;\n {2}readonly on\?: boolean \| null;\n\}/,
  );
  assert.match(text, /readonly \[column: string\]: unknown;/);
  assert.match(text, /Of the first rows: nothing declares them/);
});

test("the compiler takes a transform that fits, and tells of one that does not", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-row-types-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "users.rows.d.ts"), spellRowTypes("users", SOURCE, TARGET));
  const compile = (body: string): string => {
    const head = 'import type { Transform } from "./users.rows.d.ts";\n';
    writeFileSync(join(folder, "users.mts"), `${head}export default (${body}) satisfies Transform;\n`);
    const tsc = join(import.meta.dirname, "../../../node_modules/typescript/bin/tsc");
    const flags = [
      "--noEmit",
      "--strict",
      "--module",
      "nodenext",
      "--target",
      "es2024",
      "--skipLibCheck",
      "--types",
      "",
    ];
    return spawnSync(process.execPath, [tsc, ...flags, "users.mts"], { cwd: folder, encoding: "utf8" }).stdout;
  };
  assert.equal(
    compile('({ id, price, "full name": name }) => (name === null ? null : [{ id, price, meta: { name } }])'),
    "",
  );
  assert.match(compile("({ id, price }) => ({ id, price: price * 2n })"), /TS\d+/);
  assert.match(compile("({ id }) => ({ id, meta: 7 })"), /Type 'number' is not assignable to type/);
  assert.match(compile("({ mail }) => ({ id: 1n })"), /Property 'mail' does not exist on type 'SourceRow'/);
});
