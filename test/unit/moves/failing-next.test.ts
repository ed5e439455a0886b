import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { DEFAULT_ROUTE } from "../../../proxy/config/defaults.ts";
import type { RouteSettings, Settings } from "../../../proxy/config/settings.ts";
import type { Snapshot } from "../../../proxy/exchange.ts";
import { createFailingNext, type FailingNext } from "../../../proxy/moves/failing-next.ts";
import { MATCH, type Outcome, skipped, UNKNOWN } from "../../../proxy/outcome.ts";
import type { MoveOrder, MoveReport } from "../../../proxy/moves/phase-move.ts";
import { type HandClock, handClock, makeSettled } from "../../support/evidence.ts";

const PLAN = { mirror: true, primary: "next", shadow: "legacy", requestClass: "write" } as const;
const REFUSED = skipped("not-accepted");

interface Stage {
  readonly failing: FailingNext;
  readonly clock: HandClock & { set(ms: number): void };
  readonly orders: MoveOrder[];
  answer(keys: number, status: number | null, outcome: Outcome, route?: string): void;
  /** The next block has begun. */
  pass(): Promise<void>;
  report: MoveReport;
  snapshot: Snapshot;
  /** The move was made: of all routes. */
  isBack(): void;
}

function stage(t: TestContext, gate: Partial<RouteSettings["gate"]> = {}, names: readonly string[] = ["users"]): Stage {
  const hand = handClock();
  let setBy = 0;
  const clock = { ...hand, now: () => hand.now() + setBy, set: (ms: number) => void (setBy += ms) };
  const orders: MoveOrder[] = [];
  const [given] = [makeSettled().exchange.snapshot];
  const route = { ...DEFAULT_ROUTE, ...makeSettled().exchange.route, phase: "next-primary" as const };
  const routesIn = (phase: RouteSettings["phase"]): Settings["routes"] =>
    names.map((name) => ({ ...route, name, phase, gate: { ...route.gate, ...gate } }));
  const settings: Settings = { ...given.settings, routes: routesIn("next-primary") };
  const epochs = (epoch: number): Snapshot["epochs"] => new Map(names.map((name) => [name, epoch]));
  const it: Stage = {
    failing: createFailingNext({
      snapshot: () => it.snapshot,
      move(order) {
        orders.push(order);
        if (it.report.end === "moved" && names.length > 1) it.isBack();
        return Promise.resolve(it.report);
      },
      clock,
      seed: 7,
      blockMs: 1_000,
      moved: () => undefined,
      caught: (step, error) => assert.fail(`${step}: ${String(error)}`),
    }),
    clock,
    orders,
    answer(keys, status, outcome, name = "users") {
      for (let i = 0; i < keys; i++) {
        const primary = { status, ms: 1, bytes: 0 };
        const exchange = { plan: PLAN, snapshot: it.snapshot };
        it.failing.settled(
          makeSettled({ key: `${name}/${i}`, outcome, primary, exchange, route: { name, phase: "next-primary" } }),
        );
      }
    },
    async pass() {
      clock.move(1_000);
      await it.failing.look();
    },
    report: { end: "refused", sentence: "users stays in next-primary: 1 key on the repair list" } as MoveReport,
    snapshot: { ...given, settings, epochs: epochs(2) },
    isBack() {
      const { settings: before } = it.snapshot;
      it.snapshot = { ...it.snapshot, settings: { ...before, routes: routesIn("dual-write") }, epochs: epochs(3) };
    },
  };
  t.after(() => it.failing.stop());
  return it;
}

test("a next that fails is told of, with the way back; nothing moves unless it was switched on", async (t) => {
  const it = stage(t);
  it.answer(40, 200, MATCH);
  await it.pass();
  assert.deepEqual(it.failing.warnings(), []);
  it.answer(20, 500, REFUSED);
  it.answer(2, null, REFUSED);
  assert.deepEqual(it.failing.warnings(), [], "a block counts once it is over");
  await it.pass();
  assert.deepEqual(it.failing.warnings(), [
    "next fails as the source of truth of users: 20 of 20 distinct keys (100 %) answered with 5xx or not at all; " +
      "crossfade phase users rollback",
  ]);
  assert.deepEqual(it.orders, []);
});

test("switched on it goes back, never by force; what stands in the way is told and it is tried again", async (t) => {
  const it = stage(t, { automaticReturn: true });
  it.answer(20, 503, REFUSED);
  await it.pass();
  assert.match(it.failing.warnings()[0] ?? "", /; users stays in next-primary: 1 key on the repair list$/);
  it.report = { end: "moved", sentence: "moved" } as MoveReport;
  await it.pass();
  assert.deepEqual(it.orders.at(-1), {
    route: "users",
    step: "rollback",
    to: "dual-write",
    force: false,
    dryRun: false,
    by: "gate",
    reason: "automatic return: 20 of 20 distinct keys (100 %) answered with 5xx or not at all",
  });
  assert.equal(it.orders.length, 2);
  // It is back, and what came in before says nothing of the next time.
  it.isBack();
  await it.pass();
  assert.deepEqual([it.orders.length, it.failing.warnings()], [2, []]);
});

test("one key that fails over and over is one failure a block; what a client broke off is none", async (t) => {
  const it = stage(t, { automaticReturn: true });
  for (let block = 0; block < 5; block++) {
    for (let i = 0; i < 100; i++) it.answer(1, 500, REFUSED);
    it.answer(40, null, UNKNOWN);
    it.answer(40, 200, MATCH);
    await it.pass();
  }
  assert.deepEqual([it.orders, it.failing.warnings()], [[], []]);
});

test("what legacy answers as the primary is not looked at", async (t) => {
  const it = stage(t, { automaticReturn: true });
  for (let i = 0; i < 50; i++) {
    it.failing.settled(makeSettled({ key: `users/${i}`, outcome: REFUSED, primary: { status: 500, ms: 1, bytes: 0 } }));
  }
  await it.pass();
  assert.deepEqual(it.orders, []);
});

test("of routes that move together one takes the others along: each goes back by one phase", async (t) => {
  const it = stage(t, { automaticReturn: true }, ["users", "orders"]);
  it.report = { end: "moved", sentence: "moved" } as MoveReport;
  for (const route of ["users", "orders"]) it.answer(20, 503, REFUSED, route);
  await it.pass();
  await it.pass();
  assert.deepEqual(
    it.orders.map(({ route, to }) => [route, to]),
    [["users", "dual-write"]],
  );
});

test("a clock that is set back does not put it off", async (t) => {
  const it = stage(t, { automaticReturn: true });
  it.answer(20, 503, REFUSED);
  it.clock.set(-3_600_000);
  await it.pass();
  assert.equal(it.orders.length, 1);
});
