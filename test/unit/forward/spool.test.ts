import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ByteBudget } from "../../../proxy/process/byte-budget.ts";
import { Spool } from "../../../proxy/forward/spool.ts";
import type { SpoolFile } from "../../../proxy/forward/spool-file.ts";
import { readStored } from "../../../proxy/evidence/stored-body.ts";
import { until } from "../../support/until.ts";

const folder = mkdtempSync(join(tmpdir(), "crossfade-spool-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function parts(diskBytes = 1 << 30, memoryBytes = 1 << 30) {
  const disk = new ByteBudget(diskBytes);
  const memory = new ByteBudget(memoryBytes);
  return { disk, memory, spool: new Spool(folder, disk, memory) };
}

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

function writeAll(file: SpoolFile, body: Buffer, chunkBytes: number): void {
  for (let at = 0; at < body.length; at += chunkBytes) {
    const chunk = Buffer.from(body.subarray(at, at + chunkBytes));
    assert.ok(file.write(chunk));
    // Whoever gave it uses its memory again at once.
    chunk.fill(0);
  }
}

async function assertReads(file: SpoolFile, body: Buffer): Promise<void> {
  assert.equal(await file.whole(), null);
  assert.equal(file.sha256, sha256(body));
  assert.ok(Buffer.from(readStored(await file.stored())).equals(body));
}

/** Files of the spool that this process holds open. */
function openFiles(): number {
  const links = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // The listing's own descriptor is gone by now.
      return "";
    }
  });
  return links.filter((link) => link.startsWith(folder)).length;
}

test("what comes in one turn may be more than the memory shared with the thread: it is all written, in order", async () => {
  const { disk, memory, spool } = parts();
  const bodies = [randomBytes(24 << 20), randomBytes((24 << 20) + 12_345)];
  const files = bodies.map(() => spool.begin());
  writeAll(files[0] as SpoolFile, bodies[0] as Buffer, 64 * 1024);
  writeAll(files[1] as SpoolFile, bodies[1] as Buffer, 100_000);
  assert.equal(memory.usedBytes, disk.usedBytes, "until it is written it waits in memory");
  for (const [at, file] of files.entries()) await assertReads(file, bodies[at] as Buffer);
  assert.equal(memory.usedBytes, 0);
  for (const file of files) file.discard();
  assert.equal(disk.usedBytes, 0);
  await spool.close();
});

test("many bodies of small chunks at once come out each as it went in", async () => {
  const { spool } = parts();
  const bodies = Array.from({ length: 8 }, (_, n) => randomBytes(100_000 + n * 7919));
  const files = bodies.map(() => spool.begin());
  for (let at = 0; at < 200_000; at += 777) {
    for (const [n, body] of bodies.entries()) {
      if (at < body.length) assert.ok(files[n]?.write(body.subarray(at, at + 777)));
    }
    if (at % (777 * 20) === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  for (const [n, body] of bodies.entries()) await assertReads(files[n] as SpoolFile, body);
  for (const file of files) file.discard();
  await spool.close();
});

test("a body that is discarded while it is being written gives back what it held, and its file; others are not touched", async () => {
  const { disk, memory, spool } = parts();
  const body = randomBytes(3 << 20);
  const gone = spool.begin();
  const stays = spool.begin();
  writeAll(gone, randomBytes(20 << 20), 64 * 1024);
  writeAll(stays, body, 64 * 1024);
  const waited = gone.whole();
  gone.discard();
  assert.match((await waited) ?? "", /discarded/);
  await assertReads(stays, body);
  await until(() => memory.usedBytes === 0);
  assert.equal(disk.usedBytes, body.length);
  stays.discard();
  await until(() => openFiles() === 0);
  await spool.close();
});

test("after its thread has ended a whole body can still be read, one that was not whole says so, and the next starts a new thread", async () => {
  const { disk, memory, spool } = parts();
  const body = randomBytes(1 << 20);
  const whole = spool.begin();
  writeAll(whole, body, 64 * 1024);
  assert.equal(await whole.whole(), null);
  const half = spool.begin();
  writeAll(half, randomBytes(20 << 20), 64 * 1024);
  const waited = half.whole();
  await spool.close();
  assert.match((await waited) ?? "", /ended/);
  assert.equal(half.write(body), false);
  assert.equal(memory.usedBytes, 0);
  assert.ok(Buffer.from(readStored(await whole.stored())).equals(body));
  const next = spool.begin();
  writeAll(next, body, 64 * 1024);
  await assertReads(next, body);
  for (const file of [whole, half, next]) file.discard();
  assert.equal(disk.usedBytes, 0);
  await until(() => openFiles() === 0);
  await spool.close();
});

test("a body whose bytes wait longer than memory allows is given up, and everything is given back", async () => {
  const { memory, spool } = parts(1 << 30, 2 << 20);
  const file = spool.begin();
  let taken = 0;
  while (file.write(Buffer.alloc(64 * 1024))) taken += 64 * 1024;
  assert.equal(taken, 2 << 20);
  assert.match(file.failure ?? "", /disk is slower/);
  file.discard();
  await until(() => memory.usedBytes === 0);
  await spool.close();
});
