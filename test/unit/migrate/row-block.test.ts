import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Made } from "../../../proxy/migrate/made-rows.ts";
import { packMade, packRows, unpackMade, unpackRows } from "../../../proxy/migrate/row-block.ts";
import type { Row, RowValue } from "../../../proxy/rows/rows.ts";

const scalar: fc.Arbitrary<RowValue> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.bigInt(),
  fc.double(),
  fc.string(),
  fc.uint8Array({ maxLength: 5 }),
);
const value = fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }));
/** Few names, so that rows one after another have the same ones, others, or the same in another order. */
const row: fc.Arbitrary<Row> = fc
  .array(fc.tuple(fc.constantFrom("id", "name", "__proto__", "0", "constructor"), value), { maxLength: 4 })
  .map((entries) => Object.fromEntries(entries));
const made: fc.Arbitrary<Made> = fc.oneof(
  fc.array(row, { maxLength: 3 }).map((rows): Made => ({ ok: true, rows })),
  fc.string().map((why): Made => ({ ok: false, why })),
);

test("rows come out of a block as they went in, with their columns in order", () => {
  fc.assert(
    fc.property(fc.array(row), (rows) => {
      const back = unpackRows(structuredClone(packRows(rows)));
      assert.deepEqual(back, rows);
      assert.deepEqual(back.map(Object.keys), rows.map(Object.keys));
    }),
  );
});

test("what was made of each row comes out with its row, and what could not be made with its reason", () => {
  fc.assert(
    fc.property(fc.array(made), (list) => {
      assert.deepEqual(unpackMade(structuredClone(packMade(list))), list);
    }),
  );
});
