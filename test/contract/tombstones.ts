/** What a database has to do for deleted rows that stay in their table, marked. */
import assert from "node:assert/strict";
import { CrossfadeError } from "../../proxy/errors.ts";
import type { Row, RowTarget } from "../../proxy/rows/rows.ts";
import { type ContractTable, full } from "./contract-table.ts";

/** `done` marks them. */
export function tombstoneContract(
  contract: (property: string, work: () => Promise<void>) => void,
  withTable: (table: ContractTable, work: (table: RowTarget) => Promise<void>) => Promise<void>,
): void {
  const marked = { key: ["id"], version: "version", tombstone: "done" };
  const row = (id: bigint, version: bigint | null, name: string): Row => {
    const { done: _, ...rest } = full(id, { version, name });
    return rest;
  };
  const names = async (table: RowTarget) => (await table.page(null, 10)).rows.map((each) => each["name"]);
  const buried = async (table: RowTarget) =>
    (await table.tombstones?.([[1n], [2n], [3n], [4n]]))?.map((each) => [each["id"], each["version"]]).sort();

  contract("a removed row stays as a tombstone of a newer version, which is no row", async () => {
    await withTable(marked, async (table) => {
      await table.upsert([row(1n, 5n, "one"), row(2n, null, "two"), row(3n, 1n, "three")]);
      assert.equal(await table.remove([[1n], [2n], [4n]]), 2);
      assert.equal(await table.remove([[1n]]), 0, "it was removed before");
      assert.deepEqual(await names(table), ["three"]);
      assert.deepEqual(await table.byKeys([[1n], [2n]]), []);
      assert.deepEqual(await table.draw?.(10), [[3n]]);
      assert.deepEqual(await buried(table), [
        [1n, 6n],
        [2n, 1n],
      ]);
      const { digests } = table;
      if (digests === null) return;
      const columns = [{ name: "name", spelling: "stored" }] as const;
      const [way] = digests.ways;
      if (way === undefined) assert.fail("it has no way to make digests");
      assert.equal((await digests.of(way, columns, { after: null, upTo: null })).rows, 1);
      assert.equal((await digests.hashes(way, columns, { after: null, upTo: null }, 10)).length, 1);
      assert.equal(await digests.keyAt(null, 2), null);
    });
  });

  contract("nothing older than its deletion brings a row back, and what is newer does", async () => {
    await withTable(marked, async (table) => {
      await table.upsert([row(1n, 5n, "one")]);
      await table.remove([[1n]]);
      for (const old of [row(1n, 5n, "old"), row(1n, 6n, "same"), row(1n, null, "of no version")])
        assert.deepEqual(await table.upsert([old]), { written: 0, kept: 1 });
      const { version: _, ...silent } = row(1n, 0n, "says no version");
      assert.deepEqual(await table.upsert([silent]), { written: 0, kept: 1 });
      assert.deepEqual(await names(table), []);
      const guard = { confirm: () => Promise.resolve(true), withinMs: 5_000 };
      assert.deepEqual(await table.upsertConfirmed?.([row(1n, 6n, "same")], guard), { written: 0, kept: 1 });
      assert.deepEqual(await table.upsert([row(1n, 7n, "new")]), { written: 1, kept: 0 });
      assert.deepEqual([await names(table), await buried(table)], [["new"], []]);
      // A row that says of itself that it was deleted.
      assert.deepEqual(await table.upsert([full(1n, { version: 8n, done: true })]), { written: 1, kept: 0 });
      assert.deepEqual([await names(table), await buried(table)], [[], [[1n, 8n]]]);
    });
  });

  contract("rows are revised with tombstones in their places", async () => {
    await withTable(marked, async (table) => {
      await table.upsert([row(1n, 5n, "one"), row(2n, 5n, "two"), row(3n, 5n, "three")]);
      await table.remove([[1n], [2n]]);
      let given: readonly Row[] = [];
      await table.revise([[1n], [2n], [3n], [4n]], (there) => {
        given = there;
        const add = [row(1n, 7n, "newer"), row(2n, 6n, "older"), row(4n, 1n, "four")];
        return { add, replace: [], remove: [[3n]] };
      });
      assert.deepEqual(
        given.map((each) => each["id"]),
        [3n],
      );
      assert.deepEqual(await names(table), ["newer", "four"]);
      assert.deepEqual(await buried(table), [
        [2n, 6n],
        [3n, 6n],
      ]);
    });
  });

  contract("a column that cannot mark a deleted row is refused", async () => {
    await withTable({ ...marked, tombstone: "ratio" }, async (table) => {
      const refused = (error: unknown): boolean =>
        error instanceof CrossfadeError &&
        error.code === "rows-unusable" &&
        error.message.includes("its tombstone ratio has to be a boolean or a time");
      await assert.rejects(table.page(null, 1), refused);
    });
    await withTable({ ...marked, tombstone: "nowhere" }, async (table) => {
      await assert.rejects(table.page(null, 1), /it has no column nowhere; it has id, /);
    });
  });
}
