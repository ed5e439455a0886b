import assert from "node:assert/strict";
import { after, test } from "node:test";
import { openMysql } from "../../adapters/rows/mysql/open.ts";
import { CrossfadeError } from "../../proxy/errors.ts";
import { mariadbServer } from "../support/mariadb.ts";
import { keyOf, type Row, spellKey } from "../../proxy/rows/rows.ts";
import { rowContract } from "./rows.ts";

const server = await mariadbServer();
after(async () => await server.stop());
const urlOf = new WeakMap<object, string>();

async function create(constraints: string): Promise<string> {
  const url = await server.database();
  await server.run(
    url,
    `CREATE TABLE t (id bigint NOT NULL, tenant varchar(100) NOT NULL, name text, price decimal(40,10), ratio double, done boolean, photo blob, meta json, version bigint${constraints})`,
  );
  return url;
}

async function open(
  url: string,
  table: string,
  key: readonly string[],
  more: { version?: string | undefined; tombstone?: string | undefined; readOnly?: boolean } = {},
) {
  const { version = null, tombstone = null, readOnly = false } = more;
  return await openMysql({ url, table, key, version, tombstone }, table, readOnly);
}

/** Each way in which rows are written is held to the contract: what is unique decides it. */
function contractWith(name: string, constraints: (key: string) => string): void {
  rowContract({
    name,
    async open({ key, version, tombstone }) {
      const url = await create(`, ${constraints(key.join(", "))}`);
      const table = await open(url, "t", key, { version, tombstone });
      urlOf.set(table, url);
      return table;
    },
    openReadOnly: async (table) => await open(urlOf.get(table) ?? "", "t", table.key, { readOnly: true }),
    async openBroken(which) {
      const url = await create(", UNIQUE (id), UNIQUE (version)");
      const key = { "no-table": "id", "no-column": "nowhere", "no-unique": "name", "null-key": "version" }[which];
      return await open(url, which === "no-table" ? "nothing" : "t", [key]);
    },
  });
}

contractWith("mariadb", (key) => `PRIMARY KEY (${key})`);
contractWith("mariadb with another unique index", (key) => `PRIMARY KEY (${key}), UNIQUE (version, id, tenant)`);
contractWith("mariadb with a unique index as its key", (key) => `UNIQUE (${key}), UNIQUE (version, id, tenant)`);

test("mariadb: every type that is asked for goes through without loss", async () => {
  const url = await server.database();
  await server.run(
    url,
    `CREATE TABLE t (id binary(16) PRIMARY KEY, small smallint, big bigint unsigned, flag tinyint(1), tiny tinyint, bit1 bit(1),
       bits bit(64), amount decimal(65,30), f4 float, f8 double, at timestamp(6) NULL, at0 timestamp NULL, \`local\` datetime(6),
       day date, clock time(6), y year, mood enum('sad','so, so \\'happy\\'','7'), tags set('a','b'), doc json, raw varbinary(300),
       image longblob, code char(4), u uuid, net inet6, latin varchar(20) CHARACTER SET latin1, \`odd \`\`name\` text,
       place point, twice bigint AS (small * 2) STORED);
     INSERT INTO t (id, small, big, flag, tiny, bit1, bits, amount, f4, f8, at, at0, \`local\`, day, clock, y, mood, tags, doc, raw, image, code, u, net, latin, \`odd \`\`name\`, place) VALUES
       (X'00FF1020304050607080900A0B0C0D0E', -32768, 18446744073709551615, 2, -128, b'1', ~0, '-12345678901234567890123456789012345.000000000000000000000000000001',
        1.1, 1.7976931348623157e308, '2026-03-29 00:59:59.999999', '2026-10-25 00:30:00', '2026-03-29 02:30:00.000001', '0000-00-00', '-838:59:58.999999', 2026,
        'so, so \\'happy\\'', 'a,b', '{"n": 12345678901234567890.10, "z": null}', X'00FF0A', REPEAT(X'00', 70000), 'q', UUID(), '::ffff:10.0.0.1',
        'é', 'a"b\\\\c\\n👩', ST_GeomFromText('POINT(1 2.5)')),
       (X'01', NULL, 0, 1, NULL, b'0', 0, NULL, 16777216, -5e-324, NULL, NULL, NULL, NULL, NULL, NULL, '7', '', 'null', '', '', '', NULL, NULL, '', '', NULL);
     CREATE TABLE copy LIKE t`,
  );
  const source = await open(url, "t", ["id"], { readOnly: true });
  const target = await open(url, "copy", ["id"]);
  const { rows } = await source.page(null, 10);
  assert.deepEqual(await target.upsert(rows), { written: 2, kept: 0 });
  // Once more, over the rows that are there.
  assert.deepEqual(await target.upsert(rows), { written: 2, kept: 0 });
  assert.deepEqual(await server.ask(url, "SELECT * FROM copy"), await server.ask(url, "SELECT * FROM t"));
  const bytes = "SELECT f4 + 0e0, bits + 0, HEX(raw), LENGTH(image), ST_AsText(place) FROM";
  assert.deepEqual(await server.ask(url, `${bytes} copy`), await server.ask(url, `${bytes} t`));
  const [second, first] = [rows[1], rows[0]];
  assert.equal(first?.["big"], 18446744073709551615n);
  assert.equal(first["bits"], 18446744073709551615n);
  assert.equal(first["bit1"], true);
  assert.equal(first["flag"], 2n);
  assert.equal(second?.["flag"], true);
  assert.equal(first["tiny"], -128n);
  assert.equal(first["f4"], 1.1);
  assert.equal(first["at"], "2026-03-29T00:59:59.999999Z");
  assert.equal(first["at0"], "2026-10-25T00:30:00Z");
  assert.equal(first["local"], "2026-03-29T02:30:00.000001");
  assert.equal(first["latin"], "é");
  assert.equal(first["doc"], '{"n": 12345678901234567890.10, "z": null}');
  const kinds = new Map((await source.describe()).columns.map((column) => [column.name, column.kind]));
  assert.deepEqual(
    ["big", "flag", "tiny", "at", "local", "doc", "mood", "raw", "u"].map((column) => kinds.get(column)),
    ["integer", "boolean", "integer", "instant", "datetime", "json", "other", "bytes", "text"],
  );
  await source.close();
  await target.close();
});

test("mariadb: what a column would round, cut or count as another member is refused", async () => {
  const url = await server.database();
  await server.run(
    url,
    "CREATE TABLE t (id int PRIMARY KEY, small tinyint unsigned, name varchar(3), mood enum('sad','happy'), at timestamp NULL, amount decimal(5,2), done boolean, doc json) CHARACTER SET latin1",
  );
  const table = await open(url, "t", ["id"]);
  const refused: readonly (readonly [Row, RegExp])[] = [
    [{ small: 256n }, /Out of range value for column 'small'/],
    [{ small: -1n }, /Out of range value for column 'small'/],
    [{ small: 1.5 }, /column small .* would round or cut this number/],
    [{ small: "7x" }, /column small .* would round or cut this string/],
    [{ name: "four" }, /Data too long for column 'name'/],
    [{ name: "👩" }, /Incorrect string value for column `test\d+`\.`t`\.`name` at row 1/],
    [{ name: "\ud800" }, /has half a character/],
    [{ mood: "2" }, /column mood has no such member: enum\('sad','happy'\)/],
    [{ mood: 1n }, /column mood has no such member/],
    [{ mood: "glad" }, /Data truncated for column 'mood'/],
    [{ at: "2039-01-01T00:00:00Z" }, /Incorrect datetime value/],
    [{ at: "tomorrow" }, /Incorrect datetime value/],
    [{ amount: "1000" }, /Out of range value for column 'amount'/],
    [{ amount: "NaN" }, /column amount .* holds numbers/],
    [{ amount: Number.POSITIVE_INFINITY }, /column amount .* holds numbers/],
    [{ done: "yes" }, /column done/],
    [{ doc: "{" }, /CONSTRAINT `t\.doc` failed/],
    [{ nowhere: 1n }, /it has no column nowhere/],
  ];
  for (const [row, says] of refused) {
    await assert.rejects(table.upsert([{ id: 1n, ...row }]), (error) => {
      assert.ok(error instanceof CrossfadeError);
      assert.match(error.message, says);
      assert.doesNotMatch(error.message, /glad|tomorrow|four/);
      return true;
    });
  }
  assert.deepEqual((await table.page(null, 10)).rows, []);
  await table.close();
});

test("mariadb: a row that runs into another one by some other index changes neither, and quotes no value", async () => {
  for (const constraints of ["PRIMARY KEY (id), UNIQUE (mail)", "UNIQUE (mail), UNIQUE (id)"]) {
    const url = await server.database();
    await server.run(url, `CREATE TABLE t (id int NOT NULL, mail varchar(50) NOT NULL, n int, ${constraints})`);
    const table = await open(url, "t", ["id"]);
    await table.upsert([
      { id: 1n, mail: "secret@x", n: 1n },
      { id: 2n, mail: "b@x", n: 1n },
    ]);
    for (const row of [
      { id: 3n, mail: "secret@x", n: 2n },
      { id: 2n, mail: "secret@x", n: 2n },
    ]) {
      await assert.rejects(table.upsert([row]), (error) => {
        assert.ok(error instanceof CrossfadeError && error.code === "rows-refused");
        assert.match(error.message, /Duplicate entry for key 'mail'/);
        return true;
      });
    }
    await table.upsert([{ id: 2n, mail: "c@x", n: 3n }]);
    assert.deepEqual(await server.ask(url, "SELECT * FROM t ORDER BY id"), [
      ["1", "secret@x", "1"],
      ["2", "c@x", "3"],
    ]);
    await table.close();
  }
});

test("mariadb: a key that a collation takes for another one is no licence to write or remove that row", async () => {
  const url = await server.database();
  await server.run(
    url,
    "CREATE TABLE t (id varchar(20) COLLATE utf8mb4_general_ci PRIMARY KEY, n int); INSERT INTO t VALUES ('Z', 1)",
  );
  const table = await open(url, "t", ["id"]);
  assert.deepEqual(await table.byKeys([["z"]]), []);
  assert.equal(await table.remove([["z"], ["Z "]]), 0);
  await assert.rejects(table.upsert([{ id: "z", n: 2n }]), /takes the key Z, which is there, for the same/);
  await assert.rejects(
    table.upsert([
      { id: "y", n: 2n },
      { id: "Y", n: 2n },
    ]),
    (error) => error instanceof CrossfadeError && error.code === "rows-refused",
  );
  assert.deepEqual(await server.ask(url, "SELECT * FROM t"), [["Z", "1"]]);
  assert.deepEqual(await table.upsert([{ id: "Z", n: 5n }]), { written: 1, kept: 0 });
  assert.equal(await table.remove([["Z"]]), 1);
  await table.close();
});

test("mariadb: a time as version: older is kept whatever its spelling, and another kind of version is refused", async () => {
  const url = await server.database();
  await server.run(url, "CREATE TABLE t (id int PRIMARY KEY, v datetime(6), n int, w text)");
  const table = await open(url, "t", ["id"], { version: "v" });
  await table.upsert([{ id: 1n, v: "2026-01-01T00:00:00.5Z", n: 1n }]);
  assert.deepEqual(await table.upsert([{ id: 1n, v: "2026-01-01T00:00:00.500Z", n: 2n }]), { written: 0, kept: 1 });
  assert.deepEqual(await table.upsert([{ id: 1n, v: "2026-01-01T00:00:00.45", n: 3n }]), { written: 0, kept: 1 });
  assert.deepEqual(await table.upsert([{ id: 1n, v: "2026-01-01T00:00:00.51", n: 4n }]), { written: 1, kept: 0 });
  assert.deepEqual(await server.ask(url, "SELECT n FROM t"), [["4"]]);
  await table.close();
  const other = await open(url, "t", ["id"], { version: "w" });
  await assert.rejects(other.describe(), /its version w is text; it has to be a whole number or a time/);
  await other.close();
});

test("mariadb: rows that others insert at the same moment are written over, and none is lost", async () => {
  const url = await server.database();
  await server.run(url, "CREATE TABLE t (id int PRIMARY KEY, who varchar(10), n int, UNIQUE (n, id))");
  const tables = await Promise.all([1, 2, 3].map(async () => await open(url, "t", ["id"])));
  const rows = (who: string): Row[] => Array.from({ length: 500 }, (_, i) => ({ id: BigInt(i), who, n: BigInt(i) }));
  await Promise.all(
    tables.map(async (table, i) => {
      const mine = i === 1 ? rows(`w${i}`).toReversed() : rows(`w${i}`);
      for (let from = 0; from < 500; from += 100) await table.upsert(mine.slice(from, from + 100));
    }),
  );
  assert.deepEqual(await server.ask(url, "SELECT count(*), sum(id = n) FROM t"), [["500", "500"]]);
  for (const table of tables) await table.close();
});

test("mariadb: pages of a composite key are read as ranges of its index, and not from the first row on", async () => {
  const url = await server.database();
  await server.run(
    url,
    "CREATE TABLE t (a int, b int, c int, d int, PRIMARY KEY (a, b, c)); INSERT INTO t SELECT seq DIV 1000, (seq DIV 10) MOD 100, seq MOD 10, 1 FROM seq_0_to_99999",
  );
  const table = await open(url, "t", ["a", "b", "c"]);
  await table.describe();
  const before = Number((await server.ask(url, "SHOW GLOBAL STATUS LIKE 'Handler_read_next'"))[0]?.[1]);
  const { rows } = await table.page([99n, 98n, 5n], 10);
  const after = Number((await server.ask(url, "SHOW GLOBAL STATUS LIKE 'Handler_read_next'"))[0]?.[1]);
  assert.deepEqual(rows.map((row) => spellKey(keyOf(row, table.key))).slice(0, 2), ["99/98/6", "99/98/7"]);
  assert.ok(after - before < 100, `${after - before} rows were read for 10`);
  await table.close();
});

test("mariadb: an id of zero is an id, and a counter goes on after the highest one", async () => {
  const url = await server.database();
  await server.run(url, "CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, n int)");
  const table = await open(url, "t", ["id"]);
  await table.upsert([
    { id: 0n, n: 1n },
    { id: 41n, n: 1n },
  ]);
  await table.settleCounters();
  await server.run(url, "INSERT INTO t (n) VALUES (9)");
  assert.deepEqual(await server.ask(url, "SELECT id FROM t ORDER BY id"), [["0"], ["41"], ["42"]]);
  await table.close();
});

test("mariadb: a row that is larger than the server takes is refused and not sent", async () => {
  const url = await server.database();
  await server.run(url, "SET GLOBAL max_allowed_packet = 1048576; CREATE TABLE t (id int PRIMARY KEY, name longtext)");
  const table = await open(url, "t", ["id"]);
  await assert.rejects(table.upsert([{ id: 1n, name: "x".repeat(2_000_000) }]), /max_allowed_packet leaves 1047552/);
  assert.deepEqual(
    await table.upsert([
      { id: 1n, name: "x".repeat(900_000) },
      { id: 2n, name: "x".repeat(900_000) },
    ]),
    {
      written: 2,
      kept: 0,
    },
  );
  await table.close();
});

test("mariadb: a connection that is cut is told as one that may come back", async () => {
  const url = await server.database();
  await server.run(url, "CREATE TABLE t (id int PRIMARY KEY, a text)");
  const table = await open(url, "t", ["id"]);
  await table.upsert([{ id: 1n, a: "x" }]);
  const [[mine = null] = []] = await server.ask(
    url,
    `SELECT id FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()`,
  );
  await server.run(url, `KILL ${mine}`);
  await assert.rejects(
    table.page(null, 1),
    (error) => error instanceof CrossfadeError && error.code === "rows-unavailable" && error.retryable,
  );
  await table.close().catch(() => "it is gone");
});

test("mariadb: nobody at the address is told without the password, and so is a parameter that is not known", async () => {
  const place = { table: "t", key: ["id"], version: null };
  for (const [url, says] of [
    ["mysql://u:hush@127.0.0.1:1/db", /ECONNREFUSED/],
    [
      "mysql://u:hush@127.0.0.1:1/db?sslmode=require",
      /has the parameter sslmode, which is not known; there are ssl-mode/,
    ],
    ["mysql://u:hush@127.0.0.1:1/db?ssl-mode=maybe", /has ssl-mode=maybe; write DISABLED, REQUIRED/],
  ] as const) {
    await assert.rejects(openMysql({ url, ...place }, "mysql://127.0.0.1:1/db t", false), (error) => {
      assert.ok(error instanceof CrossfadeError);
      assert.match(error.message, says);
      assert.doesNotMatch(error.message, /hush/);
      return true;
    });
  }
});

test("mariadb: a schema has widths, signs, bounds in bytes, and whether a collation ignores case", async () => {
  const url = await server.database();
  await server.run(
    url,
    `CREATE TABLE t (id int unsigned AUTO_INCREMENT PRIMARY KEY, mid mediumint NOT NULL DEFAULT 7, name varchar(20) COLLATE utf8mb4_bin,
       note text COLLATE utf8mb4_general_ci, book longtext, amount decimal(30,10) NOT NULL, f float, at timestamp(3) NULL, local datetime(6),
       day date, mood enum('sad','so, so ''happy'''), flag tinyint(1), raw varbinary(300), image longblob, doc json, bits bit(9),
       twice bigint AS (mid * 2) STORED, UNIQUE KEY n (note(10), amount));
     INSERT INTO t (amount) VALUES (1), (2)`,
  );
  const table = await open(url, "t", ["id"], { readOnly: true });
  const { columns, unique, database } = (await table.schema?.("indexed")) ?? assert.fail();
  await table.close();
  assert.equal(database, "mysql");
  assert.deepEqual(
    columns.map(({ type }) => type),
    [
      { is: "integer", bits: 32, signed: false },
      { is: "integer", bits: 24, signed: true },
      { is: "text", length: 20 },
      { is: "text", length: 65_535 },
      { is: "text", length: null },
      { is: "decimal", precision: 30, scale: 10 },
      { is: "float", bits: 32 },
      { is: "timestamp", zone: true, digits: 3 },
      { is: "timestamp", zone: false, digits: 6 },
      { is: "date" },
      { is: "enum", members: ["sad", "so, so 'happy'"] },
      { is: "boolean" },
      { is: "bytes", length: 300 },
      { is: "bytes", length: null },
      { is: "json" },
      { is: "integer", bits: 9, signed: false },
      { is: "integer", bits: 64, signed: true },
    ],
  );
  assert.deepEqual(
    columns.slice(0, 6).map(({ filled }) => filled),
    [true, true, false, false, false, false],
  );
  assert.deepEqual(columns[0]?.held, { least: "1", most: "2" });
  assert.deepEqual(
    [columns[2]?.collation?.ignoresCase, columns[3]?.collation?.ignoresCase, columns[1]?.collation],
    [false, true, null],
  );
  assert.equal(columns.find(({ name }) => name === "twice")?.generated, true);
  assert.deepEqual(
    unique.map(({ parts, primary }) => ({ parts, primary })),
    [
      { parts: ["id"], primary: true },
      { parts: ["note(10)", "amount"], primary: false },
    ],
  );
});

test("mariadb: a commit that is confirmed and then comes too late is undone by the database", async () => {
  const url = await create(", PRIMARY KEY (id)");
  const table = await open(url, "t", ["id"]);
  const stalls = {
    confirm: async () => {
      await new Promise((resolve) => setTimeout(resolve, 1_800));
      return true;
    },
    withinMs: 1_000,
  };
  await assert.rejects(
    async () => await table.upsertConfirmed?.([{ id: 1n, tenant: "a" }], stalls),
    (thrown) => thrown instanceof CrossfadeError && thrown.code === "rows-unavailable",
  );
  await table.close().catch(() => "it is gone");
  assert.deepEqual(await server.ask(url, "SELECT id FROM t"), []);
});

test("mariadb: what is confirmed leaves the connection as it was, and a primary does not lag", async () => {
  const url = await create(", PRIMARY KEY (id)");
  const table = await open(url, "t", ["id"]);
  const confirmed = { confirm: () => Promise.resolve(true), withinMs: 1_000 };
  assert.deepEqual(await table.upsertConfirmed?.([{ id: 1n, tenant: "a" }], confirmed), { written: 1, kept: 0 });
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.equal((await table.page(null, 10)).rows.length, 1);
  assert.equal(await table.lags?.(), false);
  await table.close();
});

test("mariadb: a schema has conditions and foreign keys, and none that only make a column hold JSON", async () => {
  const url = await server.database();
  await server.run(
    url,
    `CREATE TABLE orders (shop int, id bigint, PRIMARY KEY (shop, id));
     CREATE TABLE t (id bigint PRIMARY KEY, price decimal(10,2) CHECK (price > 0), shop int, \`order\` bigint, meta json,
       CONSTRAINT both_or_none CHECK (shop IS NULL = (\`order\` IS NULL)),
       CONSTRAINT of_order FOREIGN KEY (shop, \`order\`) REFERENCES orders (shop, id))`,
  );
  const table = await open(url, "t", ["id"], { readOnly: true });
  const { rules } = (await table.schema?.("none")) ?? assert.fail();
  assert.deepEqual(
    rules?.map(({ kind, name, columns }) => [kind, name, columns]),
    [
      ["check", "both_or_none", ["shop", "order"]],
      ["check", "price", ["price"]],
      ["foreign-key", "of_order", ["shop", "order"]],
    ],
  );
  assert.deepEqual([rules[1]?.says, rules[2]?.says], ["`price` > 0", "orders (shop, id)"]);
  await table.close();
});

test("mariadb: a schema has triggers with what they run at", async () => {
  const url = await server.database();
  await server.run(url, "CREATE TABLE t (id bigint PRIMARY KEY, name text)");
  await server.run(url, "CREATE TRIGGER touch BEFORE UPDATE ON t FOR EACH ROW SET NEW.name = 'x'");
  await server.run(url, "CREATE TRIGGER log AFTER INSERT ON t FOR EACH ROW SET @x = 1");
  const table = await open(url, "t", ["id"], { readOnly: true });
  assert.deepEqual((await table.schema?.("none"))?.triggers, [
    { name: "log", when: "after insert" },
    { name: "touch", when: "before update" },
  ]);
  await table.close();
});
