import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ByteBudget } from "../../../proxy/process/byte-budget.ts";
import { Capture } from "../../../proxy/forward/capture.ts";
import { Spool } from "../../../proxy/forward/spool.ts";
import { readStored } from "../../../proxy/evidence/stored-body.ts";
import { until } from "../../support/until.ts";

const folder = mkdtempSync(join(tmpdir(), "crossfade-capture-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function parts(queuedBytes: number, spoolBytes: number, at = folder) {
  const budget = new ByteBudget(queuedBytes);
  const disk = new ByteBudget(spoolBytes);
  return { budget, disk, spool: new Spool(at, disk, budget) };
}

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

async function settled(budget: ByteBudget): Promise<void> {
  await until(() => budget.usedBytes === 0);
}

test("up to the first cap a body is kept in memory, and the budget pays for exactly its bytes until it is discarded", () => {
  const { budget, spool } = parts(1000, 0);
  const capture = new Capture({ memoryBytes: 10, diskBytes: 20 }, budget, spool);
  capture.take(Buffer.from("hello"));
  capture.take(Buffer.from("world"));
  const result = capture.result();
  assert.ok(result.kind === "kept" && result.copy.kind === "memory");
  assert.equal(result.copy.bytes.toString(), "helloworld");
  assert.equal(budget.usedBytes, 10);
  capture.discard();
  capture.discard();
  assert.equal(budget.usedBytes, 0);
});

test("above the first cap it goes to disk, encrypted, unnamed, and reads back as it came", async () => {
  const { budget, disk, spool } = parts(8 << 20, 8 << 20);
  const capture = new Capture({ memoryBytes: 1000, diskBytes: 4 << 20 }, budget, spool);
  const body = Buffer.concat([Buffer.from("a secret in the clear"), randomBytes(2 << 20)]);
  for (let at = 0; at < body.length; at += 700) capture.take(body.subarray(at, at + 700));
  const result = capture.result();
  assert.ok(result.kind === "kept" && result.copy.kind === "spooled");
  assert.equal(result.copy.length, body.length);
  assert.equal(await result.copy.file.whole(), null);
  assert.equal(result.copy.file.sha256, sha256(body));
  for (let reading = 0; reading < 2; reading++) {
    const chunks: Buffer[] = [];
    for await (const chunk of result.copy.file.read()) chunks.push(chunk);
    assert.ok(Buffer.concat(chunks).equals(body));
  }
  assert.ok(Buffer.from(readStored(await result.copy.file.stored())).equals(body), "also to another thread");
  assert.deepEqual(readdirSync(folder), [], "the file has no name that a crash could leave");
  assert.equal(disk.usedBytes, body.length);
  capture.discard();
  assert.equal(disk.usedBytes, 0);
  await settled(budget);
});

test("above the second cap only digest and length are known, wherever the body crossed it", async () => {
  for (const chunkSize of [300, 5000]) {
    const { budget, disk, spool } = parts(1 << 20, 1 << 20);
    const capture = new Capture({ memoryBytes: 1000, diskBytes: 2000 }, budget, spool);
    const body = randomBytes(10_000);
    for (let at = 0; at < body.length; at += chunkSize) capture.take(body.subarray(at, at + chunkSize));
    const result = capture.result();
    assert.ok(result.kind === "kept" && result.copy.kind === "digest");
    assert.deepEqual([result.copy.length, await result.copy.sha256], [10_000, sha256(body)]);
    await settled(budget);
    assert.equal(disk.usedBytes, 0);
  }
});

test("over the process-wide budget the copy is lost with its reason and nothing stays held", () => {
  const { budget, spool } = parts(8, 0);
  const capture = new Capture({ memoryBytes: 100, diskBytes: 200 }, budget, spool);
  capture.take(Buffer.from("12345"));
  capture.take(Buffer.from("67890"));
  capture.take(Buffer.from("more"));
  assert.deepEqual(capture.result(), { kind: "lost", why: "queue-full", length: 14 });
  assert.equal(budget.usedBytes, 0);
});

test("over the spool's budget the copy is lost with its reason and nothing stays held", async () => {
  const { budget, disk, spool } = parts(1 << 20, 1500);
  const capture = new Capture({ memoryBytes: 100, diskBytes: 1 << 20 }, budget, spool);
  for (let i = 0; i < 10; i++) capture.take(randomBytes(500));
  assert.deepEqual(capture.result(), { kind: "lost", why: "spool-full", length: 5000 });
  await settled(budget);
  assert.equal(disk.usedBytes, 0);
});

test("a folder that cannot be written loses copies, not streams, and says why", async () => {
  const { budget, spool } = parts(1 << 20, 1 << 20, join(folder, "absent", "folder"));
  const capture = new Capture({ memoryBytes: 100, diskBytes: 1 << 20 }, budget, spool);
  capture.take(randomBytes(500));
  await settled(budget);
  capture.take(randomBytes(500));
  assert.deepEqual(capture.result(), { kind: "lost", why: "spool-full", length: 1000 });
  assert.match(spool.problem ?? "", /ENOENT/);
});
