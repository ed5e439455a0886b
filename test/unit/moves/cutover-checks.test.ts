/** How close copies have to be before a member holds writes back for all the others' too. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createCutoverChecks, type CutoverChecksParts, type Planned } from "../../../proxy/moves/cutover-checks.ts";

function notCloseAt(lagMs: number, waitedMs: number, more: Partial<CutoverChecksParts> = {}): string | null {
  const parts: Pick<CutoverChecksParts, "journal" | "backlog" | "openWrites" | "clock"> = {
    journal: { waiting: () => 0, waitingSince: () => null },
    backlog: { lagMs: () => lagMs },
    openWrites: { count: () => 1, oldest: () => null },
    clock: { now: () => 0, monotonic: () => 0 },
  };
  // Nothing else is asked for it.
  return createCutoverChecks({ ...parts, ...more } as CutoverChecksParts).notClose(["users"], waitedMs);
}

const CASES = [
  // A moment at which little is under way is waited for, since nobody waits yet.
  { lagMs: 5, waitedMs: 0, isClose: true },
  { lagMs: 6, waitedMs: 0, isClose: false },
  { lagMs: 30, waitedMs: 80, isClose: false },
  { lagMs: 30, waitedMs: 120, isClose: true },
  // A machine on which copies are always late gets there too.
  { lagMs: 250, waitedMs: 900, isClose: false },
  { lagMs: 250, waitedMs: 1_000, isClose: true },
  { lagMs: 251, waitedMs: 9_000, isClose: false },
];

for (const { lagMs, waitedMs, isClose } of CASES)
  test(`copies ${lagMs} ms behind, ${waitedMs} ms after the move was announced: ${isClose ? "close" : "not close"}`, () => {
    assert.equal(notCloseAt(lagMs, waitedMs), isClose ? null : `copies are ${lagMs} ms behind`);
  });

/** As it is asked before the move is announced, or one process alone holds writes back. `lags`: by each look. */
async function lagCheckAt(lags: readonly number[], dryRun: boolean): Promise<readonly [string, string] | undefined> {
  let [looks, now] = [0, 0];
  const parts = {
    snapshot: () => ({ settings: { routes: [] } }),
    members: { list: async () => [] },
    store: { openWork: async () => [] },
    journal: { waiting: () => 0, waitingSince: () => null },
    backlog: { lagMs: () => lags[Math.min(looks++, lags.length - 1)] as number },
    openWrites: { count: () => 1, oldest: () => null },
    tunnels: () => 0,
    // Each look is 40 ms after the one before.
    clock: { now: () => 0, monotonic: () => (now += 20) },
  } as unknown as CutoverChecksParts;
  const order = { route: "users", step: "rollback", force: false, reason: null, dryRun, by: "ops" } as const;
  const planned: Planned = {
    ...{ order, routes: [], names: ["users"], from: "next-primary", to: "dual-write", crosses: true },
  };
  const lag = (await createCutoverChecks(parts).of(planned)).find(({ name }) => name === "lag");
  return lag === undefined ? undefined : [lag.state, lag.text];
}

test("a move begins at a moment at which little is under way, of one process too; a dry run waits for none", async () => {
  const behind = (ms: number) => `1 write under way; copies are ${ms} ms behind`;
  assert.deepEqual(await lagCheckAt([200, 200, 4], false), ["met", behind(4)]);
  assert.deepEqual(await lagCheckAt([40], false), ["met", behind(40)]);
  assert.deepEqual(await lagCheckAt([200, 4], true), ["met", behind(200)]);
  assert.deepEqual(await lagCheckAt([260], true), ["missing", behind(260)]);
});

test("what waits in the journal, or has been under way for longer than a move may take, is not close however long it waits", () => {
  const journal = { waiting: () => 2, waitingSince: () => null };
  assert.equal(notCloseAt(0, 9_000, { journal }), "2 writes wait in the journal for memory");
  const openWrites = { count: () => 1, oldest: () => ({ what: "PUT /users/1", ms: 4_000 }) };
  assert.match(notCloseAt(0, 9_000, { openWrites }) ?? "", /^PUT \/users\/1 has been under way for 4 s/);
});
