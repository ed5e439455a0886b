import assert from "node:assert/strict";
import { test } from "node:test";
import { createThrottle, type ThrottleBounds } from "../../../proxy/migrate/throttle.ts";

/** A throttle on a clock of its own, with what it tells; `stage` may be changed at any look. */
function setup(bounds: Partial<ThrottleBounds>) {
  const stage = {
    now: 0,
    paused: null as string | null,
    lagMs: null as number | null,
    sourceLagMs: null as number | null,
    probeMs: 1,
    probes: 0,
    stillHere: 0,
  };
  const told: (string | null)[] = [];
  let onWait = (): void => undefined;
  const throttle = createThrottle(
    {
      pausedBy: () => stage.paused,
      lagMs: () => stage.lagMs,
      sourceLagMs: () => Promise.resolve(stage.sourceLagMs),
      probe() {
        stage.probes += 1;
        stage.now += stage.probeMs;
        return Promise.resolve();
      },
      stillHere() {
        stage.stillHere += 1;
        return Promise.resolve();
      },
      waits(why) {
        if (told.at(-1) !== why) told.push(why);
      },
      now: () => stage.now,
      wait(ms) {
        stage.now += ms;
        onWait();
        return Promise.resolve();
      },
    },
    { lagMs: null, latencyMs: null, rowsPerSecond: null, ...bounds },
  );
  const never = new AbortController().signal;
  return {
    stage,
    told,
    pass: (rows = 0, signal = never) => throttle.pass(rows, signal),
    /** Called after each wait with how many there were. */
    after(work: (waits: number) => void) {
      let waits = 0;
      onWait = () => work((waits += 1));
    },
  };
}

test("where nothing stands in the way nothing is waited for", async () => {
  const { stage, told, pass } = setup({ lagMs: 10_000, latencyMs: 1_000 });
  await pass(1_000_000);
  assert.deepEqual([told, stage.stillHere], [[null], 0]);
});

test("it waits for as long as there is a reason, names it, and lets itself be heard", async () => {
  const { stage, told, pass, after } = setup({ lagMs: 10_000 });
  stage.paused = "paused by ops";
  stage.lagMs = 12_340;
  after((waits) => {
    if (waits === 2) stage.paused = null;
    if (waits === 4) stage.lagMs = 10_000;
  });
  await pass();
  assert.deepEqual(told, ["paused by ops", "copies of live writes are 12.3 s behind (--max-lag 10 s)", null]);
  assert.equal(stage.stillHere, 4);
});

test("a replica that is read is waited for until it has caught up", async () => {
  const { stage, told, pass, after } = setup({ lagMs: 10_000 });
  stage.sourceLagMs = 61_000;
  after((waits) => {
    if (waits === 3) stage.sourceLagMs = 0;
  });
  await pass();
  assert.deepEqual(told, ["the source is a replica, and 61 s behind (--max-lag 10 s)", null]);
  const off = setup({});
  off.stage.sourceLagMs = 61_000;
  await off.pass();
  assert.deepEqual(off.told, [null]);
});

test("a lag that nobody knows, and one that is off, hold nothing up", async () => {
  const unknown = setup({ lagMs: 1 });
  await unknown.pass();
  const off = setup({});
  off.stage.lagMs = 1e9;
  await off.pass();
  assert.deepEqual([unknown.told, off.told], [[null], [null]]);
});

test("a slow target is asked until it answers in time; one slow answer among quick ones says little", async () => {
  const { stage, told, pass, after } = setup({ latencyMs: 100 });
  await pass();
  stage.now += 1_000;
  await pass();
  stage.probeMs = 5_000;
  stage.now += 1_000;
  await pass();
  assert.deepEqual(told, [null], "the middle one of three is quick");
  stage.now += 1_000;
  after((waits) => {
    if (waits === 3) stage.probeMs = 1;
  });
  await pass();
  assert.deepEqual(told, [null, "the target takes 5 s for one row (--max-latency 100 ms)", null]);
});

test("a target that is quick is asked once a second, and not before each chunk", async () => {
  const { stage, pass } = setup({ latencyMs: 100 });
  for (let chunk = 0; chunk < 100; chunk += 1) {
    stage.now += 50;
    await pass();
  }
  assert.ok(stage.probes >= 4 && stage.probes <= 6, `${stage.probes}`);
});

test("rows keep to their rate, and a pause is not made up for", async () => {
  const { stage, told, pass, after } = setup({ rowsPerSecond: 100 });
  await pass(0);
  await pass(50);
  assert.equal(stage.now, 500);
  assert.equal(told.includes("no more than 100 rows a second (--max-rate)"), true);
  stage.paused = "paused by ops";
  after((waits) => {
    if (waits === 20) stage.paused = null;
  });
  await pass(100);
  // Ten seconds of pause, and half a second for the fifty rows.
  assert.equal(stage.now, 11_000);
});

test("what is to stop does not wait", async () => {
  const { stage, told, pass, after } = setup({ rowsPerSecond: 1 });
  const stop = new AbortController();
  stage.paused = "paused by ops";
  after(() => stop.abort());
  await pass(1_000, stop.signal);
  assert.deepEqual(told, ["paused by ops", null]);
});
