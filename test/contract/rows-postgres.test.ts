import assert from "node:assert/strict";
import { after, test } from "node:test";
import { openPostgres } from "../../adapters/rows/postgres/open.ts";
import { CrossfadeError } from "../../proxy/errors.ts";
import type { Row } from "../../proxy/rows/rows.ts";
import { postgresServer } from "../support/postgres.ts";
import { rowContract } from "./rows.ts";

const server = await postgresServer();
after(async () => await server.stop());
const urlOf = new WeakMap<object, string>();

async function create(constraints: string): Promise<string> {
  const url = await server.database();
  await server.run(
    url,
    `CREATE TABLE t (id bigint NOT NULL, tenant text NOT NULL, name text, price numeric, ratio double precision, done boolean, photo bytea, meta json, version bigint${constraints})`,
  );
  return url;
}

rowContract({
  name: "postgres",
  async open({ key, version, tombstone }) {
    const url = await create(`, PRIMARY KEY (${key.join(", ")})`);
    const place = { url, table: "t", key, version: version ?? null, tombstone: tombstone ?? null };
    const table = await openPostgres(place, "t", false);
    urlOf.set(table, url);
    return table;
  },
  openReadOnly: async (table) =>
    await openPostgres({ url: urlOf.get(table) ?? "", table: "t", key: table.key, version: null }, "t", true),
  async openBroken(which) {
    const url = await create(", UNIQUE (id), UNIQUE (version)");
    const key = { "no-table": "id", "no-column": "nowhere", "no-unique": "name", "null-key": "version" }[which];
    const table = which === "no-table" ? "nothing" : "t";
    return await openPostgres({ url, table, key: [key], version: null }, "t", false);
  },
});

test("postgres: every type that is asked for goes through without loss", async () => {
  const url = await server.database();
  await server.run(
    url,
    `CREATE TYPE mood AS ENUM ('sad', 'so, so "happy"');
     CREATE DOMAIN cents AS bigint;
     CREATE TYPE pair AS (a int, b text);
     CREATE TABLE t (id uuid PRIMARY KEY, small smallint, amount numeric, at timestamptz, local timestamp, day date,
       clock time, span interval, f4 float4, f8 float8, mood mood, moods mood[], tags text[], grid bigint[], doc jsonb,
       docs jsonb[], raw bytea, raws bytea[], net inet, pair pair, cents cents, "Odd ""name" varchar(10), code char(4),
       range int8range, bits bit(3), times timestamptz[], odd int[]);
     INSERT INTO t VALUES ('6ecd8c99-4036-403d-bf84-cf8400f67836', -32768, 'NaN', '2026-03-29 01:59:59.999999+01',
       '2026-03-29 02:30:00.000001', '0044-03-15 BC', '23:59:59.999999', '1 year 2 days 03:04:05.000006', 1.1, 'Infinity',
       'so, so "happy"', ARRAY['sad', 'so, so "happy"']::mood[], ARRAY['', 'NULL', NULL, 'a"b\\c', '{x,y}', ' '],
       ARRAY[[1,2],[9223372036854775807,NULL]], '{"n": 12345678901234567890.10, "z": null}', ARRAY['null', '"x"']::jsonb[],
       '\\x00ff', ARRAY['\\x00', NULL]::bytea[], '10.0.0.1/8', ROW(1, 'a,"b'), 9007199254740993, 'q', 'ab',
       '[1,9223372036854775807)', B'101', ARRAY['2026-01-01 00:00:00+00', 'infinity']::timestamptz[], '[0:1]={7,8}');
     CREATE TABLE copy (LIKE t INCLUDING ALL)`,
  );
  const source = await openPostgres({ url, table: "t", key: ["id"], version: null }, "t", true);
  const target = await openPostgres({ url, table: "copy", key: ["id"], version: null }, "copy", false);
  const { rows } = await source.page(null, 10);
  await target.upsert(rows);
  assert.deepEqual(await server.ask(url, "SELECT c::text FROM copy c"), await server.ask(url, "SELECT t::text FROM t"));
  const [row] = rows;
  // By COPY, since there are enough of them; then once more, over the rows that are there.
  await server.run(
    url,
    `TRUNCATE copy; UPDATE t SET "Odd ""name" = E'\\t\\n\\\\N';
     INSERT INTO t SELECT (jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid()))).* FROM t, generate_series(1, 200)`,
  );
  const many = (await source.page(null, 1_000)).rows;
  const whole = async (table: string) => await server.ask(url, `SELECT t::text FROM ${table} t ORDER BY id`);
  for (const _ of ["copied", "written over"]) {
    assert.deepEqual(await target.upsert(many), { written: 201, kept: 0 });
    assert.deepEqual(await whole("copy"), await whole("t"));
  }
  assert.equal(row?.["at"], "2026-03-29T00:59:59.999999Z");
  assert.equal(row["local"], "2026-03-29T02:30:00.000001");
  assert.equal(row["cents"], 9007199254740993n);
  assert.equal(row["f4"], 1.1);
  assert.deepEqual(row["tags"], ["", "NULL", null, 'a"b\\c', "{x,y}", " "]);
  assert.deepEqual(row["grid"], [
    [1n, 2n],
    [9223372036854775807n, null],
  ]);
  await source.close();
  await target.close();
});

test("postgres: a number that was given out by the table itself is not given out again", async () => {
  const url = await server.database();
  await server.run(
    url,
    "CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, twice int GENERATED ALWAYS AS (2) STORED, a text)",
  );
  const table = await openPostgres({ url, table: "t", key: ["id"], version: null }, "t", false);
  await table.settleCounters();
  await table.upsert([{ id: 41n, a: "x", twice: 2n }]);
  await table.settleCounters();
  await server.run(url, "INSERT INTO t (a) VALUES ('own')");
  assert.deepEqual(await server.ask(url, "SELECT id FROM t ORDER BY id"), [["41"], ["42"]]);
  // Rows were removed again, or the counter was ahead: it stays where it is.
  await server.run(url, "DELETE FROM t");
  await table.upsert([{ id: 7n, a: "y" }]);
  await table.settleCounters();
  await server.run(url, "INSERT INTO t (a) VALUES ('own')");
  assert.deepEqual(await server.ask(url, "SELECT max(id) FROM t"), [["43"]]);
  await table.close();
});

test("postgres: a table in a schema, with a name that wants quotes, is found", async () => {
  const url = await server.database();
  await server.run(url, 'CREATE SCHEMA shop; CREATE TABLE shop."Users" ("Id" int PRIMARY KEY)');
  const table = await openPostgres({ url, table: 'shop."Users"', key: ["Id"], version: null }, "t", false);
  await table.upsert([{ Id: 1n }, { Id: 1n }, { Id: 2n }]);
  assert.deepEqual((await table.page([1n], 10)).rows, [{ Id: 2n }]);
  await table.close();
});

test("postgres: what is refused quotes no value of the row", async () => {
  const url = await server.database();
  await server.run(url, "CREATE TABLE t (id int PRIMARY KEY, age int CHECK (age > 0), mail text UNIQUE)");
  const table = await openPostgres({ url, table: "t", key: ["id"], version: null }, "t", false);
  await table.upsert([{ id: 1n, mail: "secret@example.com" }]);
  for (const row of [
    { id: 2n, mail: "secret@example.com" },
    { id: 2n, age: "secret@example.com" },
  ]) {
    await assert.rejects(table.upsert([row]), (error) => {
      assert.ok(error instanceof CrossfadeError && error.code === "rows-refused");
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  }
  await table.close();
});

test("postgres: of many rows that are copied the ones that are there are written over, and a refused one leaves nothing", async () => {
  const url = await server.database();
  await server.run(url, "CREATE TABLE t (id int PRIMARY KEY, mail text UNIQUE, n varchar(3), v int)");
  const table = await openPostgres({ url, table: "t", key: ["id"], version: "v" }, "t", false);
  const rows = Array.from({ length: 500 }, (_, i): Row => ({ id: BigInt(i), mail: `m${i}`, n: "abc", v: 1n }));
  await table.upsert([{ id: 250n, mail: "m250", n: "old", v: 0n }]);
  await table.upsert([{ id: 251n, mail: "m251", n: "new", v: 9n }]);
  assert.deepEqual(await table.upsert(rows), { written: 499, kept: 1 });
  assert.deepEqual(await server.ask(url, "SELECT n, count(*) FROM t GROUP BY n ORDER BY n"), [
    ["abc", "499"],
    ["new", "1"],
  ]);
  const more = rows.map((row): Row => ({ ...row, id: (row["id"] as bigint) + 1000n, mail: `n${String(row["id"])}` }));
  for (const [bad, says] of [
    [{ n: "secret" }, /value too long for type character varying\(3\)/],
    [{ v: "secret" }, /invalid input syntax for type integer \(SQLSTATE 22P02\)/],
    [{ mail: "m7" }, /duplicate key value violates unique constraint "t_mail_key"/],
    [{ n: "\ud800" }, /half a character/],
  ] as const) {
    // A table of its own, which copying is tried for.
    const fresh = await openPostgres({ url, table: "t", key: ["id"], version: null }, "t", false);
    await assert.rejects(fresh.upsert(more.with(300, { ...(more[300] as Row), ...bad })), (error) => {
      assert.ok(error instanceof TypeError || (error instanceof CrossfadeError && error.code === "rows-refused"));
      assert.match(error.message, says);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
    assert.deepEqual(await server.ask(url, "SELECT count(*) FROM t"), [["500"]]);
    assert.deepEqual(await fresh.upsert([more[0] as Row]), { written: 1, kept: 0 });
    await fresh.remove([[1000n]]);
    await fresh.close();
  }
  await table.close();
});

test("postgres: a table with row security, which takes no COPY, is written all the same", async () => {
  const url = await server.database();
  await server.run(
    url,
    `CREATE TABLE t (id int PRIMARY KEY, n int); ALTER TABLE t ENABLE ROW LEVEL SECURITY;
     DROP ROLE IF EXISTS writer; CREATE ROLE writer LOGIN; GRANT ALL ON t TO writer; CREATE POLICY all_rows ON t USING (true)`,
  );
  const place = { url: url.replace("postgres@", "writer@"), table: "t", key: ["id"], version: null };
  const table = await openPostgres(place, "t", false);
  const rows = Array.from({ length: 200 }, (_, i): Row => ({ id: BigInt(i), n: 1n }));
  assert.deepEqual(await table.upsert(rows), { written: 200, kept: 0 });
  assert.deepEqual(await server.ask(url, "SELECT count(*) FROM t"), [["200"]]);
  await table.close();
});

test("postgres: a connection that is cut is told as one that may come back", async () => {
  const url = await server.database();
  await server.run(url, "CREATE TABLE t (id int PRIMARY KEY, a text)");
  const table = await openPostgres({ url, table: "t", key: ["id"], version: null }, "t", false);
  await table.upsert([{ id: 1n, a: "x" }]);
  await server.run(
    url,
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'crossfade' AND datname = current_database()",
  );
  await assert.rejects(
    table.page(null, 1),
    (error) => error instanceof CrossfadeError && error.code === "rows-unavailable" && error.retryable,
  );
  await table.close().catch(() => "it is gone");
});

test("postgres: nobody at the address is told without the password", async () => {
  const place = { url: "postgres://u:hush@127.0.0.1:1/db", table: "t", key: ["id"], version: null };
  await assert.rejects(openPostgres(place, "postgres://127.0.0.1:1/db t", false), (error) => {
    assert.ok(error instanceof CrossfadeError && error.code === "rows-unavailable");
    assert.doesNotMatch(error.message, /hush/);
    return true;
  });
});

test("postgres: a commit that is confirmed and then comes too late is undone by the database, and is as one that was not", async () => {
  const url = await create(", PRIMARY KEY (id)");
  const table = await openPostgres({ url, table: "t", key: ["id"], version: null }, "t", false);
  const stalls = {
    confirm: async () => {
      await new Promise((resolve) => setTimeout(resolve, 600));
      return true;
    },
    withinMs: 200,
  };
  assert.equal(await table.upsertConfirmed?.([{ id: 1n, tenant: "a" }], stalls), null);
  assert.deepEqual(await server.ask(url, "SELECT id FROM t"), []);
  const confirmed = { confirm: () => Promise.resolve(true), withinMs: 200 };
  assert.deepEqual(await table.upsertConfirmed?.([{ id: 2n, tenant: "a" }], confirmed), { written: 1, kept: 0 });
  assert.deepEqual(await server.ask(url, "SELECT id FROM t"), [["2"]], "over another connection");
  await table.close();
});

test("postgres: a primary does not lag", async () => {
  const url = await create(", PRIMARY KEY (id)");
  const table = await openPostgres({ url, table: "t", key: ["id"], version: null }, "t", true);
  assert.equal(await table.lags?.(), false);
  await table.close();
});

test("postgres: a schema has domains by what they are made of, bounds, and unique indexes with their conditions", async () => {
  const url = await server.database();
  await server.run(
    url,
    `CREATE TYPE mood AS ENUM ('sad', 'so, so "happy"');
     CREATE DOMAIN cents AS numeric(12,2) NOT NULL DEFAULT 0;
     CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email varchar(80) COLLATE "C" NOT NULL, cents cents, mood mood,
       moods mood[], at timestamptz(3), local timestamp, clock time(0), tags text[], u uuid, twice int GENERATED ALWAYS AS (2) STORED,
       price numeric, span interval, gone boolean DEFAULT false NOT NULL);
     ALTER TABLE t DROP COLUMN gone;
     CREATE UNIQUE INDEX mail ON t (lower(email), u) WHERE u IS NOT NULL;
     INSERT INTO t (email) SELECT 'x' FROM generate_series(1, 3)`,
  );
  const table = await openPostgres({ url, table: "t", key: ["id"], version: null }, "t", true);
  const { columns, unique, database } = (await table.schema?.("indexed")) ?? assert.fail();
  await table.close();
  assert.equal(database, "postgres");
  assert.deepEqual(
    columns.map(({ type }) => type),
    [
      { is: "integer", bits: 32, signed: true },
      { is: "text", length: 80 },
      { is: "decimal", precision: 12, scale: 2 },
      { is: "enum", members: ["sad", 'so, so "happy"'] },
      { is: "array", of: { is: "enum", members: ["sad", 'so, so "happy"'] } },
      { is: "timestamp", zone: true, digits: 3 },
      { is: "timestamp", zone: false, digits: 6 },
      { is: "time", digits: 0 },
      { is: "array", of: { is: "text", length: null } },
      { is: "uuid" },
      { is: "integer", bits: 32, signed: true },
      { is: "decimal", precision: null, scale: null },
      { is: "other", name: "interval" },
    ],
  );
  const [id, email, cents] = columns;
  assert.deepEqual(id?.held, { least: "1", most: "3" });
  assert.equal(id.filled, true);
  assert.deepEqual(email?.collation, { name: "C", ignoresCase: false });
  assert.deepEqual([cents?.nullable, cents?.filled], [false, true]);
  assert.equal(columns.find(({ name }) => name === "twice")?.generated, true);
  assert.deepEqual(
    unique.map(({ parts, where, primary }) => ({ parts, where, primary })),
    [
      { parts: ["id"], where: null, primary: true },
      { parts: ["lower(email::text)", "u"], where: "u IS NOT NULL", primary: false },
    ],
  );
});

test("postgres: a schema has conditions and foreign keys, also those that old rows are not held to", async () => {
  const url = await server.database();
  await server.run(
    url,
    `CREATE TABLE orders (shop int, id bigint, PRIMARY KEY (shop, id));
     CREATE TABLE t (id bigint PRIMARY KEY, price numeric NOT NULL, shop int, "order" bigint, CONSTRAINT positive CHECK (price > 0),
       CONSTRAINT of_order FOREIGN KEY (shop, "order") REFERENCES orders);
     ALTER TABLE t ADD CONSTRAINT late CHECK (shop <> 0) NOT VALID`,
  );
  const table = await openPostgres({ url, table: "t", key: ["id"], version: null }, "t", true);
  const { rules } = (await table.schema?.("none")) ?? assert.fail();
  assert.deepEqual(rules, [
    { kind: "check", name: "late", columns: ["shop"], says: "shop <> 0" },
    { kind: "foreign-key", name: "of_order", columns: ["shop", "order"], says: "orders (shop, id)" },
    { kind: "check", name: "positive", columns: ["price"], says: "price > 0::numeric" },
  ]);
  await table.close();
});

test("postgres: a schema has triggers with what they run at, and none that is switched off or keeps a foreign key", async () => {
  const url = await server.database();
  await server.run(
    url,
    `CREATE TABLE orders (id bigint PRIMARY KEY);
     CREATE TABLE t (id bigint PRIMARY KEY REFERENCES orders, name text);
     CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
     CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();
     CREATE TRIGGER log AFTER DELETE OR TRUNCATE ON t EXECUTE FUNCTION f();
     CREATE TRIGGER off AFTER INSERT ON t EXECUTE FUNCTION f();
     ALTER TABLE t DISABLE TRIGGER off`,
  );
  const table = await openPostgres({ url, table: "t", key: ["id"], version: null }, "t", true);
  assert.deepEqual((await table.schema?.("none"))?.triggers, [
    { name: "log", when: "after delete or truncate" },
    { name: "touch", when: "before insert or update" },
  ]);
  await table.close();
});
