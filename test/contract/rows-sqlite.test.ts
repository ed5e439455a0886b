import Database from "better-sqlite3";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openSqlite } from "../../adapters/rows/sqlite/open.ts";
import { CrossfadeError } from "../../proxy/errors.ts";
import { full } from "./contract-table.ts";
import { type RowDatabase, rowContract } from "./rows.ts";

const folder = mkdtempSync(join(tmpdir(), "crossfade-rows-"));
after(() => rmSync(folder, { recursive: true }));
let files = 0;
const fileOf = new WeakMap<object, string>();

/** `price` is TEXT: SQLite has no exact decimals. */
function create(constraints: string): string {
  files += 1;
  const file = join(folder, `${files}.db`);
  const db = new Database(file);
  db.exec(
    `CREATE TABLE t (id BIGINT NOT NULL, tenant TEXT NOT NULL, name TEXT, price TEXT, ratio DOUBLE PRECISION, done BOOLEAN, photo BLOB, meta JSON, version BIGINT${constraints})`,
  );
  db.close();
  return file;
}

const database: RowDatabase = {
  name: "sqlite",
  async open({ key, version, tombstone }) {
    const file = create(`, PRIMARY KEY (${key.join(", ")})`);
    const place = { file, table: "t", key, version: version ?? null, tombstone: tombstone ?? null };
    const table = await openSqlite(place, "t", false);
    fileOf.set(table, file);
    return table;
  },
  openReadOnly: async (table) =>
    await openSqlite({ file: fileOf.get(table) ?? "", table: "t", key: table.key, version: null }, "t", true),
  async openBroken(which) {
    const file = create(", UNIQUE (id), UNIQUE (version)");
    const key = { "no-table": "id", "no-column": "nowhere", "no-unique": "name", "null-key": "version" }[which];
    const table = which === "no-table" ? "nothing" : "t";
    return await openSqlite({ file, table, key: [key], version: null }, "t", false);
  },
};

rowContract(database);

test("sqlite: a file that is not there is not made", async () => {
  const file = join(folder, "missing.db");
  await assert.rejects(
    openSqlite({ file, table: "t", key: ["id"], version: null }, "t", false),
    (error) => error instanceof CrossfadeError && error.code === "rows-unavailable",
  );
});

test("sqlite: a decimal that a column would round is refused, and in a text column kept", async () => {
  const file = join(folder, "round.db");
  const db = new Database(file);
  db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, amount DECIMAL(30,10), kept TEXT)");
  db.close();
  const table = await openSqlite({ file, table: "t", key: ["id"], version: null }, "t", false);
  await table.upsert([{ id: 1n, amount: "12.5", kept: "12345678901234567890.5" }]);
  await assert.rejects(
    table.upsert([{ id: 2n, amount: "12345678901234567890.5" }]),
    /SQLite would round a number of 21 digits in column amount \(DECIMAL\(30,10\)\); declare it TEXT/,
  );
  assert.deepEqual((await table.page(null, 10)).rows, [{ id: 1n, amount: 12.5, kept: "12345678901234567890.5" }]);
  await table.close();
});

test("sqlite: generated columns are read and not written", async () => {
  const file = join(folder, "generated.db");
  const db = new Database(file);
  db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, twice INT AS (a * 2))");
  db.close();
  const table = await openSqlite({ file, table: "t", key: ["id"], version: null }, "t", false);
  await table.upsert([{ id: 1n, a: 2n, twice: 0n }]);
  assert.deepEqual((await table.page(null, 10)).rows, [{ id: 1n, a: 2n, twice: 4n }]);
  await table.close();
});

test("sqlite: what cannot be stored is refused in words", async () => {
  const table = await database.open({ key: ["id"] });
  await assert.rejects(
    table.upsert([full(2n ** 63n)]),
    (error) => error instanceof CrossfadeError && error.code === "rows-refused",
  );
  await assert.rejects(table.upsert([{ ...full(1n), unknown: 1n }]), /it has no column unknown, which a row has/);
  await table.close();
});

test("sqlite: a schema has conditions, read from the text that made the table, and foreign keys", async () => {
  const file = join(folder, "rules.db");
  const db = new Database(file);
  db.exec(`CREATE TABLE orders (shop INT, id INT, PRIMARY KEY (shop, id));
    CREATE TABLE t (id INTEGER PRIMARY KEY, -- CHECK (nothing)
      price TEXT CHECK (length(price) > 0 AND price <> 'a) CHECK (b'), shop INT, "check" INT DEFAULT 1,
      CONSTRAINT "both" CHECK ( shop <> "check" ), FOREIGN KEY (shop, "check") REFERENCES orders)`);
  db.close();
  const table = await openSqlite({ file, table: "t", key: ["id"], version: null }, "t", true);
  const { rules } = (await table.schema?.("none")) ?? assert.fail();
  assert.deepEqual(rules, [
    { kind: "check", name: "check", columns: ["price"], says: "length(price) > 0 AND price <> 'a) CHECK (b'" },
    { kind: "check", name: "both", columns: ["shop", "check"], says: 'shop <> "check"' },
    { kind: "foreign-key", name: "shop_check", columns: ["shop", "check"], says: "orders (its key, its key)" },
  ]);
  await table.close();
});

test("sqlite: a schema has triggers with what they run at", async () => {
  const file = join(folder, "triggers.db");
  const db = new Database(file);
  db.exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE other (id INTEGER PRIMARY KEY);
    CREATE TRIGGER log_insert AFTER UPDATE OF name ON T BEGIN INSERT INTO other VALUES (NEW.id); END;
    CREATE TRIGGER IF NOT EXISTS "delete" DELETE ON t BEGIN SELECT 1; END;
    CREATE TRIGGER of_other BEFORE INSERT ON other BEGIN SELECT 1; END;`);
  db.close();
  const table = await openSqlite({ file, table: "t", key: ["id"], version: null }, "t", true);
  assert.deepEqual((await table.schema?.("none"))?.triggers, [
    { name: "delete", when: "before delete" },
    { name: "log_insert", when: "after update" },
  ]);
  await table.close();
});
