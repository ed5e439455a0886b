import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteBudget } from "../../../proxy/byte-budget.ts";
import type { Entered } from "../../../proxy/intake.ts";
import type { FromWorker } from "../../../proxy/workers/messages.ts";
import { RemoteIntake } from "../../../proxy/workers/remote-intake.ts";
import { makeSettled } from "../../support/evidence.ts";

function remote() {
  const told: FromWorker[] = [];
  const steps: string[] = [];
  const link = { send: (message: FromWorker) => void told.push(message), behindBytes: 0 };
  const intake = new RemoteIntake(link, new ByteBudget(1 << 20), (step, error) => steps.push(`${step}: ${error}`));
  const { exchange } = makeSettled();
  const { snapshot, request, route, params } = exchange;
  const plan = { mirror: true, primary: "legacy", shadow: "next", requestClass: "write" } as const;
  return { intake, told, steps, arrived: { snapshot, request, found: { route, params }, plan } };
}

test("a write that cannot be forwarded when its parent lets it go ends unknown there, once, and the worker lives", () => {
  const { intake, told, steps, arrived } = remote();
  let failed = 0;
  const entered: Entered[] = [];
  const goOn = (one: Entered): void => {
    entered.push(one);
    throw new Error("no connection can be made of this");
  };
  intake.open(arrived, goOn, () => (failed += 1));
  assert.deepEqual([entered.length, failed], [0, 0]);
  intake.go(1);
  assert.deepEqual([steps, failed], [["pipeline: Error: no connection can be made of this"], 1]);
  let released = 0;
  const body = { kind: "lost", why: "queue-full", length: 0 } as const;
  const answered = { end: "answered", status: 200, headers: [], requestComplete: true, ms: 1 } as const;
  const late = entered[0]?.ended({ ...answered, body, requestBody: body, release: () => (released += 1) });
  assert.deepEqual([late, released], [null, 1]);
  const ends = told.filter((message) => message.type === "ended");
  assert.deepEqual(
    ends.map(({ ending }) => ending.end),
    ["unknown"],
  );
});
