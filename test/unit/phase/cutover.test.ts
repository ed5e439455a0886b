/** What a move is made from, and what is told of it before it is made: whoever makes it may be overtaken, or die, at any line. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Crossed, Crossing } from "../../../proxy/barrier/barrier.ts";
import type { Settings } from "../../../proxy/config/settings.ts";
import { createCutover } from "../../../proxy/moves/cutover.ts";
import { CrossfadeError } from "../../../proxy/errors.ts";
import type { Phase } from "../../../proxy/config/settings.ts";
import type { KeptPhase } from "../../../proxy/moves/kept-phase.ts";
import type { MoveOrder } from "../../../proxy/moves/phase-move.ts";
import type { StoreWrite } from "../../../proxy/ports.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import { settingsOf } from "../../support/config-file.ts";

const ORDER: MoveOrder = { route: "users", step: "advance", force: false, reason: null, dryRun: false, by: "ops" };
const MOVED: Crossed = { end: "moved", why: null, pauseMs: null, refusedWrites: 0, tunnels: null };

function settings(t: TestContext, phase: Phase): Settings {
  const urls = 'services:\n  legacy: { url: "http://127.0.0.1:3000" }\n  next: { url: "http://127.0.0.1:4000" }\n';
  return settingsOf(t, `${urls}routes:\n  - { name: users, match: { path: "/users/**" }, phase: ${phase} }\n`).settings;
}

interface Plan {
  readonly row: KeptPhase;
  /** While what has to be so is looked at. */
  readonly meanwhile?: (put: (row: KeptPhase) => void) => void;
  readonly cross: (crossing: Crossing, durable: readonly StoreWrite[]) => Promise<Crossed>;
}

function cutoverOf(t: TestContext, { row, meanwhile, cross }: Plan) {
  let kept = row;
  const [appended, durable]: [StoreWrite[], StoreWrite[]] = [[], []];
  const file = settings(t, row.phase);
  const snapshot = { revision: 1, settings: file, router: compileRouter(file.routes), epochs: new Map() };
  const cutover = createCutover({
    acting: { snapshot: () => snapshot, file: () => file },
    phases: { rowOf: () => kept },
    checks: {
      of: async () => {
        meanwhile?.((next) => void (kept = next));
        return [];
      },
      lagOf: () => 0,
      openOf: async () => ({ repairs: 0, gaps: 0 }),
      notClose: () => null,
    },
    barrier: { cross: (crossing) => cross(crossing, durable) },
    store: {
      append: (writes) => void appended.push(...writes),
      flush: async () => void durable.push(...appended.splice(0)),
    },
    clock: { now: () => Date.parse("2026-11-22T12:00:00.000Z"), monotonic: () => 0 },
    audit: () => undefined,
  });
  return { cutover, all: () => [...durable, ...appended] };
}

const rowIn = (phase: Phase, epoch: number, more: Partial<KeptPhase> = {}): KeptPhase => {
  const said = { file: phase, by: "ops", at: "2026-11-22T11:00:00.000Z", reason: null, behindSince: null };
  return { route: "users", phase, epoch, ...said, ...more };
};

test("a move is made from the phase that it was decided on, whatever came while the rest was looked at", async (t) => {
  const before = rowIn("dual-write", 1);
  const crossings: Crossing[] = [];
  const { cutover } = cutoverOf(t, {
    row: before,
    // A rollback would take next's writes back to legacy without a barrier.
    meanwhile: (put) => put(rowIn("next-primary", 2, { at: "2026-11-22T11:59:59.999Z" })),
    cross: async (crossing) => {
      crossings.push(crossing);
      return { ...MOVED, end: "refused", why: "the phase was changed by somebody else meanwhile" };
    },
  });
  const report = await cutover.move({ ...ORDER, step: "rollback" });
  assert.equal(report?.end, "refused");
  const [{ moves, drains } = assert.fail()] = crossings;
  assert.deepEqual(
    [drains, moves.map(({ row, instead }) => [row.phase, row.epoch, instead])],
    [false, [["legacy-only", 1, before]]],
  );
});

test("what a route without a shadow has missed is a gap before the move forgets since when", async (t) => {
  const from = "2026-11-20T12:00:00.000Z";
  const row = rowIn("legacy-only", 1, { behindSince: from });
  const gapsOf = (writes: readonly StoreWrite[]) => writes.map(({ type }) => type);
  let atCommit: readonly StoreWrite[] = [];
  const moved = cutoverOf(t, {
    row,
    cross: async (_, durable) => {
      atCommit = [...durable];
      return MOVED;
    },
  });
  await moved.cutover.move(ORDER);
  const [opened] = atCommit;
  assert.ok(opened?.type === "gap-opened" && opened.from === from && opened.route === "users");
  assert.deepEqual(gapsOf(moved.all()), ["gap-opened", "gap-closed"]);
  // It goes on to be told by the row where the move was not made.
  const refused = cutoverOf(t, {
    row,
    cross: async () => ({ ...MOVED, end: "refused", why: "another one is under way" }),
  });
  await refused.cutover.move(ORDER);
  assert.deepEqual(gapsOf(refused.all()), ["gap-opened", "gap-withdrawn"]);
  const away = new CrossfadeError("store-unavailable", "it is away", { source: "store" });
  const failed = cutoverOf(t, { row, cross: () => Promise.reject(away) });
  await assert.rejects(failed.cutover.move(ORDER), /it is away/);
  assert.deepEqual(gapsOf(failed.all()), ["gap-opened", "gap-withdrawn"]);
});

test("a step that was decided on from another phase is not made from the one that acts by now", async (t) => {
  // Another member, whose file says the same, was first.
  const { cutover } = cutoverOf(t, { row: rowIn("dual-write", 3), cross: () => assert.fail("one step is enough") });
  const report = await cutover.move({ ...ORDER, step: "rollback", to: "dual-write" });
  assert.equal(report?.end, "refused");
  assert.equal(
    report?.sentence,
    "users stays in dual-write: it is in dual-write by now, from where rollback leads to legacy-only and not to dual-write",
  );
  const wanted = cutoverOf(t, { row: rowIn("dual-write", 3), cross: async () => MOVED });
  assert.equal((await wanted.cutover.move({ ...ORDER, step: "rollback", to: "legacy-only" }))?.end, "moved");
});
