/** Bodies pass in constant memory, however large they are and whichever side is slow; mirrored ones wait on the disk. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { allowedGrowthMib } from "./bound.ts";
import { bytesReadBy, memoryOf, type Proxy, routeOf, type Running, startOrigin, startProxy } from "./processes.ts";
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

async function startStage(t: TestContext): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-bodies-"));
  const [legacy, next] = await Promise.all([startOrigin(), startOrigin()]);
  const urls = { legacyUrl: legacy.url, nextUrl: next.url };
  const proxy = await startProxy({ command: [ENTRY], folder, limits: LIMITS, ...urls });
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
  const transfers = Array.from({ length: COUNT }, (_, n) => upload(proxy.url, `/upload/${n}`, BYTES, BYTES / 2));
  await Promise.all(transfers.map(({ paused }) => paused));
  for (const transfer of transfers) transfer.resume();
  await allDone(transfers);
  await assertMirrored(proxy);
  assert.ok(grownMib() < BOUND_MIB, `${grownMib()} MiB, ${BOUND_MIB} allowed`);
});

/**
 * Each write is equal at both services, or on the repair list because the disk was slower than the bodies came: then the
 * spool gives up a body, or what waits for it leaves no room for another body's first bytes.
 */
async function assertMirrored(proxy: Proxy): Promise<void> {
  const behind = (reasons: Record<string, number>): number =>
    (reasons["spool-full"] ?? 0) + (reasons["queue-full"] ?? 0);
  const { eligible, outcomes, reasons, repairs } = await routeOf(proxy, (route) => behind(route.reasons));
  assert.equal(eligible, COUNT);
  assert.equal((outcomes["match"] ?? 0) + behind(reasons), COUNT, JSON.stringify({ outcomes, reasons }));
  assert.equal(repairs, behind(reasons));
}
