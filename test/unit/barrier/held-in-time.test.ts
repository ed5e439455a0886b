/** However long a store takes, writes are not held back for longer than a move may take, and no move is made on what it has not told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createLocalBarrier, DRAIN_WITHIN_MS } from "../../../proxy/barrier/barrier.ts";
import { leftInStore } from "../../../proxy/barrier/left-in-store.ts";
import { createOwnWrites, type OwnWrites } from "../../../proxy/barrier/own-writes.ts";
import { OpenWrites } from "../../../proxy/phase/open-writes.ts";
import { WriteHold } from "../../../proxy/phase/write-hold.ts";
import { systemClock } from "../../../proxy/process/system-clock.ts";

const NEVER = new Promise<never>(() => undefined);
const HEALTH = { isKeeping: true, problem: null } as ReturnType<Parameters<typeof leftInStore>[0]["store"]["health"]>;

test("a store that takes nothing is not waited for beyond the time, and what it has not taken is not there", async () => {
  const store = { flush: () => NEVER, health: () => HEALTH };
  assert.equal(await leftInStore({ store, counted: null }, 20), "the store has not taken in time what they left");
  const well = { ...store, flush: () => Promise.resolve() };
  assert.equal(await leftInStore({ store: well, counted: null }, 1_000), null);
  const failing = { ...well, health: () => ({ ...HEALTH, isKeeping: false, problem: "the disk is full" }) };
  assert.equal(await leftInStore({ store: failing, counted: null }, 1_000), "the disk is full");
  const counted = { caughtUp: () => Promise.resolve(false) };
  assert.equal(await leftInStore({ store: well, counted }, 1_000), "the journal is behind with what they left");
});

test("what writes took to end is taken off the time for what they left", async () => {
  const openWrites = new OpenWrites();
  const given: number[] = [];
  const own = createOwnWrites({
    hold: new WriteHold(),
    openWrites,
    workers: () => null,
    settled: async (withinMs) => {
      given.push(withinMs);
      return null;
    },
  });
  openWrites.enter("one", "users");
  own.hold(["users"]);
  setTimeout(() => openWrites.leave("one"), 50);
  assert.equal(await own.drained(10_000), null);
  own.release();
  const [left = NaN] = given;
  assert.ok(left > 0 && left <= 9_960, `${left} ms`);
});

test("a store that does not tell what the last writes left ends the move within its time, and nothing is kept", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let [isHeld, now] = [false, 0];
  const own: OwnWrites = {
    hold: () => void (isHeld = true),
    drained: async () => {
      now += 1_000;
      return null;
    },
    release: () => void (isHeld = false),
    held: 0,
    refused: 0,
  };
  const barrier = createLocalBarrier({
    own,
    phases: { move: () => assert.fail("it was kept"), reread: async () => undefined, rowOf: () => undefined },
    moved: () => assert.fail("it was moved"),
    clock: { ...systemClock, monotonic: () => now },
  });
  const crossed = barrier.cross({ routes: ["users"], moves: [], drains: true, stillFit: () => NEVER });
  await new Promise(setImmediate);
  t.mock.timers.tick(DRAIN_WITHIN_MS - 1_001);
  await new Promise(setImmediate);
  assert.equal(isHeld, true);
  t.mock.timers.tick(1);
  const { end, why } = await crossed;
  assert.deepEqual([end, why, isHeld], ["aborted", "the store did not tell in time what the last writes left", false]);
});
