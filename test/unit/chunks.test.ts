import assert from "node:assert/strict";
import { test } from "node:test";
import { Chunks } from "../../proxy/chunks.ts";

const bytes = Buffer.alloc(64 * 1024, "a");

test("a large chunk's memory is used again once it was given back, and not before", () => {
  const chunks = new Chunks();
  const [first, second] = [chunks.copy(bytes, 0, bytes.length), chunks.copy(bytes, 0, bytes.length)];
  assert.notEqual(first.buffer, second.buffer);
  chunks.release(first);
  const third = chunks.copy(bytes, 0, 60_000);
  assert.equal(third.buffer, first.buffer);
  assert.equal(third.length, 60_000);
  assert.ok(third.equals(bytes.subarray(0, 60_000)));
});

test("given back twice it is lent once: two bodies never share memory", () => {
  const chunks = new Chunks();
  const first = chunks.copy(bytes, 0, bytes.length);
  chunks.release(first);
  chunks.release(first);
  const lent = [chunks.copy(bytes, 0, bytes.length), chunks.copy(bytes, 0, bytes.length)];
  assert.notEqual(lent[0]?.buffer, lent[1]?.buffer);
});

test("what was never lent is not taken: small chunks, the buffers of others", () => {
  const chunks = new Chunks();
  const small = chunks.copy(bytes, 0, 1000);
  const foreign = Buffer.from(new ArrayBuffer(64 * 1024));
  chunks.release(small);
  chunks.release(foreign);
  const next = chunks.copy(bytes, 0, bytes.length);
  assert.notEqual(next.buffer, small.buffer);
  assert.notEqual(next.buffer, foreign.buffer);
});

test("whoever keeps a chunk keeps hardly more memory than it has bytes", () => {
  const chunks = new Chunks();
  for (let length = 1; length <= bytes.length; length += 1023) {
    const chunk = chunks.copy(bytes, 0, length);
    chunks.release(chunk);
    const isLent = chunks.copy(bytes, 0, bytes.length).buffer === chunk.buffer;
    assert.ok(!isLent || chunk.buffer.byteLength <= length * 1.15, `${length}: ${chunk.buffer.byteLength}`);
  }
});
