import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteBudget } from "../../../proxy/process/byte-budget.ts";
import type { Entered } from "../../../proxy/life/intake.ts";
import type { FromWorker } from "../../../proxy/workers/messages.ts";
import { RemoteIntake } from "../../../proxy/workers/remote-intake.ts";
import { makeSettled } from "../../support/evidence.ts";

const LOST = { kind: "lost", why: "queue-full", length: 0 } as const;
const BODIES = { body: LOST, requestBody: LOST, requestComplete: true, release() {} };

function remote() {
  const told: FromWorker[] = [];
  const steps: string[] = [];
  const link = {
    behindBytes: 0,
    send(message: FromWorker, _bytes: readonly Buffer[] = [], written?: () => void) {
      told.push(message);
      written?.();
    },
  };
  const intake = new RemoteIntake(link, new ByteBudget(1 << 20), (step, error) =>
    steps.push(`${step}: ${String(error)}`),
  );
  const { exchange } = makeSettled();
  const { snapshot, request, route, params } = exchange;
  const plan = { mirror: true, primary: "legacy", shadow: "next", requestClass: "write" } as const;
  return { intake, told, steps, arrived: { snapshot, request, found: { route, params }, plan, trace: null } };
}

const NOT_REFUSED = (): void => assert.fail("it was not held back");

test("a write that cannot be forwarded when its parent lets it go ends unknown there, once, and the worker lives", () => {
  const { intake, told, steps, arrived } = remote();
  let failed = 0;
  const entered: Entered[] = [];
  const goOn = (one: Entered): void => {
    entered.push(one);
    throw new Error("no connection can be made of this");
  };
  intake.open(arrived, goOn, () => (failed += 1), NOT_REFUSED);
  assert.deepEqual([entered.length, failed], [0, 0]);
  intake.go(1, false);
  assert.deepEqual([steps, failed], [["pipeline: Error: no connection can be made of this"], 1]);
  let released = 0;
  const answered = { end: "answered", status: 200, headers: [], ms: 1 } as const;
  const late = entered[0]?.ended({ ...answered, ...BODIES, release: () => (released += 1) });
  assert.deepEqual([late, released], [null, 1]);
  const ends = told.filter((message) => message.type === "ended");
  assert.deepEqual(
    ends.map(({ ending }) => ending.end),
    ["unknown"],
  );
});

test("an answer's last byte waits for its parent only where only the answer tells the key, or its parent says so", async () => {
  const { intake, told, arrived } = remote();
  const hasEnded = new Map<number, boolean>();
  for (const [exchange, isHeld] of [
    [1, false],
    [2, true],
  ] as const) {
    intake.open(
      arrived,
      (entered) => {
        const held = entered.ended({ end: "answered", status: 200, headers: [], ms: 1, ...BODIES });
        void held?.then(() => hasEnded.set(exchange, true));
      },
      () => assert.fail("it was entered"),
      NOT_REFUSED,
    );
    intake.go(exchange, isHeld);
  }
  const ends = told.filter((message) => message.type === "ended");
  assert.deepEqual(
    ends.map(({ exchange, isHeld }) => [exchange, isHeld]),
    [
      [1, false],
      [2, true],
    ],
  );
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([...hasEnded], [[1, true]]);
  intake.placed(2);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(hasEnded.get(2), true);
});
