/** Bodies pass in constant memory, however large they are and whichever side is slow; mirrored ones wait on the disk. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { allowedGrowthMib } from "./bound.ts";
import {
  apiOf,
  bytesReadBy,
  memoryOf,
  openFilesOf,
  type Proxy,
  routeOf,
  type Running,
  startOrigin,
  startProxy,
} from "./processes.ts";
import { MIB } from "./scale.ts";
import { download, type Transfer, upload } from "./transfers.ts";

const ENTRY = join(import.meta.dirname, "../../proxy/cli/main.ts");
const COUNT = 6;
const BYTES = 32 * MIB;
/** In MiB. Far below what the bodies are together. */
const LIMITS = { queued: 16, bodyInMemory: 1, bodyOnDisk: 64, spool: 1024 };

interface Stage {
  readonly proxy: Proxy;
  readonly legacy: Running;
  readonly next: Running;
  /** What was resident beyond the idle process, at the most. */
  grownMib(): number;
}

async function startStage(t: TestContext, more = ""): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-bodies-"));
  const [legacy, next] = await Promise.all([startOrigin(), startOrigin()]);
  const urls = { legacyUrl: legacy.url, nextUrl: next.url };
  const proxy = await startProxy({ command: [ENTRY], folder, limits: LIMITS, more, ...urls });
  t.after(async () => {
    for (const one of [proxy, legacy, next]) await one.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  await (await fetch(new URL("/small", proxy.url))).text();
  const idleMib = memoryOf(proxy).mib;
  return { proxy, legacy, next, grownMib: () => memoryOf(proxy).peakMib - idleMib };
}

const BOUND_MIB = allowedGrowthMib({ idle: 0, streams: 0, tunnels: 0, transfers: COUNT }, LIMITS.queued);

/** Resolves to what the proxy has read meanwhile, once it reads no more. */
async function standsStill(proxy: Proxy, since: number): Promise<number> {
  let [before, still] = [0, 0];
  while (still < 3) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const now = bytesReadBy(proxy);
    still = now - before < 64 * 1024 ? still + 1 : 0;
    before = now;
  }
  return before - since;
}

interface Held {
  readonly bytes: number;
  readonly spoolBytes: number;
}

/** Copies that the disk was too slow for. */
function behind(reasons: Readonly<Record<string, number>>): number {
  return (reasons["spool-full"] ?? 0) + (reasons["queue-full"] ?? 0);
}

async function allDone(transfers: readonly Transfer[]): Promise<void> {
  await Promise.all(transfers.map(({ done }) => done));
}

test("clients that do not read hold up their answers, not the memory", async (t) => {
  const { proxy, grownMib } = await startStage(t);
  const since = bytesReadBy(proxy);
  const transfers = Array.from({ length: COUNT }, () => download(proxy.url, BYTES, { pausedAtFirst: true }));
  const read = await standsStill(proxy, since);
  assert.ok(read < (COUNT * BYTES) / 2, `${read} bytes read for clients that read none`);
  for (const transfer of transfers) transfer.resume();
  await allDone(transfers);
  assert.ok(grownMib() < BOUND_MIB, `${grownMib()} MiB, ${BOUND_MIB} allowed`);
});

test("a primary that does not read holds up its uploads; then they are mirrored from the disk", async (t) => {
  const { proxy, legacy, next, grownMib } = await startStage(t);
  next.child.send({ release: true });
  const since = bytesReadBy(proxy);
  const transfers = Array.from({ length: COUNT }, (_, n) => upload(proxy.url, `/held/${n}`, BYTES));
  const read = await standsStill(proxy, since);
  assert.ok(read < (COUNT * BYTES) / 2, `${read} bytes read for a primary that reads none`);
  legacy.child.send({ release: true });
  await allDone(transfers);
  await assertMirrored(proxy);
  assert.ok(grownMib() < BOUND_MIB, `${grownMib()} MiB, ${BOUND_MIB} allowed`);
});

test("uploads that stop half-way and go on later cost no more than others", async (t) => {
  const { proxy, grownMib } = await startStage(t);
  const transfers = Array.from({ length: COUNT }, (_, n) =>
    upload(proxy.url, `/upload/${n}`, BYTES, { pauseAt: BYTES / 2 }),
  );
  await Promise.all(transfers.map(({ paused }) => paused));
  for (const transfer of transfers) transfer.resume();
  await allDone(transfers);
  await assertMirrored(proxy);
  assert.ok(grownMib() < BOUND_MIB, `${grownMib()} MiB, ${BOUND_MIB} allowed`);
});

const READS_TOO = "defaults: { mirror: { reads: 100% } }";
const OVER_EVERY_CAP = 300 * MIB;

test("bodies over every cap pass both ways at full speed, byte for byte and in bounded memory; each exchange has an outcome that says what became of its copy", async (t) => {
  const { proxy, next, grownMib } = await startStage(t, READS_TOO);
  const files = openFilesOf(proxy);
  const bothWays = (n: number): readonly Transfer[] => [
    upload(proxy.url, `/upload/${n}`, OVER_EVERY_CAP),
    download(proxy.url, OVER_EVERY_CAP),
    download(proxy.url, OVER_EVERY_CAP, { write: `/grown/${n}` }),
  ];
  await allDone([...bothWays(1), upload(proxy.url, "/upload/2", OVER_EVERY_CAP)]);
  const before = await routeOf(proxy, ({ reasons }) => reasons["body-too-large"] ?? 0);
  // Nothing else may become of it: the request is too large, or the disk was slower than the bodies came.
  const { skipped = 0, match = 0 } = before.outcomes;
  // One of them is the small read that the stage began with.
  assert.equal(before.eligible, 5);
  assert.equal(skipped, before.reasons["body-too-large"] ?? 0);
  assert.ok(skipped <= 2 && match >= 1 && match <= 3, JSON.stringify(before));
  assert.equal(skipped + match + behind(before.reasons), 5, JSON.stringify(before));
  // One byte of 300 MiB, the last one, tells them apart.
  next.child.send({ spoil: true });
  await allDone(bothWays(3));
  const after = await routeOf(proxy);
  assert.equal(after.eligible, 8);
  assert.equal(after.outcomes["match"], match);
  const others = (after.outcomes["divergent"] ?? 0) + (after.outcomes["skipped"] ?? 0) + behind(after.reasons);
  assert.equal(match + others, 8, JSON.stringify(after));
  const { items } = await apiOf<{ items: { key: string; reason: string }[] }>(proxy, "/repairs");
  for (const { key, reason } of items) {
    assert.match(`${key} ${reason}`, /^upload\/\d (body-too-large|dropped)$|^grown\/\d dropped$/);
  }
  // No upload reached the shadow whole, so that each is on the list.
  assert.equal(items.filter(({ key }) => key.startsWith("upload/")).length, 3, JSON.stringify(items));
  assert.ok(grownMib() < BOUND_MIB, `${grownMib()} MiB, ${BOUND_MIB} allowed`);
  const { queue } = await apiOf<{ queue: Held }>(proxy, "/status");
  assert.deepEqual([queue.bytes, queue.spoolBytes], [0, 0]);
  // Idle connections to the services, and the spool's thread.
  assert.ok(openFilesOf(proxy) < files + 32, `${openFilesOf(proxy)} files open, ${files} before`);
});

test("an upload over every cap that comes no faster than the disk takes it is skipped(body-too-large), and was never kept whole", async (t) => {
  const { proxy, grownMib } = await startStage(t);
  let mostOnDisk = 0;
  const held = async (): Promise<number> => {
    const { queue } = await apiOf<{ queue: Held }>(proxy, "/status");
    mostOnDisk = Math.max(mostOnDisk, queue.spoolBytes);
    return queue.bytes;
  };
  const whenTaken = async (): Promise<void> => {
    while ((await held()) > MIB) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  const transfer = upload(proxy.url, "/upload/1", OVER_EVERY_CAP, { every: 2 * MIB, goOn: whenTaken });
  await transfer.done;
  const route = await routeOf(proxy, () => 1);
  assert.deepEqual([route.eligible, route.outcomes["skipped"], route.reasons["body-too-large"]], [1, 1, 1]);
  const { items } = await apiOf<{ items: { key: string; reason: string }[] }>(proxy, "/repairs");
  assert.deepEqual(
    items.map(({ key, reason }) => [key, reason]),
    [["upload/1", "body-too-large"]],
  );
  assert.ok(mostOnDisk > 0 && mostOnDisk <= LIMITS.bodyOnDisk * MIB, String(mostOnDisk));
  assert.ok(grownMib() < BOUND_MIB, `${grownMib()} MiB, ${BOUND_MIB} allowed`);
});

/**
 * Each write is equal at both services, or on the repair list because the disk was slower than the bodies came: then the
 * spool gives up a body, or what waits for it leaves no room for another body's first bytes.
 */
async function assertMirrored(proxy: Proxy): Promise<void> {
  const { eligible, outcomes, reasons, repairs } = await routeOf(proxy, (route) => behind(route.reasons));
  assert.equal(eligible, COUNT);
  assert.equal((outcomes["match"] ?? 0) + behind(reasons), COUNT, JSON.stringify({ outcomes, reasons }));
  assert.equal(repairs, behind(reasons));
}
