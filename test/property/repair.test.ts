import assert from "node:assert/strict";
import { test } from "node:test";
import { type LeftOut, type LiveWrite, play } from "./one-key.ts";

const RUNS = 4_000;
/** The rarest of them is about one in 2,000. */
const RUNS_UNTIL_WRONG = 60_000;
const FIRST_SEED = Number(process.env["CROSSFADE_TEST_SEED"] ?? Math.floor(Math.random() * 0x3fffffff));

/** mulberry32: the same seed, the same schedule. */
function randomFrom(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

function pick<T>(random: () => number, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)] as T;
}

function someWrites(random: () => number): readonly LiveWrite[] {
  return Array.from({ length: 1 + Math.floor(random() * 4) }, () => ({
    kind: pick(random, ["put", "append", "append", "delete"] as const),
    key: pick(random, ["early", "early", "late"] as const),
    primary: pick(random, ["answers", "answers", "answers", "unknown"] as const),
    copy: pick(random, ["applied", "applied", "lost", "lands-late"] as const),
  }));
}

test("in every order of live writes, copies, late requests and repairs, a key that is off the list is equal on both sides", async (t) => {
  t.diagnostic(`seed ${FIRST_SEED}`);
  const wrong: number[] = [];
  let repaired = 0;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
    const random = randomFrom(seed);
    const { primary, shadow, listed } = await play(someWrites(random), random);
    if (listed) continue;
    repaired++;
    if (primary !== shadow) wrong.push(seed);
  }
  t.diagnostic(`${repaired} of ${RUNS} schedules ended with the key off the list, ${wrong.length} of them wrong`);
  assert.deepEqual(wrong, []);
  assert.ok(repaired > RUNS / 4, String(repaired));
});

for (const [what, leftOut] of [
  ["the turn in the key's lane", { laneTurn: true }],
  ["the look whether a live write crossed it", { crossed: true }],
  ["the comparison of revisions", { compareRevision: true }],
  ["the mark of writes that began before something of their key ended and join after it", { lateJoin: true }],
  ["the wait for requests that may land late", { notBefore: true }],
] as const satisfies readonly (readonly [string, LeftOut])[]) {
  test(`without ${what} some of these orders end wrong: it is needed, and would be missed`, async (t) => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS_UNTIL_WRONG; seed++) {
      const random = randomFrom(seed);
      const { primary, shadow, listed } = await play(someWrites(random), random, leftOut);
      if (listed || primary === shadow) continue;
      t.diagnostic(`the first of them was number ${seed - FIRST_SEED + 1}`);
      return;
    }
    assert.fail(`none of ${RUNS_UNTIL_WRONG} did`);
  });
}
