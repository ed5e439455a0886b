import assert from "node:assert/strict";
import { test } from "node:test";
import { drawSample, DRAWN_SAMPLES, sampleRank } from "../../../adapters/store/samples.ts";
import { makeUlid } from "../../../proxy/identity.ts";

function drawAll(ids: readonly string[]): string[] {
  let drawn: string[] = [];
  for (const id of ids) {
    const { kept, pushedOut } = drawSample(id, drawn);
    if (kept) drawn = [...drawn.filter((other) => other !== pushedOut), id];
  }
  return drawn.sort();
}

test("the draw is the same in every order, and is the ids of lowest rank", () => {
  const ids = Array.from({ length: 500 }, (_, i) => makeUlid(i));
  const lowest = [...ids].sort((a, b) => sampleRank(a) - sampleRank(b)).slice(0, DRAWN_SAMPLES);
  assert.deepEqual(drawAll(ids), lowest.sort());
  assert.deepEqual(drawAll(ids.toReversed()), lowest.sort());
});

test("ranks of ids that differ in one character are spread over the whole range", () => {
  const ranks = Array.from({ length: 64 }, (_, i) =>
    sampleRank(`01J0000000000000000000000${String.fromCharCode(48 + i)}`),
  );
  const quarters = new Set(ranks.map((rank) => Math.floor(rank / 2 ** 30)));
  assert.equal(quarters.size, 4);
});
