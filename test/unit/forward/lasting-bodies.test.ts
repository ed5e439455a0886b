import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { ByteBudget } from "../../../proxy/process/byte-budget.ts";
import type { SpooledBody } from "../../../proxy/exchange.ts";
import { lastingFile, TAG_BYTES } from "../../../proxy/forward/lasting-bodies.ts";
import type { LastingName } from "../../../proxy/journal.ts";
import { Spool } from "../../../proxy/forward/spool.ts";
import type { SpoolFile } from "../../../proxy/forward/spool-file.ts";
import { readStored } from "../../../proxy/evidence/stored-body.ts";
import { until } from "../../support/until.ts";

const KEY = randomBytes(32);

interface Life {
  readonly spool: Spool;
  readonly disk: ByteBudget;
}

interface World {
  readonly folder: string;
  /** One process life after another. */
  begin(options?: {
    readonly needed?: readonly LastingName[];
    readonly key?: Buffer;
    readonly recorded?: () => Promise<void> | null;
  }): Life;
}

function world(t: TestContext): World {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-bodies-"));
  const spools: Spool[] = [];
  t.after(async () => {
    for (const spool of spools) await spool.close();
    rmSync(folder, { recursive: true });
  });
  return {
    folder,
    begin({ needed = [], key = KEY, recorded = () => null } = {}) {
      const disk = new ByteBudget(1 << 30);
      const lasting = { folder, key, survives: "power" as const, needed, recorded };
      const spool = new Spool(tmpdir(), disk, new ByteBudget(1 << 30), lasting);
      spools.push(spool);
      return { spool, disk };
    },
  };
}

async function written(spool: Spool, body: Buffer): Promise<SpoolFile & { readonly name: string }> {
  const file = spool.begin(true);
  assert.ok(file.write(body));
  assert.equal(await file.whole(), null);
  assert.ok(file.name !== null);
  return file as SpoolFile & { readonly name: string };
}

async function readAll(body: SpooledBody): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of body.read()) pieces.push(piece);
  return Buffer.concat(pieces);
}

test("the next process brings a body back as it was, pays for it, and erases it when it is discarded", async (t) => {
  const { folder, begin } = world(t);
  const body = randomBytes(3_000_001);
  const { name } = await written(begin().spool, body);
  const path = lastingFile(folder, name);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(readFileSync(path).indexOf(body.subarray(0, 64)), -1, "it lies there sealed");
  const { spool, disk } = begin({ needed: [{ name, length: body.length }] });
  assert.equal(disk.usedBytes, body.length);
  const again = spool.bring(name, body.length);
  assert.equal(await again.whole(), null);
  assert.equal(again.sha256, createHash("sha256").update(body).digest("hex"));
  assert.ok((await readAll(again)).equals(body));
  assert.ok(Buffer.from(readStored(await again.stored())).equals(body));
  again.discard();
  assert.equal(disk.usedBytes, 0);
  await until(() => !existsSync(path));
});

test("a file that is cut off, changed, another one's, of another key or gone is no body, and is named", async (t) => {
  const { folder, begin } = world(t);
  const { spool } = begin();
  const [body, other] = [randomBytes(100_000), randomBytes(100_000)];
  const made = await Promise.all([body, body, body, body, other].map((bytes) => written(spool, bytes)));
  const [cut, changed, swapped, gone, donor] = made.map(({ name }) => name) as [string, string, string, string, string];
  const file = (name: string): string => lastingFile(folder, name);
  // Its tag is missing: the process died before the body had ended, or just after.
  truncateSync(file(cut), body.length);
  const bytes = readFileSync(file(changed));
  bytes[50_000] = (bytes[50_000] as number) ^ 1;
  writeFileSync(file(changed), bytes);
  writeFileSync(file(swapped), readFileSync(file(donor)));
  rmSync(file(gone));
  const needed = [cut, changed, swapped, gone, donor].map((name) => ({ name, length: body.length }));
  const next = begin({ needed });
  const why = async (name: string, { spool: of } = next): Promise<string | null> => {
    const brought = of.bring(name, body.length);
    const failure = await brought.whole();
    brought.leave();
    brought.discard();
    return failure;
  };
  assert.match(
    (await why(cut)) ?? "",
    new RegExp(`${file(cut)} has 100000 bytes where ${100_000 + TAG_BYTES} were to be`),
  );
  assert.match((await why(changed)) ?? "", new RegExp(`${file(changed)} is not as it was written`));
  assert.match((await why(swapped)) ?? "", new RegExp(`${file(swapped)} is not as it was written`));
  assert.match((await why(gone)) ?? "", new RegExp(`${file(gone)} is gone`));
  assert.equal(await why(donor), null);
  const torn = next.spool.bring(cut, body.length);
  await assert.rejects(readAll(torn), /cannot be used/);
  torn.discard();
  const otherKey = begin({ needed, key: randomBytes(32) });
  assert.match((await why(donor, otherKey)) ?? "", /is not as it was written/);
});

test("what no write needs any more is erased at the start; what the spool did not make stays", async (t) => {
  const { folder, begin } = world(t);
  const { spool } = begin();
  const [needed, orphan] = [await written(spool, randomBytes(10)), await written(spool, randomBytes(10))];
  writeFileSync(join(folder, "notes.txt"), "an operator's");
  const { disk } = begin({ needed: [needed, { name: "0".repeat(32), length: 1 << 20 }] });
  assert.deepEqual(readdirSync(folder).sort(), [`${needed.name}.body`, "notes.txt"].sort());
  assert.ok(!existsSync(lastingFile(folder, orphan.name)));
  assert.equal(disk.usedBytes, 10, "of a file that is not there nothing is paid");
});

test("a body is erased once it is recorded what became of its write, and all the same where that cannot be recorded", async (t) => {
  const { folder, begin } = world(t);
  const record = Promise.withResolvers<void>();
  const { spool } = begin({ recorded: () => record.promise });
  const [first, second] = [await written(spool, randomBytes(10)), await written(spool, randomBytes(10))];
  first.discard();
  second.discard();
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(readdirSync(folder).length, 2);
  record.reject(new Error("the disk is full"));
  await until(() => readdirSync(folder).length === 0);
});

test("what is left to the journal outlives its copy being discarded, and is the same body when it is brought back", async (t) => {
  const { folder, begin } = world(t);
  const { spool, disk } = begin();
  const body = randomBytes(200_000);
  const file = await written(spool, body);
  file.leave();
  file.discard();
  assert.deepEqual([readdirSync(folder).length, disk.usedBytes], [1, body.length]);
  const again = spool.bring(file.name, body.length);
  assert.ok((await readAll(again)).equals(body));
  again.discard();
  await until(() => readdirSync(folder).length === 0);
  assert.equal(disk.usedBytes, 0);
});

test("the end of the process writes whole what is left, and erases what was discarded", async (t) => {
  const { folder, begin } = world(t);
  const { spool } = begin();
  const body = randomBytes(8 << 20);
  const [left, discarded] = [spool.begin(true), spool.begin(true)];
  for (const file of [left, discarded]) assert.ok(file.write(body));
  left.leave();
  discarded.discard();
  await spool.close();
  const { name } = left as { readonly name: string };
  assert.deepEqual(readdirSync(folder), [`${name}.body`]);
  const next = begin({ needed: [{ name, length: body.length }] });
  const again = next.spool.bring(name, body.length);
  assert.ok((await readAll(again)).equals(body));
  again.discard();
});

test("a body that grew too large, one that failed and one that is discarded while it is written leave no file", async (t) => {
  const { folder, begin } = world(t);
  const { spool } = begin();
  const [large, early] = [spool.begin(true), spool.begin(true)];
  large.write(randomBytes(100_000));
  large.digestOnly();
  large.write(randomBytes(10));
  assert.equal(await large.whole(), null);
  large.discard();
  // Before its thread has even opened it.
  early.discard();
  const small = new Spool(tmpdir(), new ByteBudget(10), new ByteBudget(1 << 20), {
    folder,
    key: KEY,
    survives: "process",
    needed: [],
    recorded: () => null,
  });
  t.after(() => small.close());
  const full = small.begin(true);
  assert.equal(full.write(randomBytes(11)), false);
  full.discard();
  await until(() => readdirSync(folder).length === 0);
});
