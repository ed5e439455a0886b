/** What every database has to do for backfill and reconcile: one suite, run unchanged against each. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CrossfadeError } from "../../proxy/errors.ts";
import {
  keyOf,
  type Row,
  type RowDigest,
  type RowHash,
  type RowKey,
  type RowSource,
  type RowTarget,
  spellKey,
} from "../../proxy/rows/rows.ts";
import { onlyKeys, onlySince, readKeys } from "../../proxy/migrate/chosen-rows.ts";
import { drawRows } from "../../proxy/migrate/draw-rows.ts";
import { type ContractTable, full } from "./contract-table.ts";
import { tombstoneContract } from "./tombstones.ts";

export interface RowDatabase {
  readonly name: string;
  /**
   * Makes a table of an own database and opens it. The columns: `id` 64-bit key, `tenant` text (of the key too where `key` has
   * it), `name` text null, `price` exact decimal, `ratio` double, `done` boolean, `photo` bytes, `meta` JSON,
   * `version` 64-bit null.
   */
  open(table: ContractTable): Promise<RowTarget>;
  /** The same table again, so that it cannot be written. */
  openReadOnly(target: RowTarget): Promise<RowTarget>;
  /** Opens a table that there is not, or with a key that is none. */
  openBroken(which: "no-table" | "no-column" | "no-unique" | "null-key"): Promise<RowTarget>;
  /**
   * What is not behind this port: a catalogue that tells a schema, one that tells what is unique, transactions, deleted rows
   * that stay. Each is held to what the port says of itself.
   */
  readonly lacks?: readonly ("schema" | "constraints" | "transactions" | "tombstones")[];
  /** What it gives back for a row: JSON in its own spelling. Default: the row. */
  readonly spelled?: (row: Row) => Row;
  /** Rows of a batch that no statement takes in one piece. Default: 20,000. */
  readonly manyRows?: number;
}

const ID = ["id"];

export function rowContract({ name, open, openReadOnly, openBroken, lacks = [], ...more }: RowDatabase): void {
  const { spelled = (row: Row) => row, manyRows = 20_000 } = more;
  const contract = (property: string, work: () => Promise<void>): void => {
    test(`${name}: ${property}`, work);
  };

  contract("values come back as they went in, to the last digit and byte", async () => {
    const rows: Row[] = [
      full(1n, { price: "12345678901234567890.0123456789", ratio: 0.1, photo: Buffer.from([0, 1, 255]) }),
      full(2n, { id: 9223372036854775807n, version: -9223372036854775808n, price: "-0.0000000001", ratio: 1e300 }),
      full(3n, { name: "Zoë 👩‍🚀 'quoted\" \\ \n {a,b}", done: true, meta: '{"n": 9007199254740993, "s": "\\u00e9"}' }),
      full(4n, { name: "", photo: Buffer.alloc(0), meta: "null", ratio: -5e-324 }),
      full(5n, { name: null, price: null, ratio: null, done: null, photo: null, meta: null, version: null }),
    ];
    await withTable({ key: ID }, async (table) => {
      assert.deepEqual(await table.upsert(rows), { written: rows.length, kept: 0 });
      const { rows: read, isFull } = await table.page(null, 100);
      assert.equal(isFull, false);
      const byId = new Map(read.map((row) => [row["id"], row]));
      for (const row of rows) assert.deepEqual(plain(byId.get(row["id"] as bigint)), plain(spelled(row)));
    });
  });

  contract("what a table is made of is told", async () => {
    await withTable({ key: ID }, async (table) => {
      const { columns } = await table.describe();
      assert.deepEqual(
        columns.map((column) => [column.name, column.kind]),
        [
          ["id", "integer"],
          ["tenant", "text"],
          ["name", "text"],
          ["price", columns.find((column) => column.name === "price")?.kind],
          ["ratio", "double"],
          ["done", "boolean"],
          ["photo", "bytes"],
          ["meta", "json"],
          ["version", "integer"],
        ],
      );
      assert.equal(columns.find((column) => column.name === "id")?.nullable, false);
      assert.equal(columns.find((column) => column.name === "name")?.nullable, true);
    });
  });

  contract("its schema is told from the catalogue, with what its integers hold", async () => {
    await withTable({ key: ["tenant", "id"], version: "version" }, async (table) => {
      assert.equal(table.schema === undefined, lacks.includes("schema"));
      if (table.schema === undefined) return;
      await table.upsert([full(9007199254740993n, { version: 7n }), full(-5n, { version: 9n })]);
      const { columns, unique } = (await table.schema?.("all")) ?? assert.fail("it tells no schema");
      const of = new Map(columns.map((column) => [column.name, column]));
      assert.deepEqual(
        columns.map((column) => column.name),
        ["id", "tenant", "name", "price", "ratio", "done", "photo", "meta", "version"],
      );
      assert.deepEqual(
        ["id", "tenant", "name", "ratio", "done", "photo", "meta"].map((column) => of.get(column)?.type.is),
        ["integer", "text", "text", "float", "boolean", "bytes", "json"],
      );
      assert.deepEqual(of.get("id")?.type, { is: "integer", bits: 64, signed: true });
      assert.deepEqual(of.get("id")?.held, { least: "-5", most: "9007199254740993" });
      assert.deepEqual(of.get("version")?.held, { least: "7", most: "9" });
      assert.equal(of.get("id")?.nullable, false);
      assert.equal(of.get("id")?.filled, false);
      assert.equal(of.get("name")?.nullable, true);
      assert.equal(of.get("name")?.filled, false);
      assert.deepEqual(unique.find((index) => index.parts.length === 2)?.parts, ["tenant", "id"]);
      const indexed = (await table.schema?.("indexed"))?.columns ?? [];
      assert.equal(indexed.find((column) => column.name === "id")?.held, null, "no index begins with it");
      // What a key is does not matter to a schema: that it is gone is what has to be told.
      for (const look of ["none", "indexed"] as const) {
        const broken = await openBroken("no-column");
        assert.equal((await broken.schema?.(look))?.columns.length, 9);
        await broken.close();
      }
      const none = await openBroken("no-table");
      await assert.rejects(none.schema?.("none") ?? Promise.resolve(), (error) => {
        assert.ok(error instanceof CrossfadeError && error.code === "rows-unusable", String(error));
        return true;
      });
      await none.close();
    });
  });

  contract("pages hold every row once, in the order of the key, whatever their size", async () => {
    await withTable({ key: ID }, async (table) => {
      const ids = [-9223372036854775808n, -1n, 0n, 1n, 2n, 9n, 10n, 100n, 9007199254740993n, 9223372036854775807n];
      await table.upsert(ids.toReversed().map((id) => full(id)));
      for (const limit of [1, 3, 10, 11]) assert.deepEqual(await allIds(table, limit), ids);
    });
  });

  contract("pages of a composite key hold every row once", async () => {
    await withTable({ key: ["tenant", "id"] }, async (table) => {
      const rows = ["a", "a'b", "b", "é", "👩"].flatMap((tenant) => [1n, 2n, 3n].map((id) => full(id, { tenant })));
      await table.upsert(rows);
      for (const limit of [1, 2, 4, 15, 16]) {
        const keys = (await everyRow(table, limit)).map((row) => spellKey(keyOf(row, table.key)));
        assert.equal(keys.length, rows.length);
        assert.deepEqual(new Set(keys), new Set(rows.map((row) => spellKey(keyOf(row, table.key)))));
      }
    });
  });

  contract("a full page says that there may be more", async () => {
    await withTable({ key: ID }, async (table) => {
      await table.upsert([full(1n), full(2n)]);
      assert.equal((await table.page(null, 2)).isFull, true);
      assert.deepEqual(await table.page([2n], 2), { rows: [], isFull: false });
    });
  });

  contract("pages end with a key where one is told", async () => {
    await withTable({ key: ["tenant", "id"] }, async (table) => {
      await table.upsert(["a", "b", "c"].flatMap((tenant) => [1n, 2n, 3n].map((id) => full(id, { tenant }))));
      const between = async (after: RowKey | null, upTo: RowKey | null, limit = 100) =>
        (await table.page(after, limit, upTo)).rows.map((row) => spellKey(keyOf(row, table.key)));
      assert.deepEqual(await between(null, ["a", 2n]), ["a/1", "a/2"]);
      assert.deepEqual(await between(["a", 2n], ["b", 1n]), ["a/3", "b/1"]);
      assert.deepEqual(await between(["b", 1n], ["c", 9n], 3), ["b/2", "b/3", "c/1"]);
      assert.deepEqual(await between(["b", 3n], null), ["c/1", "c/2", "c/3"]);
      assert.deepEqual(await between(["b", 3n], ["b", 3n]), []);
    });
  });

  contract("rows that were changed since a moment are read in pages, with those that do not say when", async () => {
    await withTable({ key: ID }, async (table) => {
      const at = (day: number): string => `2026-11-${day}T12:00:00Z`;
      const days = [21, 23, 24, 20, 25, 21, 26];
      await table.upsert([...days.map((day, i) => full(BigInt(i), { name: at(day) })), full(7n, { name: null })]);
      const changed = onlySince(table, { column: "name", at: "2026-11-22T00:00:00.000Z" });
      for (const limit of [1, 2, 3, 5, 100]) assert.deepEqual(await allIds(changed, limit), [1n, 2n, 4n, 6n, 7n]);
      assert.deepEqual(await allIds(onlySince(table, { column: "name", at: "2027-01-01T00:00:00.000Z" }), 2), [7n]);
    });
  });

  contract("rows of given keys are read in pages, in their order, without those that are not there", async () => {
    await withTable({ key: ["tenant", "id"] }, async (table) => {
      const rows = ["a", "b/c"].flatMap((tenant) => [1n, 2n, 3n].map((id) => full(id, { tenant })));
      await table.upsert(rows);
      const { columns } = await table.describe();
      const keys = readKeys(["b~1c/3", "a/9", "a/1", "x/1", "b~1c/2", "a/1"], table.key, columns);
      for (const limit of [1, 2, 3, 100]) {
        const found = await everyRow(onlyKeys(table, keys), limit);
        assert.deepEqual(
          found.map((row) => spellKey(keyOf(row, table.key))),
          ["b~1c/3", "a/1", "b~1c/2"],
        );
      }
      assert.throws(() => readKeys(["a"], table.key, columns), /"a" has 1 parts, and the key has 2 columns/);
      assert.throws(() => readKeys(["a/b"], table.key, columns), /"a\/b" is no whole number/);
    });
  });

  contract("a table is split into ranges of about as many rows, which hold every row once", async () => {
    await withTable({ key: ["tenant", "id"] }, async (table) => {
      if (table.splits === undefined) return;
      assert.deepEqual(await table.splits(4), []);
      await table.upsert([full(1n, { tenant: "only" })]);
      assert.ok((await table.splits(4)).length <= 1);
      // Most rows are of one tenant, and their numbers are far apart.
      const many = Array.from({ length: 900 }, (_, i) => full(BigInt(i) ** 3n, { tenant: "m" }));
      await table.upsert([...many, ...["a", "z'"].flatMap((tenant) => [1n, 2n, 3n].map((id) => full(id, { tenant })))]);
      const keys = await table.splits(4);
      assert.equal(keys.length, 3);
      const held: string[] = [];
      for (const [i, after] of [null, ...keys].entries()) {
        const { rows } = await table.page(after, 10_000, keys[i] ?? null);
        assert.ok(rows.length > 100 && rows.length < 400, `range ${i} has ${rows.length} of 907 rows`);
        held.push(...rows.map((row) => spellKey(keyOf(row, table.key))));
      }
      assert.deepEqual([held.length, new Set(held).size], [907, 907]);
    });
  });

  contract("rows are drawn at random, none oftener than another, however uneven their keys are", async () => {
    await withTable({ key: ID }, async (table) => {
      // Every tenth one has all keys before it for itself, which a draw by keys would give it the chance of.
      const sparse = Array.from({ length: 20 }, (_, i) => full(BigInt(i + 1) * 1_000_000n));
      await table.upsert([...Array.from({ length: 180 }, (_, i) => full(BigInt(i))), ...sparse]);
      let drawnSparse = 0;
      const [draws, each] = [30, 50];
      const drawnOf = new Map<string, number>();
      for (let i = 0; i < draws; i += 1) {
        const { keys } = await drawRows(table, each, Math.random);
        const spelled = new Set(keys.map(spellKey));
        assert.equal(spelled.size, each, "no row is drawn twice");
        for (const key of spelled) drawnOf.set(key, (drawnOf.get(key) ?? 0) + 1);
        drawnSparse += keys.filter(([id]) => (id as bigint) >= 1_000_000n).length;
      }
      // 150 of 1,500 are to be expected, with a deviation of 10: six times that does not happen.
      assert.ok(Math.abs(drawnSparse - 150) < 60, `${drawnSparse} of ${draws * each} draws are of the sparse tenth`);
      // Of each 7.5, with a deviation of 2.4.
      assert.ok(Math.max(...drawnOf.values()) < 23, "none is drawn much oftener than others");
      const all = await drawRows(table, 500, Math.random);
      assert.deepEqual([new Set(all.keys.map(spellKey)).size, all.of], [200, 200]);
    });
    await withTable({ key: ["tenant", "id"] }, async (table) => {
      await table.upsert([full(1n, { tenant: "b" }), full(1n, { tenant: "a" })]);
      assert.deepEqual((await drawRows(table, 9, Math.random)).keys.map(spellKey).sort(), ["a/1", "b/1"]);
    });
  });

  contract("digests of ranges tell rows apart by every value, and not by when they were written", async () => {
    await withTable({ key: ["id"] }, async (table) => {
      const { digests } = table;
      if (digests === null) return;
      const rows = Array.from({ length: 50 }, (_, i) => full(BigInt(i), { name: i % 7 === 0 ? null : `n${i}` }));
      await table.upsert(rows);
      assert.equal(await digests.keyOrder(), "integer");
      assert.deepEqual(await digests.keyAt(null, 20), [19n]);
      assert.deepEqual(await digests.keyAt([19n], 30), [49n]);
      assert.equal(await digests.keyAt([19n], 31), null);
      const columns = (await table.describe()).columns;
      for (const way of digests.ways) {
        const spelling = way === "portable" ? ("portable" as const) : ("stored" as const);
        const of = async (after: RowKey | null, upTo: RowKey | null): Promise<RowDigest> =>
          await digests.of(
            way,
            columns.map((column) => ({ name: column.name, spelling })),
            { after, upTo },
          );
        const [whole, first, second] = [await of(null, null), await of(null, [19n]), await of([19n], null)];
        assert.deepEqual([whole.rows, first.rows, second.rows], [50, 20, 30]);
        assert.equal(BigInt.asUintN(64, first.sum + second.sum), whole.sum);
        assert.deepEqual(await of([49n], null), { rows: 0, sum: 0n });
        const names = columns.map((column) => ({ name: column.name, spelling }));
        const hashes: readonly RowHash[] = await digests.hashes(way, names, { after: [9n], upTo: [39n] }, 20);
        assert.deepEqual(
          hashes.map(({ key: [id] }) => id),
          Array.from({ length: 20 }, (_, i) => BigInt(i + 10)),
        );
        const between: RowDigest = await digests.of(way, names, { after: [9n], upTo: [29n] });
        assert.equal(
          BigInt.asUintN(
            64,
            hashes.reduce((sum, { hash }) => sum + hash, 0n),
          ),
          between.sum,
        );
        await table.remove([[5n], [6n]]);
        assert.notEqual((await of(null, null)).sum, whole.sum);
        await table.upsert([rows[6] as Row, rows[5] as Row]);
        assert.deepEqual(await of(null, null), whole);
        const changes: Row[] = [
          { name: "" },
          { name: null },
          { name: "N5" },
          { name: "n5 " },
          { price: "1.5000000001" },
          { price: null },
          { ratio: 2.5000000000000004 },
          { done: true },
          { done: null },
          { photo: Buffer.from([1, 0]) },
          { photo: Buffer.alloc(0) },
          { meta: "{ }" },
          { meta: null },
          { version: 2n },
        ];
        for (const change of changes) {
          await table.upsert([{ ...(rows[5] as Row), ...change }]);
          assert.notEqual((await of(null, null)).sum, whole.sum, `${way}: ${Object.keys(change).join()}`);
        }
        // A value that moved to its neighbour, or two that were exchanged between rows.
        await table.upsert([{ ...(rows[5] as Row), tenant: "tn5", name: "" }]);
        assert.notEqual((await of(null, null)).sum, whole.sum);
        await table.upsert([
          { ...(rows[5] as Row), name: "n6" },
          { ...(rows[6] as Row), name: "n5" },
        ]);
        assert.notEqual((await of(null, null)).sum, whole.sum);
        await table.upsert(rows);
        assert.deepEqual(await of(null, null), whole);
      }
    });
  });

  contract("rows are found by their keys, and those that are not there are not", async () => {
    await withTable({ key: ["tenant", "id"] }, async (table) => {
      await table.upsert([full(1n, { tenant: "a" }), full(2n, { tenant: "a" }), full(1n, { tenant: "b" })]);
      const keys: RowKey[] = [
        ["a", 1n],
        ["b", 1n],
        ["b", 2n],
      ];
      const found = await table.byKeys(keys);
      assert.deepEqual(found.map((row) => spellKey(keyOf(row, table.key))).sort(), ["a/1", "b/1"]);
      assert.deepEqual(await table.byKeys([]), []);
    });
  });

  contract("a row is written over the one that is there; columns that it has not are left", async () => {
    await withTable({ key: ID }, async (table) => {
      await table.upsert([full(1n, { name: "old", price: "1" })]);
      assert.deepEqual(await table.upsert([{ id: 1n, tenant: "t", name: "new" }]), { written: 1, kept: 0 });
      const [row] = await table.byKeys([[1n]]);
      assert.equal(row?.["name"], "new");
      assert.equal(row?.["done"], false);
      await table.upsert([{ id: 1n, tenant: "t", name: null }]);
      assert.equal((await table.byKeys([[1n]]))[0]?.["name"], null);
    });
  });

  contract("of two rows with one key in a batch the last counts", async () => {
    await withTable({ key: ID }, async (table) => {
      await table.upsert([full(1n, { name: "first" }), full(2n), full(1n, { name: "last" })]);
      assert.deepEqual(
        (await table.page(null, 10)).rows.map((row) => row["name"]),
        ["last", "n"],
      );
    });
  });

  contract("with a version only an older row is written over", async () => {
    await withTable({ key: ID, version: "version" }, async (table) => {
      await table.upsert([full(1n, { version: 5n }), full(2n, { version: null })]);
      const next = [
        full(1n, { version: 5n, name: "same" }),
        full(2n, { version: 1n, name: "first version" }),
        full(3n, { version: 1n }),
      ];
      assert.deepEqual(await table.upsert(next), { written: 2, kept: 1 });
      assert.deepEqual(await table.upsert([full(1n, { version: 4n, name: "older" })]), { written: 0, kept: 1 });
      assert.deepEqual(await table.upsert([full(1n, { version: 6n, name: "newer" })]), { written: 1, kept: 0 });
      assert.deepEqual(
        (await table.page(null, 10)).rows.map((row) => row["name"]),
        ["newer", "first version", "n"],
      );
    });
  });

  if (!lacks.includes("tombstones")) tombstoneContract(contract, withTable);

  contract("a batch with one row that cannot be written leaves nothing behind", async () => {
    await withTable({ key: ID }, async (table) => {
      await table.upsert([full(1n, { name: "old" })]);
      const batch = [full(1n, { name: "new" }), full(2n), full(3n, { tenant: null })];
      await assert.rejects(
        table.upsert(batch),
        (error) => error instanceof CrossfadeError && error.code === "rows-refused",
      );
      assert.equal(table.singly === true, lacks.includes("transactions"));
      const names = (await table.page(null, 10)).rows.map((row) => row["name"]);
      // Written by itself, a row stays what it was or is what it was to be; the refused one is not there in any case.
      if (table.singly === true) assert.ok(!(await allIds(table, 10)).includes(3n));
      else assert.deepEqual(names, ["old"]);
    });
  });

  contract("what is not confirmed is not written, and what is confirmed is, after all of it was", async () => {
    await withTable({ key: ID, version: "version" }, async (table) => {
      const { upsertConfirmed } = table;
      // A port that cannot do it does not say that it can.
      if (upsertConfirmed === undefined) return;
      await table.upsert([full(1n, { name: "there", version: 5n })]);
      const rows = [full(1n, { name: "older", version: 4n }), full(2n, { name: "new" })];
      const [refused, confirmed] = [false, true].map((answer) => ({
        confirm: () => Promise.resolve(answer),
        withinMs: 5_000,
      }));
      assert.equal(await upsertConfirmed.call(table, rows, refused as never), null);
      assert.equal((await table.page(null, 10)).rows.length, 1);
      const failing = { confirm: () => Promise.reject(new Error("nobody answers")), withinMs: 5_000 };
      await assert.rejects(upsertConfirmed.call(table, rows, failing), /nobody answers/);
      assert.equal((await table.page(null, 10)).rows.length, 1);
      assert.deepEqual(await upsertConfirmed.call(table, rows, confirmed as never), { written: 1, kept: 1 });
      assert.equal((await table.page(null, 10)).rows.length, 2);
    });
  });

  contract("rows that somebody changed without a mark since a moment are counted", async () => {
    await withTable({ key: ID }, async (table) => {
      const at = (day: number): string => `2026-11-${day} 12:00:00`;
      await table.upsert([
        full(1n, { tenant: "api", name: at(21) }),
        full(2n, { tenant: "api", name: at(23) }),
        full(3n, { tenant: "O'Brien", name: at(23) }),
        full(4n, { tenant: "psql", name: at(24) }),
        full(5n, { tenant: "psql", name: at(21) }),
      ]);
      const marks = { column: "tenant", is: ["api", "O'Brien"], changedAt: "name", since: "2026-11-22T00:00:00.000Z" };
      assert.equal(await table.unmarked?.(marks), table.unmarked === undefined ? undefined : 1);
      assert.equal(await table.unmarked?.({ ...marks, is: ["api"] }), table.unmarked === undefined ? undefined : 2);
    });
  });

  contract("rows are removed by their keys", async () => {
    await withTable({ key: ID }, async (table) => {
      await table.upsert([full(1n), full(2n), full(3n)]);
      assert.equal(await table.remove([[1n], [3n], [4n]]), 2);
      assert.equal(await table.remove([]), 0);
      assert.deepEqual(await allIds(table, 10), [2n]);
    });
  });

  contract("rows are revised as they are under their locks, all of them or none", async () => {
    await withTable({ key: ID }, async (table) => {
      await table.upsert([full(1n, { name: "one" }), full(2n, { name: "two" }), full(3n)]);
      const names = async () =>
        (await table.page(null, 10)).rows.map((row) => `${String(row["id"])} ${String(row["name"])}`);
      const keys: RowKey[] = [[1n], [2n], [4n]];
      let given: readonly Row[] = [];
      await table.revise(keys, (there) => {
        given = there;
        return { add: [full(4n, { name: "four" })], replace: [full(1n, { name: "first" })], remove: [[2n]] };
      });
      assert.deepEqual(given.map((row) => row["name"]).sort(), ["one", "two"]);
      assert.deepEqual(await names(), ["1 first", "3 n", "4 four"]);
      if (table.singly === true) return;
      const undone = table.revise(keys, () => ({
        add: [],
        replace: [full(1n, { name: "never" }), full(4n, { tenant: null })],
        remove: [[3n]],
      }));
      await assert.rejects(undone, (error) => error instanceof CrossfadeError && error.code === "rows-refused");
      await assert.rejects(
        table.revise(keys, () => {
          throw new TypeError("the decision failed");
        }),
        /the decision failed/,
      );
      assert.deepEqual(await names(), ["1 first", "3 n", "4 four"]);
    });
  });

  contract("a batch of thousands is one batch", async () => {
    await withTable({ key: ID }, async (table) => {
      const rows = Array.from({ length: manyRows }, (_, i) => full(BigInt(i)));
      assert.deepEqual(await table.upsert(rows), { written: manyRows, kept: 0 });
      assert.equal((await table.byKeys(rows.map((row) => keyOf(row, ID)))).length, manyRows);
      assert.equal(await table.remove(rows.map((row) => keyOf(row, ID))), manyRows);
    });
  });

  contract("a source cannot be written", async () => {
    await withTable({ key: ID }, async (table) => {
      await table.upsert([full(1n)]);
      const source = await openReadOnly(table);
      try {
        assert.deepEqual(await allIds(source, 10), [1n]);
        await assert.rejects(source.upsert([full(2n)]), CrossfadeError);
        await assert.rejects(source.remove([[1n]]), CrossfadeError);
      } finally {
        await source.close();
      }
      assert.deepEqual(await allIds(table, 10), [1n]);
    });
  });

  for (const [which, says] of [
    ["no-table", /there is no table/],
    ["no-column", /it has no column nowhere; it has id, /],
    ["no-unique", /nothing keeps two rows from having one name/],
    ["null-key", /it may be null/],
  ] as const) {
    if (lacks.includes("constraints") && (which === "no-unique" || which === "null-key")) continue;
    contract(`a table that cannot be paged through is refused: ${which}`, async () => {
      const table = await openBroken(which);
      try {
        await assert.rejects(
          table.describe(),
          (error) => error instanceof CrossfadeError && error.code === "rows-unusable" && says.test(error.message),
        );
      } finally {
        await table.close();
      }
    });
  }

  async function withTable(table: ContractTable, work: (table: RowTarget) => Promise<void>): Promise<void> {
    const opened = await open(table);
    try {
      await work(opened);
    } finally {
      await opened.close();
    }
  }
}

/**
 * Bytes as text: Buffers and Uint8Arrays compare as different classes. A column of so many decimals has zeros at the end of
 * each value; they are the column's, and no digit of it.
 */
function plain(row: Row | undefined): unknown {
  if (row === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [
      column,
      value instanceof Uint8Array
        ? Buffer.from(value).toString("hex")
        : column === "price" && typeof value === "string"
          ? value.replace(/(\.\d*?)0+$/, "$1")
          : value,
    ]),
  );
}

async function allIds(table: RowSource, limit: number): Promise<readonly unknown[]> {
  return (await everyRow(table, limit)).map((row) => row["id"]);
}

async function everyRow(table: RowSource, limit: number): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (let after: RowKey | null = null; ;) {
    const page = await table.page(after, limit);
    rows.push(...page.rows);
    const last = page.rows.at(-1);
    if (!page.isFull || last === undefined) return rows;
    after = keyOf(last, table.key);
  }
}
