import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { ByteBudget } from "../../../proxy/process/byte-budget.ts";
import type { Exchange } from "../../../proxy/exchange.ts";
import { Spool } from "../../../proxy/forward/spool.ts";
import { createNoise, type Noise } from "../../../proxy/noise/noise.ts";
import { PlaceBook } from "../../../proxy/record/place-book.ts";
import { createRedactor } from "../../../proxy/record/redaction.ts";
import { handClock, makeSettled } from "../../support/evidence.ts";

function noiseWith(random: () => number, isOn = true): Noise {
  const clock = handClock();
  const budget = new ByteBudget(1 << 20);
  return createNoise({
    book: new PlaceBook(),
    redactor: createRedactor(Buffer.alloc(32)),
    store: { append: () => undefined },
    telemetry: { secondRead: () => undefined },
    hashKey: Buffer.alloc(32),
    markKey: Buffer.alloc(32),
    upstream: () => assert.fail("nothing is sent before the client has its answer"),
    copies: { budget, spool: new Spool(tmpdir(), new ByteBudget(0), budget) },
    clock,
    mirroringEnabled: () => isOn,
    random,
    caught: (_step, error) => assert.fail(String(error)),
  });
}

function readOf(readShare: number): Exchange {
  const { exchange } = makeSettled({ request: { method: "GET" } });
  const compare = { ...exchange.route.compare, noise: { readShare, comparedShare: 0 } };
  return {
    ...exchange,
    route: { ...exchange.route, compare },
    plan: { mirror: false, primary: "legacy", shadow: null, requestClass: "read", why: "reads-off" },
  };
}

test("as many reads are watched as the share says", () => {
  let drawn = 0;
  const noise = noiseWith(() => (drawn++ % 100) / 100);
  let watched = 0;
  for (let n = 0; n < 1_000; n += 1) {
    const one = noise.watch(readOf(0.03));
    if (one === null) continue;
    watched += 1;
    one.ended({ end: "unreached", why: "test" });
  }
  assert.equal(watched, 30);
});

test("nothing is asked twice while the kill switch is thrown", () => {
  assert.equal(noiseWith(() => 0, false).watch(readOf(1)), null);
});

test("no more than sixteen reads are watched at once, and each makes room when it ends, however it does", () => {
  const noise = noiseWith(() => 0);
  const watched = Array.from({ length: 20 }, () => noise.watch(readOf(1)));
  assert.equal(watched.filter((one) => one !== null).length, 16);
  assert.deepEqual(noise.of("users").notAskedTwice, { busy: 4 });
  const answered = { end: "answered", status: 500, headers: [], ms: 1, requestComplete: true, release() {} } as const;
  const body = { kind: "kept", copy: { kind: "memory", bytes: Buffer.alloc(0) }, length: 0 } as const;
  for (const [i, one] of watched.entries()) {
    // The client may be gone before the answer has come, or never see one.
    if (i % 3 === 0) one?.closed();
    if (i % 3 === 1) one?.ended({ end: "unknown", status: null, why: "test", ms: 1 });
    else one?.ended({ ...answered, body, requestBody: body });
    if (i % 3 !== 0) one?.closed();
  }
  assert.equal(Array.from({ length: 20 }, () => noise.watch(readOf(1))).filter((one) => one !== null).length, 16);
});
