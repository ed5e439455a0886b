/** The short form of `npm run migration`, as a test of one pair. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ENTRY } from "../support/entry.ts";
import { runMigration } from "./migration.ts";
import { Databases } from "./pairs.ts";
import { PLANTED_KINDS } from "./planted.ts";
import { Site } from "./site.ts";

const ROWS = 1_200;
const EACH = 2;

export function tryPair(name: string): void {
  test(`${name}: rows are moved beside live writes by a job that is killed, and so is a member; what is planted is found and repaired`, async (t) => {
    const databases = new Databases();
    const site = new Site(ENTRY);
    t.after(async () => {
      await site.close();
      await databases.stop();
    });
    const pair = await databases.pair(name, ROWS, site.folder);
    await site.start([pair]);
    const seed = Date.now() % 1_000_000;
    const plan = {
      rows: ROWS,
      seed,
      clients: 6,
      writesPerSecond: 60,
      kills: 1,
      killedAfterMs: [900, 1_800],
      memberKilledAfterMs: [400, 2_000],
      jobOptions: ["--chunk", "200", "--max-rate", "900"],
      planted: EACH,
    } as const;
    const result = await runMigration(site, pair, plan, () => undefined);
    t.diagnostic(JSON.stringify({ seed, ...result }));
    assert.deepEqual(result.problems, []);
    assert.deepEqual(result.found, Object.fromEntries(PLANTED_KINDS.map((kind) => [kind, EACH])));
    assert.deepEqual([result.repaired, result.left], [EACH * PLANTED_KINDS.length, 0]);
    assert.deepEqual([result.job.kills, result.membersKilled], [1, 1]);
    assert.equal(result.reconcileFound, result.excused);
    const { create, replace, bump, remove, transfer } = result.accepted;
    assert.ok(Math.min(create, replace, bump, remove, transfer) > 0);
  });
}
