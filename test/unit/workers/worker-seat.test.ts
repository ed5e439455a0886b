import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteBudget } from "../../../proxy/process/byte-budget.ts";
import type { RequestHead } from "../../../proxy/exchange.ts";
import { captures } from "../../../proxy/forward/capture.ts";
import type { PrimaryEnding } from "../../../proxy/forward/forwarder.ts";
import { Spool } from "../../../proxy/forward/spool.ts";
import type { Arrived, CrossingWrite, Entered, Intake } from "../../../proxy/life/intake.ts";
import { systemClock } from "../../../proxy/process/system-clock.ts";
import type { FromWorker, ToWorker } from "../../../proxy/workers/messages.ts";
import { WorkerSeat } from "../../../proxy/workers/worker-seat.ts";
import { makeSettled } from "../../support/evidence.ts";

const request: RequestHead = {
  method: "PUT",
  target: "/users/1",
  path: "/users/1",
  query: "",
  headers: [],
  remoteAddress: "127.0.0.1",
  scheme: "http",
};
const NO_BODY = { length: 0, kept: 0, isLost: false };

function open(exchange: number, requestClass: "write" | "read" = "write"): Extract<FromWorker, { type: "open" }> {
  const waits = requestClass === "write";
  return {
    type: "open",
    exchange,
    waits,
    trace: null,
    revision: 1,
    request,
    primary: "legacy",
    shadow: "next",
    requestClass,
  };
}

function seated(
  intake: (arrived: Arrived, goOn: () => void, failed: () => void, refused: () => void) => void,
  isPlaced = true,
) {
  const told: ToWorker[] = [];
  const ended: PrimaryEnding[] = [];
  const budget = new ByteBudget(1 << 20);
  const spool = new Spool("/nowhere", new ByteBudget(0), budget);
  const entered: Entered = {
    takers: () => captures({ memoryBytes: 1 << 20, diskBytes: 1 << 20 }, { budget, spool }),
    isPlaced: () => isPlaced,
    ended(ending) {
      ended.push(ending);
      return null;
    },
  };
  const crossed: CrossingWrite[] = [];
  const books: Intake = {
    open: (arrived, goOn, failed, refused) => intake(arrived, () => goOn(entered), failed, refused),
    cross(write) {
      crossed.push(write);
      return { ...entered, takers: () => null };
    },
  };
  const { snapshot, route } = makeSettled().exchange;
  const seat = new WorkerSeat({
    link: { send: (message) => void told.push(message) },
    snapshotOf: () => ({ ...snapshot, router: { routes: [route], match: () => ({ route, params: NO_PARAMS }) } }),
    intake: books,
    noise: { watchChosen: () => null, sawFailure() {} },
    telemetry: { clientRequest() {}, serverRequest() {}, span() {}, spansLost() {} },
    tunnels: { add() {} },
    pairs: { look: () => Promise.resolve(), pairOf: () => "unknown" },
    clientMappings: { count() {} },
    dial: { mayAsk: () => false },
    dialCounts: { count() {} },
    fallback: { mayAsk: () => false, missed() {} },
    fallbackCounts: { count() {} },
    clock: systemClock,
    caught: (_step, error) => assert.fail(String(error)),
  });
  return { seat, told, ended, crossed, budget };
}
const NO_PARAMS = { named: {}, rest: [] };
const NONE = Buffer.alloc(0);

test("a write is let go once it is in the books, and ends there with both bodies", () => {
  let goOn: (() => void) | null = null;
  const { seat, told, ended, budget } = seated((_arrived, later) => (goOn = later));
  seat.take(open(1), NONE);
  assert.deepEqual(told, []);
  (goOn as (() => void) | null)?.();
  assert.deepEqual(told, [{ type: "go", exchange: 1, isHeld: false }]);
  const ending = { end: "answered", status: 201, headers: [], requestComplete: true, ms: 3 } as const;
  const bodies = {
    request: { length: 3, kept: 3, isLost: false },
    answer: { length: 6, kept: 6, isLost: false },
  };
  seat.take({ type: "ended", exchange: 1, ending, ...bodies, isHeld: true }, Buffer.from("askanswer"));
  assert.deepEqual(told.at(-1), { type: "placed", exchange: 1 });
  const [end] = ended;
  assert.ok(end?.end === "answered" && end.body.kind === "kept" && end.requestBody.kind === "kept");
  assert.ok(end.body.copy.kind === "memory" && end.requestBody.copy.kind === "memory");
  assert.deepEqual([end.requestBody.copy.bytes.toString(), end.body.copy.bytes.toString()], ["ask", "answer"]);
  assert.equal(budget.usedBytes, 9);
  end.release();
  assert.equal(budget.usedBytes, 0);
});

test("of a write whose place is not known in time the worker is told to hold back its answer's last byte", () => {
  const { seat, told } = seated((_arrived, goOn) => goOn(), false);
  seat.take(open(1), NONE);
  assert.deepEqual(told, [{ type: "go", exchange: 1, isHeld: true }]);
  seat.gone("the test ends");
});

test("a write to a database that both services use is told and not waited for, and ends with its worker", () => {
  const { seat, told, ended, crossed } = seated(() => assert.fail("it is not mirrored"));
  const ending = { end: "answered", status: 200, headers: [], requestComplete: true, ms: 3 } as const;
  const none = { length: 0, kept: 0, isLost: false };
  seat.take({ ...open(1), shadow: null, waits: false }, NONE);
  seat.take({ type: "ended", exchange: 1, ending, request: none, answer: none, isHeld: false }, NONE);
  seat.take({ ...open(2), shadow: null, waits: false }, NONE);
  seat.gone("it was killed");
  assert.deepEqual(
    crossed.map(({ plan, request }) => [plan.mirror, request.method]),
    [
      [false, "PUT"],
      [false, "PUT"],
    ],
  );
  assert.deepEqual(
    ended.map(({ end }) => end),
    ["answered", "unknown"],
  );
  assert.deepEqual(told, []);
});

test("what cannot be entered is told, so that nobody waits for it", () => {
  const { seat, told } = seated(() => {
    throw new Error("no place in any lane");
  });
  assert.throws(() => seat.take(open(1), NONE), /no place/);
  assert.deepEqual(told, [{ type: "not-entered", exchange: 1, isRefused: false }]);
  seat.gone("it was killed");
});

test("what is held back for too long is told apart: its client may send it again", () => {
  const { seat, told } = seated((_arrived, _goOn, _failed, refused) => refused());
  seat.take(open(1), NONE);
  assert.deepEqual(told, [{ type: "not-entered", exchange: 1, isRefused: true }]);
  seat.gone("the test ends");
});

test("what fails later on is told and forgotten: its end is in the books already", () => {
  const later: (() => void)[] = [];
  const { seat, told, ended } = seated((_arrived, goOn, failed) => {
    goOn();
    later.push(failed);
  });
  seat.take(open(1), NONE);
  later[0]?.();
  assert.deepEqual(told, [
    { type: "go", exchange: 1, isHeld: false },
    { type: "not-entered", exchange: 1, isRefused: false },
  ]);
  seat.gone("it was killed");
  assert.deepEqual(ended, []);
});

test("of a worker that is gone, what may have been sent ends unknown, and what was not let go ends unreached", () => {
  const waiting: (() => void)[] = [];
  const { seat, told, ended } = seated(({ plan }, goOn) => {
    if (plan.requestClass === "read") goOn();
    else waiting.push(goOn);
  });
  seat.take(open(1), NONE);
  seat.take(open(2), NONE);
  seat.take(open(3, "read"), NONE);
  waiting[0]?.();
  seat.gone("it was killed");
  assert.deepEqual(
    ended.map(({ end }) => end),
    ["unknown", "unknown"],
  );
  waiting[1]?.();
  assert.deepEqual(
    ended.map(({ end }) => end),
    ["unknown", "unknown", "unreached"],
  );
  assert.deepEqual(told, [{ type: "go", exchange: 1, isHeld: false }]);
});

test("a body that the worker had no room for is lost, whatever of it came before", () => {
  const { seat, ended, budget } = seated((_arrived, goOn) => goOn());
  seat.take(open(1), NONE);
  seat.take({ type: "body", exchange: 1, of: "request" }, Buffer.from("first part"));
  const ending = { end: "answered", status: 200, headers: [], requestComplete: true, ms: 3 } as const;
  const lost = { length: 99, kept: 0, isLost: true };
  seat.take({ type: "ended", exchange: 1, ending, request: lost, answer: NO_BODY, isHeld: false }, NONE);
  const [end] = ended;
  assert.ok(end?.end === "answered");
  assert.deepEqual(end.requestBody, { kind: "lost", why: "queue-full", length: 99 });
  end.release();
  assert.equal(budget.usedBytes, 0);
});
