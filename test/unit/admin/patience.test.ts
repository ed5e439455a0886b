import assert from "node:assert/strict";
import { test } from "node:test";
import { Patience } from "../../../proxy/admin/patience.ts";
import { CrossfadeError } from "../../../proxy/errors.ts";

test("an answer that does not come is given up after the time, and its place is free once it ends", async () => {
  const patience = new Patience(5);
  let end = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    end = resolve;
  });
  const waiting = Array.from({ length: 16 }, () => patience.for(() => held));
  for (const { status, reason } of (await Promise.allSettled(waiting)) as PromiseRejectedResult[]) {
    assert.equal(status, "rejected");
    assert.ok(reason instanceof CrossfadeError && reason.code === "store-unavailable" && reason.retryable);
    assert.equal(reason.message, "no answer within 5 ms");
  }
  await assert.rejects(
    patience.for(() => Promise.resolve(1)),
    /16 queries are under way/,
  );
  end();
  await held;
  await new Promise(setImmediate);
  assert.equal(await patience.for(() => Promise.resolve(1)), 1);
});

test("what cannot even be asked takes no place", async () => {
  const patience = new Patience(1000);
  for (let i = 0; i < 20; i++) {
    await assert.rejects(
      patience.for(() => {
        throw new TypeError("not today");
      }),
      /not today/,
    );
  }
  assert.equal(await patience.for(() => Promise.resolve(1)), 1);
});
