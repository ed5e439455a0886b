import assert from "node:assert/strict";
import { test } from "node:test";
import type { Answer } from "../../../proxy/exchange.ts";
import { DIVERGENT, dropped, IGNORED, MATCH } from "../../../proxy/outcome.ts";
import { createPairKeeper, type PairKeeper, type PairWrite } from "../../../proxy/record/pair-keeper.ts";
import { createRedactor } from "../../../proxy/record/redaction.ts";
import type { StoredPair } from "../../../proxy/evidence/stored-pair.ts";
import { makeSettled } from "../../support/evidence.ts";

function open(isOn = true): { readonly keeper: PairKeeper; move(ms: number): void } {
  let now = 1_000_000;
  const keeper = createPairKeeper({
    isOn,
    redactor: createRedactor(Buffer.alloc(32, 7)),
    decode: ({ body }) => (body.length > 64 * 1024 ? { ok: false, tooLarge: true } : { ok: true, bytes: body }),
    monotonic: () => now,
    caught: (error) => assert.fail(String(error)),
  });
  return { keeper, move: (ms) => void (now += ms) };
}

function answer(text = '{"total":1}'): Answer {
  const headers = ["content-type", "application/json"];
  return { status: 200, headers, body: { kind: "memory", bytes: Buffer.from(text) }, ms: 1 };
}

test("the first few that match are taken, and then one in ten seconds, however many there are", () => {
  const { keeper, move } = open();
  const { exchange } = makeSettled();
  const taken = (times: number): number => {
    let count = 0;
    for (let i = 0; i < times; i++) if (keeper.choose(exchange, MATCH, answer(), answer()) !== null) count += 1;
    return count;
  };
  assert.equal(taken(100_000), 8);
  move(10_000);
  assert.equal(taken(1_000), 1);
  assert.ok(keeper.choose(exchange, IGNORED, answer(), answer()) !== null, "excused ones are counted apart");
});

test("each cause has its own first few, and then one a second", () => {
  const { keeper, move } = open();
  const kept = (group: string, times: number): number => {
    let count = 0;
    for (let i = 0; i < times; i++) {
      const settled = makeSettled({ requestBody: Buffer.alloc(0) });
      const answers = keeper.choose(settled.exchange, DIVERGENT, answer(), answer('{"total":2}'));
      keeper.keep({ ...settled, answers }, group, () => void (count += 1));
    }
    keeper.finish();
    return count;
  };
  assert.equal(kept("b1946ac9", 100), 8);
  assert.equal(kept("c2946ac9", 100), 8);
  move(1_000);
  assert.equal(kept("b1946ac9", 100), 1);
});

test("a pair has the record's id, key and group, both answers and the request", () => {
  const { keeper } = open();
  const settled = makeSettled({ requestBody: Buffer.from('{"name":"Ann"}'), build: "9f3c" });
  const answers = keeper.choose(settled.exchange, DIVERGENT, answer(), answer('{"total":2}'));
  let write: PairWrite | null = null;
  keeper.keep({ ...settled, answers }, "b1946ac9", (pair) => (write = pair));
  assert.equal(write, null, "nothing is done at once");
  keeper.finish();
  const { id, bucket, key, json } = write ?? assert.fail();
  assert.deepEqual([id, bucket, key], [settled.exchange.id, "b1946ac9", "users/42"]);
  const pair = JSON.parse(json) as StoredPair;
  assert.deepEqual(
    [pair.request.method, pair.request.target, pair.request.body, pair.build, pair.outcome, pair.shadow.service],
    ["PUT", "/users/42", { text: '{"name":"Ann"}' }, "9f3c", "divergent", "next"],
  );
  assert.deepEqual(pair.differences, settled.differences);
});

test("what is too large, in a body, a head or the whole, is left out and counted; nothing else costs anything", () => {
  const { keeper } = open();
  const settled = makeSettled({ requestBody: Buffer.alloc(0) });
  const { exchange } = settled;
  const large = answer("x".repeat(65_537));
  const digest: Answer = { ...answer(), body: { kind: "digest", length: 9, sha256: "00" } };
  const longHead: Answer = { ...answer(), headers: ["x", "y".repeat(20_000)] };
  for (const one of [large, digest, longHead]) {
    assert.equal(keeper.choose(exchange, DIVERGENT, answer(), one), null);
    assert.equal(keeper.choose(exchange, DIVERGENT, one, answer()), null);
  }
  assert.deepEqual(keeper.losses(), { "too-large": 6, failed: 0, "no-room": 0 });
  // The request's body was in no memory.
  const answers = keeper.choose(exchange, DIVERGENT, answer(), answer());
  keeper.keep({ ...settled, requestBody: null, answers }, "g", () => assert.fail());
  keeper.finish();
  assert.equal(keeper.losses()["too-large"], 7);
  assert.equal(keeper.choose(exchange, dropped("compare-overload"), answer(), answer()), null);
});

test("where nothing is to be kept nothing is chosen", () => {
  const { keeper } = open(false);
  assert.equal(keeper.choose(makeSettled().exchange, DIVERGENT, answer(), answer()), null);
});
