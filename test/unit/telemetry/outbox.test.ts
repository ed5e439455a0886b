import assert from "node:assert/strict";
import { test } from "node:test";
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import { exportVia } from "../../../adapters/telemetry/export-via.ts";
import { Outbox, type SentResult } from "../../../adapters/telemetry/outbox.ts";

function outbox(capacity: number) {
  const counted: Record<SentResult, number> = { sent: 0, failed: 0, dropped: 0 };
  return { box: new Outbox<number>(capacity, (result, count) => (counted[result] += count)), counted };
}

const DONE = { code: ExportResultCode.SUCCESS };

test("what comes before there is somebody to take it waits in its order, and what is beyond the bound is dropped", () => {
  const { box, counted } = outbox(3);
  for (const item of [1, 2, 3, 4]) box.offer(item);
  const taken: number[] = [];
  box.open((item) => taken.push(item));
  box.offer(5);
  assert.deepEqual([taken, box.waiting, counted], [[1, 2, 3], 3, { sent: 0, failed: 0, dropped: 2 }]);
  box.ended(2, null);
  box.offer(6);
  box.offer(7);
  box.offer(8);
  assert.deepEqual([taken, box.waiting], [[1, 2, 3, 6, 7], 3]);
  assert.deepEqual(counted, { sent: 2, failed: 0, dropped: 3 });
});

test("each item ends once, whatever its exporter does, and the last failure is told in words without addresses", () => {
  const { box, counted } = outbox(100);
  box.open(() => undefined);
  const failures: readonly (readonly [Error | undefined, string])[] = [
    [Object.assign(new Error("connect ECONNREFUSED 10.0.0.1:4318"), { code: "ECONNREFUSED" }), "ECONNREFUSED"],
    [Object.assign(new Error("Forbidden for s3cr3t"), { code: 403 }), "answered 403"],
    [new Error("Request timed out"), "no answer in time"],
    [undefined, "failed"],
    [new TypeError("s3cr3t"), "TypeError"],
  ];
  for (const [error, words] of failures) {
    box.offer(1);
    const result: ExportResult = { code: ExportResultCode.FAILED, ...(error === undefined ? {} : { error }) };
    const send = exportVia(
      {
        export(_batch: number[], done) {
          done(result);
          done(DONE);
        },
      },
      box,
      (batch) => batch.length,
      { limitMs: 1000, cut: () => assert.fail() },
    );
    const told: ExportResult[] = [];
    send([1], (one) => told.push(one));
    assert.deepEqual([told.length, box.problem], [1, words]);
  }
  const throws = exportVia<number[]>(
    {
      export() {
        throw new RangeError("cannot be written");
      },
    },
    box,
    (batch) => batch.length,
    { limitMs: 1000, cut: () => assert.fail() },
  );
  box.offer(1);
  throws([1], ({ code }) => assert.equal(code, ExportResultCode.FAILED));
  assert.deepEqual([box.waiting, counted, box.problem], [0, { sent: 0, failed: 6, dropped: 0 }, "RangeError"]);
  box.offer(1);
  box.ended(1, null);
  assert.equal(box.problem, null);
});

test("an exporter that never ends is cut off", async () => {
  const { box } = outbox(1);
  box.open(() => undefined);
  box.offer(1);
  await new Promise<void>((resolve) => {
    // Something else has to keep this process alive.
    const alive = setInterval(() => undefined, 1000);
    const send = exportVia({ export: () => undefined }, box, (batch: number[]) => batch.length, {
      limitMs: 5,
      cut() {
        clearInterval(alive);
        resolve();
      },
    });
    send([1], () => assert.fail("it has not ended"));
  });
  assert.equal(box.waiting, 1);
});
