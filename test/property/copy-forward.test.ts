import assert from "node:assert/strict";
import { test } from "node:test";
import { seeded } from "../support/seeded.ts";
import { type ClientWrite, type Ended, type LeftOut, play } from "./missing-row.ts";

const RUNS = 4_000;
const RUNS_UNTIL_WRONG = 20_000;
const FIRST_SEED = Number(process.env["CROSSFADE_TEST_SEED"] ?? Math.floor(Math.random() * 0x3fffffff));

function playSeed(seed: number, leftOut: LeftOut = {}): Promise<Ended> {
  const { next } = seeded(seed);
  const writes = Array.from({ length: Math.floor(next() * 4) }, (): ClientWrite => ({
    kind: next() < 0.5 ? "put" : "delete",
    key: next() < 0.7 ? "early" : "late",
  }));
  return play(writes, next, leftOut);
}

/** Of what clients wrote nothing may be undone: neither written over nor brought back. */
const isWrong = ({ next, told, isUnknowable }: Ended): boolean => !isUnknowable && told !== undefined && next !== told;

test("in every order of clients' writes and a row that is brought over, what clients wrote last is what next has", async (t) => {
  t.diagnostic(`seed ${FIRST_SEED}`);
  const wrong: number[] = [];
  let [copied, apart] = [0, 0];
  for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
    const ended = await playSeed(seed);
    if (isWrong(ended)) wrong.push(seed);
    if (ended.copied) copied++;
    // Copies of writes that told their key late, and overlapped, have no order: what is left of them is on the repair list.
    if (ended.told === undefined && ended.next !== null && ended.legacy !== ended.next) apart++;
  }
  t.diagnostic(`the row was brought over in ${copied} of ${RUNS} schedules`);
  assert.deepEqual([wrong, apart], [[], 0]);
  assert.ok(copied > RUNS / 8, String(copied));
});

for (const [what, leftOut] of [
  ["clients' writes of the key being held back", { hold: true }],
  ["the look whether one of them left legacy in doubt", { confirmed: true }],
  ["the hold for as long as what was sent may land", { landing: true }],
] as const satisfies readonly (readonly [string, LeftOut])[]) {
  test(`without ${what} some of these orders undo what a client wrote: it is needed, and would be missed`, async (t) => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS_UNTIL_WRONG; seed++) {
      if (!isWrong(await playSeed(seed, leftOut))) continue;
      t.diagnostic(`the first of them was number ${seed - FIRST_SEED + 1}`);
      return;
    }
    assert.fail(`none of ${RUNS_UNTIL_WRONG} did`);
  });
}
