import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteBudget } from "../../../proxy/process/byte-budget.ts";
import { RelayedBody } from "../../../proxy/workers/relayed-body.ts";

function relayed(memoryBytes: number, budgetBytes: number) {
  const budget = new ByteBudget(budgetBytes);
  const sent: { chunk: Buffer; written: () => void }[] = [];
  const body = new RelayedBody(memoryBytes, budget, (chunk, written) => sent.push({ chunk, written }));
  const text = (): string => Buffer.concat(sent.map(({ chunk }) => chunk)).toString();
  return { budget, body, sent, text };
}

test("what is small enough is kept for the end, and given back once it is told", () => {
  const { budget, body, sent } = relayed(10, 100);
  assert.ok(body.take(Buffer.from("abc")));
  assert.ok(body.take(Buffer.from("defg")));
  assert.deepEqual([budget.usedBytes, sent.length], [7, 0]);
  const { body: told, chunks } = body.told();
  assert.deepEqual(told, { length: 7, kept: 7, isLost: false });
  assert.equal(Buffer.concat(chunks).toString(), "abcdefg");
  body.discard();
  body.discard();
  assert.equal(budget.usedBytes, 0);
});

test("what is larger goes out as it comes, from its first byte on, and is paid for until it is written", () => {
  const { budget, body, sent, text } = relayed(5, 100);
  for (const part of ["abc", "def", "ghi"]) assert.ok(body.take(Buffer.from(part)));
  assert.equal(text(), "abcdefghi");
  assert.equal(budget.usedBytes, 9);
  sent[0]?.written();
  assert.equal(budget.usedBytes, 6);
  assert.deepEqual(body.told().body, { length: 9, kept: 0, isLost: false });
  body.discard();
  assert.equal(budget.usedBytes, 6, "what is not written yet is still held");
  for (const { written } of sent.slice(1)) written();
  assert.equal(budget.usedBytes, 0);
});

test("what finds no room is lost and counted on, and holds nothing", () => {
  const { budget, body } = relayed(50, 5);
  assert.ok(body.take(Buffer.from("abc")));
  assert.ok(!body.take(Buffer.from("def")));
  assert.ok(!body.take(Buffer.from("g")));
  assert.equal(budget.usedBytes, 0);
  assert.deepEqual(body.told().body, { length: 7, kept: 0, isLost: true });
  assert.equal(body.result().kind, "lost");
});

test("what still comes after its end is not held", () => {
  const { budget, body } = relayed(10, 100);
  body.take(Buffer.from("abc"));
  body.discard();
  assert.ok(!body.take(Buffer.from("def")));
  assert.equal(budget.usedBytes, 0);
});
