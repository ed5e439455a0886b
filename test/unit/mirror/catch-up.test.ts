import assert from "node:assert/strict";
import { test } from "node:test";
import { CatchUp } from "../../../proxy/mirror/catch-up.ts";
import { InFlight } from "../../../proxy/mirror/in-flight.ts";
import { NotAttempted, ShadowGate } from "../../../proxy/mirror/shadow-gate.ts";

/** So many answers in each of these seconds. */
function tookFor(catchUp: CatchUp, seconds: number, perSecond: number): void {
  for (let second = 0; second < seconds; second++) {
    for (let i = 0; i < perSecond; i++) catchUp.succeeded(second * 1_000 + i);
  }
}

test("without an outage there is no ramp", () => {
  const catchUp = new CatchUp();
  tookFor(catchUp, 10, 100);
  assert.equal(catchUp.active, false);
  assert.equal(catchUp.perSecond(10_000), Infinity);
});

test("the ramp begins at twice what the service took before, and doubles every 4 s", () => {
  const catchUp = new CatchUp();
  tookFor(catchUp, 10, 100);
  catchUp.begin(30_000);
  assert.equal(catchUp.perSecond(30_000), 200);
  assert.equal(catchUp.perSecond(34_000), 400);
  assert.equal(catchUp.perSecond(38_000), 800);
});

test("of a service that has taken nothing yet it begins at 10 a second and doubles every second", () => {
  const catchUp = new CatchUp();
  catchUp.begin(1_000);
  assert.equal(catchUp.perSecond(1_000), 10);
  assert.equal(catchUp.perSecond(5_000), 160);
  assert.ok(catchUp.perSecond(1e9) <= 1_000_000);
});

test("a failure halves it, once for all that failed together, and it rises half as fast from there", () => {
  const catchUp = new CatchUp();
  tookFor(catchUp, 10, 100);
  catchUp.begin(20_000);
  catchUp.succeeded(23_000);
  for (let i = 0; i < 50; i++) catchUp.cut(24_000 + i);
  assert.equal(catchUp.perSecond(24_000), 200);
  assert.equal(catchUp.perSecond(32_000), 400);
  catchUp.succeeded(31_000);
  catchUp.cut(32_000);
  assert.equal(catchUp.perSecond(32_000), 200);
  assert.equal(catchUp.perSecond(48_000), 400);
  for (let at = 50_000; at < 100_000; at += 1_000) catchUp.cut(at);
  assert.ok(catchUp.perSecond(100_000) >= 5, "never to a standstill");
});

test("however often it failed, it rises again within a bound: ten failures are no reason for hours", () => {
  const catchUp = new CatchUp();
  tookFor(catchUp, 10, 100);
  catchUp.begin(30_000);
  for (let n = 1; n <= 10; n++) {
    catchUp.succeeded(30_000 + n * 2_000 - 1);
    catchUp.cut(30_000 + n * 2_000);
  }
  const least = catchUp.perSecond(50_000);
  assert.ok(least < 20);
  assert.equal(catchUp.perSecond(50_000 + 2 * 16_000), 4 * least);
});

test("a service that took nothing at all was not given too much: once it takes some, it is soon back at what was safe", () => {
  const catchUp = new CatchUp();
  tookFor(catchUp, 10, 100);
  catchUp.begin(20_000);
  catchUp.succeeded(23_999);
  catchUp.cut(24_000);
  assert.equal(catchUp.perSecond(24_000), 200);
  // Whether it answers with 503 or not at all.
  for (let at = 25_000; at <= 44_000; at += 1_000) {
    catchUp.succeeded(at);
    catchUp.refused(at);
    catchUp.cut(at + 500);
  }
  assert.equal(catchUp.perSecond(44_000), 5);
  assert.equal(catchUp.perSecond(3_600_000), 5);
  for (let n = 0; n < 2; n++) catchUp.succeeded(44_000);
  // 200 is 5.3 doublings away.
  assert.equal(Math.round(catchUp.perSecond(49_322)), 200);
  assert.equal(Math.round(catchUp.perSecond(49_322 + 8_000)), 400);
});

test("while it is away nothing rises, and its return is no failure", () => {
  const catchUp = new CatchUp();
  tookFor(catchUp, 10, 100);
  catchUp.begin(20_000);
  catchUp.succeeded(23_999);
  catchUp.cut(24_000);
  catchUp.stopped(24_000);
  assert.equal(catchUp.perSecond(3_600_000), 200);
  catchUp.begin(3_600_000);
  assert.equal(catchUp.perSecond(3_600_000), 100);
  assert.equal(catchUp.perSecond(3_601_000), 200);
  assert.equal(catchUp.perSecond(3_609_000), 400);
});

test("a service that goes again while it is caught up with comes back to half of what it had", () => {
  const catchUp = new CatchUp();
  tookFor(catchUp, 10, 100);
  catchUp.begin(20_000);
  catchUp.begin(24_000);
  assert.equal(catchUp.perSecond(24_000), 200);
});

test("it ends when nobody had to wait for it in 2 s, and what was sent meanwhile is not what is usual", () => {
  const catchUp = new CatchUp();
  tookFor(catchUp, 10, 100);
  catchUp.begin(20_000);
  for (let i = 0; i < 1_000; i++) catchUp.succeeded(20_000 + i);
  catchUp.waited(24_000);
  assert.equal(catchUp.stillOn(26_000), true);
  assert.equal(catchUp.stillOn(26_001), false);
  assert.equal(catchUp.active, false);
  catchUp.begin(40_000);
  assert.equal(catchUp.perSecond(40_000), 200);
});

test("a shadow that falls over above a rate is not knocked over again by what has waited for it", async () => {
  const usual = 40;
  const fallsOverAt = 3 * usual;
  const monotonic = () => performance.now();
  const gate = new ShadowGate({
    opensAfter: 3,
    probeEveryMs: 20,
    inFlight: new InFlight(() => 1_000),
    ratePerSecond: () => null,
    monotonic,
  });
  let up = true;
  let most = 0;
  const times: number[] = [];
  const service = async (): Promise<string> => {
    const now = monotonic();
    await new Promise((resolve) => setImmediate(resolve));
    if (!up) throw new Error("down");
    times.push(now);
    while ((times[0] as number) < now - 1_000) times.shift();
    most = Math.max(most, times.length);
    if (times.length > fallsOverAt) up = false;
    return "done";
  };
  const deliver = async (deadline: number): Promise<unknown> => {
    for (;;) {
      try {
        return await gate.run(service, deadline);
      } catch {
        // As delivery does: an attempt that failed is made again.
      }
    }
  };
  // Two seconds of usual traffic, then it is down with 200 copies waiting.
  for (let i = 0; i < 2 * usual; i++) {
    await deliver(monotonic() + 30_000);
    await new Promise((resolve) => setTimeout(resolve, 1_000 / usual));
  }
  up = false;
  for (let i = 0; i < 3; i++) await gate.run(service, monotonic() + 1_000).catch(() => {});
  assert.equal(gate.state(), "open");
  const waiting = Array.from({ length: 200 }, () => deliver(monotonic() + 60_000));
  times.length = 0;
  up = true;
  assert.ok((await Promise.all(waiting)).every((end) => end === "done"));
  assert.equal(up, true, `it got ${most} in one second and falls over above ${fallsOverAt}`);
  gate.close();
});

test("whoever waits on the ramp beyond its deadline is told so, and closing tells everyone", async () => {
  let now = 0;
  const gate = new ShadowGate({
    opensAfter: 1,
    probeEveryMs: 1,
    inFlight: new InFlight(() => 1_000),
    ratePerSecond: () => null,
    monotonic: () => now,
  });
  await gate.run(() => Promise.reject(new Error("down")), 10).catch(() => {});
  now = 5;
  await gate.run(() => Promise.resolve("probe"), 10);
  const ends = Array.from({ length: 5 }, (_, i) => gate.run(() => Promise.resolve(i), now + 30));
  now = 100;
  const late = await Promise.all(ends);
  assert.ok(
    late.slice(1).every((end) => end instanceof NotAttempted && end.because === "expired"),
    JSON.stringify(late),
  );
  const open = Array.from({ length: 3 }, () => gate.run(() => Promise.resolve("sent"), now + 60_000));
  gate.close();
  const told = await Promise.all(open);
  assert.ok(told.filter((end) => end instanceof NotAttempted && end.because === "shutdown").length >= 2);
});
