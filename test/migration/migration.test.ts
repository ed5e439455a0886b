/** The short form of `npm run migration`: all four pairs, one after the other, through the same three members. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runMigration } from "./migration.ts";
import { Databases, PAIRS } from "./pairs.ts";
import { PLANTED_KINDS } from "./planted.ts";
import { type PairPlace, Site } from "./site.ts";

const ROWS = 1_500;
const SEED = Date.now() % 1_000_000;

const databases = new Databases();
const site = new Site(join(import.meta.dirname, "../../proxy/cli/main.ts"));
const pairs = new Map<string, PairPlace>();

before(async () => {
  for (const name of Object.keys(PAIRS)) pairs.set(name, await databases.pair(name, ROWS, site.folder));
  await site.start([...pairs.values()]);
});
after(async () => {
  await site.close();
  await databases.stop();
});

for (const name of Object.keys(PAIRS)) {
  test(`${name}: rows are moved beside live writes by a job that is killed, and so is a member; what is planted is found and repaired`, async (t) => {
    const plan = {
      rows: ROWS,
      seed: SEED,
      clients: 6,
      writesPerSecond: 60,
      kills: 1,
      killedAfterMs: [900, 1_800],
      memberKilledAfterMs: [400, 2_000],
      jobOptions: ["--chunk", "250", "--max-rate", "900"],
      planted: 2,
    } as const;
    const result = await runMigration(site, pairs.get(name) as PairPlace, plan, () => undefined);
    t.diagnostic(JSON.stringify({ seed: SEED, ...result }));
    assert.deepEqual(result.problems, []);
    assert.deepEqual(result.found, Object.fromEntries(PLANTED_KINDS.map((kind) => [kind, 2])));
    assert.deepEqual([result.repaired, result.left], [2 * PLANTED_KINDS.length, 0]);
    assert.deepEqual([result.job.kills, result.membersKilled], [1, 1]);
    assert.equal(result.reconcileFound, result.excused);
    const { create, replace, bump, remove, transfer } = result.accepted;
    assert.ok(Math.min(create, replace, bump, remove, transfer) > 0);
  });
}
