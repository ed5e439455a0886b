/** The short form of `npm run chaos`: one episode of each kind. To run a failure again: `npm run chaos -- --seed N`. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { whyNoDisk } from "./disk.ts";
import { type EpisodeOptions, type EpisodeReport, runEpisode } from "./episode.ts";
import { FAULTS, planFaults } from "./faults.ts";
import { MUTANTS } from "./mutants.ts";
import { timesOf } from "./mutation.ts";
import { violationsOf } from "./report.ts";
import { ENTRY } from "../support/entry.ts";
import { Chance } from "../hostile/random.ts";

const ROOT = join(import.meta.dirname, "../..");

/** With few enough faults that every change can afford them; another order each day. */
async function episode(
  t: TestContext,
  options: Pick<EpisodeOptions, "kind" | "honours"> &
    Partial<Pick<EpisodeOptions, "workers" | "faults" | "expectNoGaps" | "store" | "members">>,
): Promise<EpisodeReport> {
  const report = await runEpisode({
    faults: 4,
    workers: 0,
    expectNoGaps: false,
    members: 1,
    store: "sqlite",
    ...options,
    entry: ENTRY,
    seed: Math.floor(Date.now() / 86_400_000),
    clients: 6,
    canFill: whyNoDisk() === null,
    repairs: false,
  });
  const { faults, counts } = report;
  t.diagnostic(`${faults.join(", ")}: ${JSON.stringify(counts)}`);
  return report;
}

test("whatever the services do, every write is equal on both sides or on the repair list, and none is reordered or doubled", async (t) => {
  const report = await episode(t, { kind: "services", honours: true });
  assert.deepEqual(violationsOf([report]), []);
  assert.ok(report.counts.equal > 0);
  assert.equal(report.gaps, 0);
});

test("a proxy that is killed leaves no write unaccounted for", async (t) => {
  const report = await episode(t, { kind: "kills", honours: false });
  assert.deepEqual(violationsOf([report]), []);
});

test("worker processes that are killed or stopped, and a parent that is, leave no write unaccounted for, and no gap", async (t) => {
  const ofWorkers = FAULTS.filter(({ name }) => name.startsWith("worker"));
  const long = ofWorkers.filter(({ name }) => name.includes(" for "));
  const short = ofWorkers.filter((fault) => !long.includes(fault));
  assert.deepEqual([long.length, short.length], [2, 3]);
  const faults = [...short, ...long, ...short];
  const report = await episode(t, { kind: "kills", honours: true, workers: 2, faults, expectNoGaps: true });
  assert.deepEqual(violationsOf([report]), []);
  assert.ok(report.counts.equal > 0);
});

test("a store that is full, removed or lost with the proxy leaves no write unaccounted for", async (t) => {
  const report = await episode(t, { kind: "store", honours: true });
  assert.deepEqual(violationsOf([report]), []);
});

test("two members whose Redis is killed, stopped or fails over leave no write unaccounted for", async (t) => {
  const ofRedis = FAULTS.filter(({ name }) => name.startsWith("redis "));
  assert.equal(ofRedis.length, 4);
  const report = await episode(t, { kind: "store", honours: true, store: "redis", members: 2, faults: ofRedis });
  assert.deepEqual(violationsOf([report]), []);
  assert.ok(report.counts.equal > 0);
});

test("every fault that fits comes before any comes again, what an episode is about in every second place", () => {
  const place = { chance: new Chance(1), disk: null, redis: null, honours: true, workers: 0 };
  const names = planFaults("kills", 60, place).map(({ name }) => name);
  const own = names.filter((_, n) => n % 2 === 1);
  assert.ok(own.every((name) => FAULTS.find((fault) => fault.name === name)?.episodes.includes("services") === false));
  const fit = FAULTS.filter(({ episodes, unfit }) => episodes.includes("kills") && unfit?.(place) !== true);
  assert.deepEqual(new Set(names), new Set(fit.map(({ name }) => name)));
  assert.ok(!planFaults("store", 60, place).some(({ name }) => name.startsWith("disk full")));
  assert.ok(!planFaults("services", 60, { ...place, honours: false }).some(({ name }) => name.includes("twice")));
});

test("the lines that mutants break are there once, and the faults that show it", () => {
  for (const { name: mutant, file, text, faults } of MUTANTS) {
    const source = readFileSync(join(ROOT, file.replace(/\.js$/, ".ts")), "utf8");
    assert.equal(timesOf(text, source), 1, `${mutant}: ${text}`);
    for (const name of faults)
      assert.ok(
        FAULTS.some((fault) => fault.name === name),
        name,
      );
  }
});
