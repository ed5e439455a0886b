import assert from "node:assert/strict";
import { test } from "node:test";
import type { CollectionValues } from "../../../proxy/config/collection-settings.ts";
import { mapRows, mappingTransformer, sourceKeysBy } from "../../../proxy/migrate/mapped-rows.ts";
import { AS_THEY_ARE } from "../../../proxy/migrate/transformer.ts";
import type { RowValues } from "../../../proxy/rows/row-values.ts";
import type { Row, RowSource } from "../../../proxy/rows/rows.ts";

const VALUES: CollectionValues = {
  learn: [{ from: "id", to: "id", kind: "user" }],
  apply: [{ at: "manager", kind: "user" }],
};

/** A map that keeps the first of two that disagree, as the store does. */
function valueMap(known: readonly (readonly [legacy: string, next: string])[] = []) {
  const pairs = [...known];
  const spelled: unknown[] = [];
  const ask: RowValues = (asked) =>
    Promise.resolve(
      asked.map((one) => {
        if (one.spelled !== undefined) spelled.push(one.spelled);
        const { legacy, next } = one;
        const isFree = !pairs.some(([a, b]) => a === legacy || b === next);
        if (legacy !== undefined && next !== undefined && isFree) pairs.push([legacy, next]);
        const found = pairs.find(([a, b]) => (legacy === undefined ? b === next : a === legacy));
        return legacy === undefined
          ? { legacy: found?.[0] ?? null, next: next ?? null }
          : { legacy, next: found?.[1] ?? null };
      }),
    );
  return { pairs, ask, spelled };
}

const row = (id: bigint, next: string, manager: bigint | null = null) => ({
  of: { id } as Row,
  row: { id: next, manager, name: "x" } as Row,
});

test("a new row teaches its pair, one that next has made keeps next's id, and columns that name rows get next's ids", async () => {
  const { pairs, ask, spelled } = valueMap([["2", "k9"]]);
  const mapped = await mapRows([row(1n, "old-1"), row(2n, "old-2", 1n)], VALUES, ask, true);
  assert.deepEqual(mapped, [
    { ok: true, row: { id: "old-1", manager: null, name: "x" } },
    { ok: true, row: { id: "k9", manager: "old-1", name: "x" } },
  ]);
  const texts = await mapRows([{ of: { id: 3n }, row: { id: "old-3", manager: "2" } }], VALUES, ask, true);
  assert.deepEqual(texts, [{ ok: true, row: { id: "old-3", manager: "k9" } }]);
  assert.deepEqual(pairs, [
    ["2", "k9"],
    ["1", "old-1"],
    ["3", "old-3"],
  ]);
  assert.deepEqual(spelled[0], ["number", "string"]);
});

test("a row that names one which is not there yet is set aside, and so is one whose id next has given to another", async () => {
  const { ask } = valueMap([["2", "k9"]]);
  const [unknown, taken] = await mapRows([row(5n, "old-5", 77n), row(6n, "k9")], VALUES, ask, true);
  assert.deepEqual(unknown, {
    ok: false,
    why: "column manager: user 77 has no partner at next yet; bring over its rows first",
  });
  assert.deepEqual(taken, { ok: false, why: "user k9 of next is the partner of another one than 6" });
});

test("of several rows that one is made of the first has its id", async () => {
  const { ask, pairs } = valueMap();
  const of: Row = { id: 1n };
  const values = { ...VALUES, apply: [] };
  const mapped = await mapRows(
    [
      { of, row: { id: "a" } },
      { of, row: { id: "b" } },
    ],
    values,
    ask,
    true,
  );
  assert.deepEqual(
    mapped.map((one) => one.ok && one.row["id"]),
    ["a", "b"],
  );
  assert.deepEqual(pairs, [["1", "a"]]);
});

test("what only reads teaches nothing, and leaves what is unknown as it is", async () => {
  const { ask, pairs } = valueMap([["2", "k9"]]);
  const made = await mappingTransformer(AS_THEY_ARE, VALUES, ask).make([
    { id: "2", manager: "3" },
    { id: "3", manager: "2" },
  ]);
  assert.deepEqual(made, [
    { ok: true, rows: [{ id: "k9", manager: "3" }] },
    { ok: true, rows: [{ id: "3", manager: "k9" }] },
  ]);
  assert.equal(pairs.length, 1);
});

test("keys of the target are found at the source by the pairs, in the source's kind", async () => {
  const { ask } = valueMap([["2", "k9"]]);
  const table = (key: readonly string[], kind: "integer" | "text"): RowSource =>
    ({
      key,
      describe: () => Promise.resolve({ columns: key.map((name) => ({ name, kind })), estimate: null }),
    }) as never;
  const tables = { source: table(["id"], "integer"), target: table(["id"], "text") };
  const back = await sourceKeysBy(VALUES, tables, ask);
  assert.deepEqual(await back?.([["k9"], ["nobody"]]), [[2n], null]);
  assert.equal(await sourceKeysBy({ learn: [], apply: [] }, tables, ask), undefined);
});
