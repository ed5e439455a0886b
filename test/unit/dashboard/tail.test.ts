import assert from "node:assert/strict";
import { test } from "node:test";
import { lineOf, MOST_LINES, spellBriefly, Tail, type TailLine } from "../../../proxy/dashboard/tail.ts";
import { makeRecord } from "../../support/evidence.ts";

function line(n: number): TailLine {
  return { ...lineOf(makeRecord()), id: `01J${String(n).padStart(8, "0")}` };
}

function ids(tail: Tail): readonly number[] {
  return Array.from({ length: tail.length }, (_, i) => Number(tail.at(i)?.id.slice(3)));
}

test("the newest comes first, each once, and what is before is behind", () => {
  const tail = new Tail();
  tail.restart([line(5), line(4)]);
  assert.equal(tail.push(line(6)), true);
  assert.equal(tail.push(line(6)), false);
  tail.append([line(4), line(3), line(2)]);
  assert.deepEqual(ids(tail), [6, 5, 4, 3, 2]);
  assert.equal(tail.at(5), null);
});

test("after a break what came meanwhile is put where it belongs", () => {
  const tail = new Tail();
  tail.restart([line(3), line(2), line(1)]);
  tail.push(line(7));
  tail.merge([line(7), line(6), line(5), line(4), line(3)]);
  assert.deepEqual(ids(tail), [7, 6, 5, 4, 3, 2, 1]);
  // Before anything live has come, too.
  const other = new Tail();
  other.append([line(9), line(4), line(3)]);
  other.merge([line(8), line(7)]);
  assert.deepEqual(ids(other), [9, 8, 7, 4, 3]);
});

test("where nothing joins what was before, that goes, and what has come since stays", () => {
  const tail = new Tail();
  tail.restart([line(2), line(1)]);
  tail.push(line(95));
  tail.restart([line(94), line(93)]);
  assert.deepEqual(ids(tail), [95, 94, 93]);
});

test("it holds so many and no more: the oldest go, and it says how many", () => {
  const tail = new Tail(200);
  for (let n = 1; n <= 1_000; n += 1) tail.push(line(n));
  assert.ok(tail.length <= 200 && tail.length >= 198, `${tail.length} lines`);
  assert.equal(tail.dropped, 1_000 - tail.length);
  assert.deepEqual(
    ids(tail),
    Array.from({ length: tail.length }, (_, i) => 1_000 - i),
  );
  tail.append([line(0)]);
  assert.ok(tail.length <= 200);
});

test("100,000 and as many again cost no more than moving them once in a while", () => {
  const tail = new Tail();
  const lines = Array.from({ length: 2 * MOST_LINES }, (_, n) => ({
    ...TEMPLATE,
    id: `01J${String(n).padStart(8, "0")}`,
  }));
  for (const one of lines) tail.push(one);
  assert.equal(tail.at(0)?.id, lines.at(-1)?.id);
  assert.ok(tail.length <= MOST_LINES && tail.length >= 0.98 * MOST_LINES);
});

const TEMPLATE = lineOf(makeRecord());

test("a line says what differs, or what went wrong, and long ones are cut", () => {
  const record = makeRecord({
    method: "PUT",
    path: "/users/1",
    query: "a=1",
    differences: [
      { at: "", kind: "status", primary: "200", shadow: "404" },
      { at: "/a", kind: "value", primary: "1", shadow: "2" },
    ],
  });
  assert.deepEqual([lineOf(record).asked, lineOf(record).what], ["PUT /users/1?a=1", "status, /a value"]);
  const failed = makeRecord({ outcome: "dropped", reason: "queue-full", differences: [], error: "x".repeat(1_000) });
  assert.equal(lineOf(failed).outcome, "dropped(queue-full)");
  assert.ok(lineOf(failed).what.length < 200);
});

test("times are short: of today the clock, of earlier days the day as well", () => {
  const now = Date.parse("2026-11-22T13:00:00.000Z");
  assert.equal(spellBriefly("2026-11-22T12:03:04.567Z", now), "12:03:04");
  assert.equal(spellBriefly("2026-11-21T23:59:59.999Z", now), "11-21 23:59");
});
