import assert from "node:assert/strict";
import { test } from "node:test";
import { makeRows } from "../../../proxy/migrate/made-rows.ts";

const ROW = { id: 1n, name: "a" };

test("what a transform may return, and what becomes of it", () => {
  const made = (value: unknown): unknown => makeRows(() => value, ROW);
  assert.deepEqual(made(null), { ok: true, rows: [] });
  assert.deepEqual(made([{ id: 1n }, { id: 2n }]), { ok: true, rows: [{ id: 1n }, { id: 2n }] });
  assert.deepEqual(made({ id: 1n, gone: undefined, none: null }), { ok: true, rows: [{ id: 1n, none: null }] });
  assert.deepEqual(made({ at: new Date(Date.UTC(2026, 10, 27)) }), {
    ok: true,
    rows: [{ at: "2026-11-27T00:00:00.000Z" }],
  });
  assert.deepEqual(made({ meta: { a: [1] } }), { ok: true, rows: [{ meta: '{"a":[1]}' }] });
  assert.deepEqual(made({ tags: ["x", null, 1n] }), { ok: true, rows: [{ tags: ["x", null, 1n] }] });
});

test("what is no row is told in words", () => {
  const why = (value: unknown): string => {
    const made = makeRows(() => value, ROW);
    return made.ok ? "made" : made.why;
  };
  assert.match(why(undefined), /returned undefined; return a row, rows or null/);
  assert.match(why(7), /returned number/);
  assert.match(why([[]]), /returned object/);
  assert.match(why({ f: () => 1 }), /made a function of column f/);
  assert.match(why({ at: new Date(Number.NaN) }), /made a object of column at/);
  assert.match(why(Promise.resolve(ROW)), /returned a promise/);
});

test("a transform that changes its argument does not change the row", () => {
  const row = { ...ROW };
  makeRows((given) => Object.assign(given, { name: "b" }), row);
  assert.deepEqual(row, ROW);
});
