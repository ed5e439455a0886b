import assert from "node:assert/strict";
import { test } from "node:test";
import { createLeaningCounter } from "../../../proxy/moves/leaning-counter.ts";
import { type Leaning, NO_ROUTE } from "../../../proxy/moves/leanings.ts";
import type { StoreWrite, Telemetry } from "../../../proxy/ports.ts";
import { type HandClock, handClock, NOON } from "../../support/evidence.ts";

function open(): {
  readonly clock: HandClock;
  readonly counter: ReturnType<typeof createLeaningCounter>;
  readonly kept: () => readonly Leaning[];
} {
  const appended: StoreWrite[] = [];
  const clock = handClock();
  const counter = createLeaningCounter({ store: { append: (writes) => void appended.push(...writes) }, clock });
  const kept = (): readonly Leaning[] => {
    counter.flush();
    return appended.splice(0).flatMap((write) => (write.type === "leaned" ? [write.leaning] : []));
  };
  return { clock, counter, kept };
}

test("what comes within a second is one row a route and kind", (t) => {
  const { clock, counter, kept } = open();
  t.after(() => counter.close());
  for (let i = 0; i < 1_000; i++) counter.lean("users", "fallback");
  clock.move(500);
  counter.lean("users", "fallback", 7);
  counter.lean("orders", "fallback");
  assert.deepEqual(kept(), [
    { route: "users", on: "fallback", times: 1_007, first: NOON, last: NOON + 500 },
    { route: "orders", on: "fallback", times: 1, first: NOON + 500, last: NOON + 500 },
  ]);
  assert.deepEqual(kept(), []);
});

test("routes are watched from when they are first there; a reload that leaves them says nothing new", (t) => {
  const { clock, counter, kept } = open();
  t.after(() => counter.close());
  counter.watch(["users"]);
  clock.move(1_000);
  counter.watch(["users"]);
  assert.deepEqual(kept(), [{ route: "users", on: "watched", times: 0, first: NOON, last: NOON }]);
  counter.watch(["users", "orders"]);
  assert.deepEqual(
    kept().map(({ route, first }) => [route, first]),
    [
      ["users", NOON],
      ["orders", NOON + 1_000],
    ],
  );
});

test("telemetry is passed on as it is; of it requests without a route count, and requests that were made the primary's", (t) => {
  const { counter, kept } = open();
  t.after(() => counter.close());
  const told: unknown[] = [];
  const telemetry = {
    serverRequest: (...about: unknown[]) => void told.push(about),
    mappedForClient: (...about: unknown[]) => void told.push(about),
  } as unknown as Telemetry;
  const heard = counter.heard(telemetry);
  heard.serverRequest("users", "GET", 200, 1);
  heard.serverRequest(NO_ROUTE, "GET", 404, 1);
  heard.mappedForClient("users", "request", "mapped", 3);
  heard.mappedForClient("users", "request", "unmapped", 1);
  heard.mappedForClient("users", "answer", "mapped", 9);
  assert.equal(told.length, 5);
  assert.deepEqual(
    kept().map(({ route, on, times }) => [route, on, times]),
    [
      [NO_ROUTE, "unmatched", 1],
      ["users", "translation", 4],
    ],
  );
});
