import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_SERVICE } from "../../../proxy/config/defaults.ts";
import { CrossfadeError, type ErrorCode } from "../../../proxy/errors.ts";
import type { AnswerSink, UpstreamRequest } from "../../../proxy/ports.ts";
import { deliver, type DeliveryEnd, type DeliveryJob } from "../../../proxy/mirror/delivery.ts";
import { InFlight } from "../../../proxy/mirror/in-flight.ts";
import { ShadowGate } from "../../../proxy/mirror/shadow-gate.ts";
import { Unsettled } from "../../../proxy/mirror/unsettled.ts";
import { systemClock } from "../../../proxy/process/system-clock.ts";

type Attempt =
  | { readonly status: number; readonly headers?: readonly string[] }
  | { readonly fails: ErrorCode; readonly sent: boolean };

const answers = (status: number, ...headers: string[]): Attempt => ({ status, headers });
const fails = (code: ErrorCode, sent: boolean): Attempt => ({ fails: code, sent });

/** What becomes of a copy whose attempts go like this, one after another. */
async function delivered(attempts: readonly Attempt[], change: Partial<DeliveryJob> & { method?: string } = {}) {
  const seen: UpstreamRequest[] = [];
  const kept: { discarded: boolean }[] = [];
  const { method = "PUT", ...changes } = change;
  const play = (request: UpstreamRequest, sink: AnswerSink): void => {
    const one = attempts[seen.length];
    seen.push(request);
    assert.ok(one !== undefined, "it was sent once too often");
    if ("fails" in one) {
      if (one.sent) sink.onSending();
      sink.onError(new CrossfadeError(one.fails, one.fails, { source: "shadow" }));
      return;
    }
    sink.onSending();
    sink.onHead(one.status, "", one.headers ?? []);
    sink.onEnd([]);
  };
  const now = systemClock.monotonic();
  const end = await deliver({
    request: { method, target: "/", headers: [], body: { kind: "memory", bytes: Buffer.alloc(0) } },
    service: { ...DEFAULT_SERVICE, name: "next", origin: "http://127.0.0.1:1" },
    upstream: {
      send(request, sink) {
        setImmediate(play, request, sink);
        return { abort() {}, resume() {}, endSide() {}, relay() {} };
      },
      close: () => Promise.resolve(),
    },
    gate: new ShadowGate({
      opensAfter: 100,
      probeEveryMs: 1,
      inFlight: new InFlight(() => 10),
      ratePerSecond: () => null,
      monotonic: () => systemClock.monotonic(),
    }),
    clock: systemClock,
    answeredAt: now,
    deadline: now + 15_000,
    primaryAccepted: true,
    primaryBytes: 0,
    place: null,
    unsettled: new Unsettled(),
    newAnswerCopy: () => {
      const copy = { discarded: false };
      kept.push(copy);
      return {
        take: () => false,
        result: () => ({ kind: "kept", copy: { kind: "memory", bytes: Buffer.alloc(0) } }),
        discard: () => void (copy.discarded = true),
      };
    },
    onAttempt: () => undefined,
    earlierAttempts: 0,
    onFailure() {},
    ...changes,
  });
  assert.equal(end.attempts, seen.length);
  assert.equal(kept.filter(({ discarded }) => !discarded).length, end.end === "answered" ? 1 : 0, "answers are let go");
  return { end: spelled(end), late: end.mayLandLate, fresh: seen.map(({ freshConnection }) => freshConnection) };
}

function spelled(end: DeliveryEnd): string {
  switch (end.end) {
    case "answered":
      return String(end.answer.status);
    case "unjudged":
    case "not-sent":
      return `${end.end} ${end.because}`;
    case "error":
      return `error ${end.code}`;
    default:
      return end.end;
  }
}

/** A write that was answered after one that has not settled; and that other one's place. */
function afterAnother() {
  const unsettled = new Unsettled();
  const earlier = unsettled.add("next");
  return { unsettled, earlier, place: unsettled.add("next") };
}

test("a connection that was closed before anything was sent is replaced at once, and a copy that never arrived is sent until it does", async () => {
  const lost = fails("connection-lost", false);
  assert.deepEqual(await delivered([lost, answers(200)]), { end: "200", late: false, fresh: [false, true] });
  const refused = fails("connect-failed", false);
  assert.deepEqual((await delivered([refused, refused, lost, answers(200)], { method: "POST" })).end, "200");
});

test("what may have been applied is sent once more where that is harmless, and never otherwise", async () => {
  const cut = fails("connection-lost", true);
  assert.deepEqual(await delivered([cut, answers(200)]), { end: "200", late: true, fresh: [false, true] });
  assert.deepEqual(await delivered([cut, cut]), { end: "error connection-lost", late: true, fresh: [false, true] });
  const post = await delivered([cut], { method: "POST" });
  assert.deepEqual([post.end, post.late], ["error connection-lost", true]);
  assert.equal((await delivered([fails("total-timeout", true)])).end, "timeout");
  assert.equal((await delivered([fails("invalid-answer", true)])).end, "error invalid-answer");
  assert.equal(
    (await delivered([cut, answers(404)], { method: "DELETE", place: new Unsettled().add("next") })).end,
    "unjudged late-attempt",
  );
});

test("where another attempt would come after the deadline, the last one counts", async () => {
  const deadline = () => systemClock.monotonic() + 60;
  assert.equal(
    (await delivered([fails("connect-failed", false)], { deadline: deadline() })).end,
    "error connect-failed",
  );
  assert.equal((await delivered([answers(429)], { deadline: deadline() })).end, "429");
  assert.equal((await delivered([answers(503, "Retry-After", "30")])).end, "503");
  const { unsettled, place } = afterAnother();
  assert.equal((await delivered([answers(404)], { unsettled, place, deadline: deadline() })).end, "404");
});

test("where other members send too, what is refused is sent once more when what they had answered earlier is done with; not where there was nothing", async () => {
  const unsettled = new Unsettled();
  const place = unsettled.add("next");
  const asked: number[] = [];
  const elsewhere = (had: boolean) => (since: number, forMs: number) => {
    asked.push(since, forMs);
    return Promise.resolve(had);
  };
  const begun = systemClock.monotonic();
  const again = await delivered([answers(404), answers(201)], { unsettled, place, elsewhere: elsewhere(true) });
  assert.equal(again.end, "201");
  const [since = 0, forMs = 0] = asked;
  assert.ok(since >= begun && since <= systemClock.monotonic() && forMs > 10_000 && forMs <= 15_000, asked.join());
  // Once.
  assert.equal(
    (await delivered([answers(404), answers(409)], { unsettled, place, elsewhere: elsewhere(true) })).end,
    "409",
  );
  assert.equal((await delivered([answers(404)], { unsettled, place, elsewhere: elsewhere(false) })).end, "404");
  assert.equal(asked.length, 6);
  // One of its own that is earlier is reason enough, and is waited for first.
  const own = afterAnother();
  let isFirst = false;
  const end = delivered([answers(404), answers(200)], {
    ...{ unsettled: own.unsettled, place: own.place },
    elsewhere: () => {
      assert.ok(isFirst);
      return Promise.resolve(false);
    },
  });
  setTimeout(() => {
    isFirst = true;
    own.unsettled.remove(own.earlier);
  }, 20);
  assert.equal((await end).end, "200");
  // Reads wait for nobody, and what was not refused has nothing to wait for.
  const never = (): Promise<boolean> => assert.fail("nobody is asked");
  assert.equal((await delivered([answers(404)], { method: "GET", elsewhere: never })).end, "404");
  assert.equal((await delivered([answers(500)], { unsettled, place, elsewhere: never })).end, "500");
  // Nor does a refusal that was to be expected.
  const isExpected = (status: number): boolean => status === 404;
  assert.equal((await delivered([answers(404)], { unsettled, place, elsewhere: never, isExpected })).end, "404");
});

test("what is refused is sent once more when what was answered earlier has settled, a POST too", async () => {
  const { unsettled, earlier, place } = afterAnother();
  const end = delivered([answers(404), answers(201)], { method: "POST", unsettled, place });
  setTimeout(() => unsettled.remove(earlier), 20);
  assert.equal((await end).end, "201");
  const again = afterAnother();
  const refused = delivered([answers(404), answers(409)], { unsettled: again.unsettled, place: again.place });
  setTimeout(() => again.unsettled.remove(again.earlier), 20);
  assert.equal((await refused).end, "409");
  const { unsettled: alone } = again;
  assert.equal((await delivered([answers(404)], { unsettled: alone, place: again.place })).end, "404");
});

test("a read is compared as it is answered, whatever was sent before it", async () => {
  const { unsettled } = afterAnother();
  assert.equal((await delivered([answers(404)], { method: "GET", unsettled })).end, "404");
  assert.equal((await delivered([fails("connection-lost", true), answers(404)], { method: "GET" })).end, "404");
});

test("refusals by both are agreement: nothing is sent again", async () => {
  const { unsettled, place } = afterAnother();
  for (const status of [401, 404, 429]) {
    assert.equal(
      (await delivered([answers(status)], { primaryAccepted: false, unsettled, place })).end,
      String(status),
    );
  }
});

test("a 401 counts in time, and not once the copy is older than expiresAfter", async () => {
  const unsettled = new Unsettled();
  const place = unsettled.add("next");
  assert.equal((await delivered([answers(401)], { unsettled, place })).end, "401");
  const answeredAt = systemClock.monotonic() - DEFAULT_SERVICE.asShadow.expiresAfterMs - 1;
  assert.equal((await delivered([answers(401)], { unsettled, place, answeredAt })).end, "unjudged credentials-expired");
  assert.equal((await delivered([answers(403)], { answeredAt })).end, "unjudged credentials-expired");
  assert.equal((await delivered([answers(404)], { unsettled, place, answeredAt })).end, "404");
});

test("closing the gate ends what rests between two attempts", { timeout: 5_000 }, async () => {
  const gate = new ShadowGate({
    opensAfter: 100,
    probeEveryMs: 1,
    inFlight: new InFlight(() => 10),
    ratePerSecond: () => null,
    monotonic: () => systemClock.monotonic(),
  });
  const resting = delivered([answers(503, "Retry-After", "10")], { gate });
  setTimeout(() => gate.close(), 20);
  assert.equal((await resting).end, "503", "it has an answer, which counts");
});
