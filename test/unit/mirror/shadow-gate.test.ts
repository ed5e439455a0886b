import assert from "node:assert/strict";
import { test } from "node:test";
import { InFlight } from "../../../proxy/mirror/in-flight.ts";
import { NotAttempted, ShadowGate } from "../../../proxy/mirror/shadow-gate.ts";

const monotonic = () => performance.now();

function gateWith(change: Partial<ConstructorParameters<typeof ShadowGate>[0]> = {}): ShadowGate {
  return new ShadowGate({
    opensAfter: 3,
    probeEveryMs: 20,
    inFlight: new InFlight(() => 100),
    ratePerSecond: () => null,
    monotonic,
    ...change,
  });
}

async function failTimes(gate: ShadowGate, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    await assert.rejects(
      gate.run(() => Promise.reject(new Error("down")), monotonic() + 1000),
      /down/,
    );
  }
}

test("while the breaker is open writes wait, one attempt at a time tries, and all go on once the service is back", async () => {
  const gate = gateWith();
  await failTimes(gate, 3);
  assert.equal(gate.state(), "open");
  let up = false;
  let concurrent = 0;
  let whileDown = 0;
  const attempt = async () => {
    if (!up) {
      assert.equal(++concurrent, 1, "two attempts at a service that is down");
      await new Promise((resolve) => setImmediate(resolve));
      concurrent--;
      if (++whileDown === 3) up = true;
      throw new Error("still down");
    }
    return "delivered";
  };
  const deliver = async (): Promise<unknown> => {
    for (;;) {
      try {
        return await gate.run(attempt, monotonic() + 20_000);
      } catch {
        // As delivery does: an attempt that failed is made again.
      }
    }
  };
  const results = await Promise.all(Array.from({ length: 20 }, deliver));
  assert.ok(results.every((result) => result === "delivered"));
  assert.equal(gate.state(), "closed");
  gate.close();
});

test("what still waits at its deadline is told whether the breaker stood in the way", async () => {
  const open = gateWith({ probeEveryMs: 60_000 });
  await failTimes(open, 3);
  const refused = await open.run(() => assert.fail("attempted"), monotonic() + 30);
  assert.deepEqual(refused, new NotAttempted("breaker-open"));
  open.close();
  const late = gateWith();
  assert.deepEqual(await late.run(() => assert.fail("attempted"), monotonic() - 1), new NotAttempted("expired"));
});

test("what waited for a place in flight when the breaker opened tries by itself whether the service is back", async () => {
  const gate = gateWith({ opensAfter: 1, inFlight: new InFlight(() => 1) });
  const hung = Promise.withResolvers<never>();
  const failed = assert.rejects(
    gate.run(() => hung.promise, monotonic() + 20_000),
    /timed out/,
  );
  const waiting = gate.run(() => Promise.resolve("delivered"), monotonic() + 20_000);
  hung.reject(new Error("timed out"));
  await failed;
  assert.equal(gate.state(), "open");
  assert.equal(await waiting, "delivered");
  assert.equal(gate.state(), "closed");
  gate.close();
});

test("no more attempts are in flight than the limit", async () => {
  const gate = gateWith({ inFlight: new InFlight(() => 4) });
  let inFlight = 0;
  let most = 0;
  const attempt = async () => {
    most = Math.max(most, ++inFlight);
    await new Promise((resolve) => setImmediate(resolve));
    inFlight--;
  };
  await Promise.all(Array.from({ length: 50 }, () => gate.run(attempt, monotonic() + 20_000)));
  assert.equal(most, 4);
});

test("attempts begin no faster than the rate", async () => {
  const gate = gateWith({ ratePerSecond: () => 100 });
  const begunAt = monotonic();
  await Promise.all(Array.from({ length: 21 }, () => gate.run(() => Promise.resolve(), monotonic() + 20_000)));
  const took = monotonic() - begunAt;
  assert.ok(took >= 199, `21 attempts at 100/s took ${took} ms`);
});

test("what the rate leaves no room for before its deadline is told so, and never sent in a burst", async () => {
  const gate = gateWith({ ratePerSecond: () => 20 });
  let sent = 0;
  const deadline = monotonic() + 300;
  const ends = await Promise.all(Array.from({ length: 100 }, () => gate.run(() => Promise.resolve(++sent), deadline)));
  const refused = ends.filter((end) => end instanceof NotAttempted);
  assert.ok(sent <= 7, `${sent} sent in 300 ms at 20 a second`);
  assert.equal(refused.length, 100 - sent);
  assert.deepEqual(refused[0], new NotAttempted("expired"));
});

test("the limit of requests in flight is one for all services", async () => {
  const inFlight = new InFlight(() => 3);
  const gates = [gateWith({ inFlight }), gateWith({ inFlight })];
  let now = 0;
  let most = 0;
  const attempt = async () => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => setImmediate(resolve));
    now--;
  };
  await Promise.all(gates.flatMap((gate) => Array.from({ length: 20 }, () => gate.run(attempt, monotonic() + 20_000))));
  assert.equal(most, 3);
  assert.equal(inFlight.used, 0);
});

test("closing tells everyone who waits", async () => {
  const gate = gateWith({ probeEveryMs: 60_000 });
  await failTimes(gate, 3);
  const waiting = gate.run(() => assert.fail("attempted"), monotonic() + 60_000);
  gate.close();
  assert.deepEqual(await waiting, new NotAttempted("shutdown"));
});

test("a place that is freed for one whose deadline has passed goes to the next", { timeout: 3_000 }, async () => {
  let now = 0;
  const gate = gateWith({ inFlight: new InFlight(() => 1), monotonic: () => now });
  const { promise: held, resolve: free } = Promise.withResolvers<void>();
  const first = gate.run(() => held, 10_000);
  const late = gate.run(() => Promise.resolve("late"), 5_000);
  const next = gate.run(() => Promise.resolve("next"), 10_000);
  await new Promise((resolve) => setImmediate(resolve));
  // The loop was busy: no timer has run, and the place is free.
  now = 6_000;
  free();
  await first;
  assert.ok((await late) instanceof NotAttempted);
  assert.equal(await next, "next");
  gate.close();
});

test("whoever has to wait is told before it waits; whoever goes at once is not", async () => {
  const inFlight = new InFlight(() => 1);
  const gate = gateWith({ inFlight });
  const told: string[] = [];
  const held = Promise.withResolvers<void>();
  assert.equal(gate.isFree, true);
  const first = gate.run(
    () => held.promise,
    monotonic() + 20_000,
    () => told.push("first"),
  );
  assert.equal(gate.isFree, false);
  const second = gate.run(
    () => Promise.resolve(told.push("second goes")),
    monotonic() + 20_000,
    () => told.push("second waits"),
  );
  assert.deepEqual(told, ["second waits"]);
  held.resolve();
  await Promise.all([first, second]);
  assert.deepEqual(told, ["second waits", "second goes"]);
  gate.close();
});
