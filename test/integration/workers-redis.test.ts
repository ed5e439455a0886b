import assert from "node:assert/strict";
import { test } from "node:test";
import { heldAnswer, startJournaled } from "../support/journaled.ts";
import { redisServer } from "../support/redis.ts";
import { json } from "../support/service.ts";

/** Longer than a write's place and its settling wait for Redis (25 ms), shorter than what counts as a slow Redis (50 ms). */
const STOPPED_MS = 40;
const KEYS = 12;

function stampOf(order: string | null): readonly [bigint, bigint] {
  const [base = "0", position = "0"] = (order ?? "").split(".");
  return [BigInt(base), BigInt(position)];
}

test("with workers, order stamps of a key go up also where Redis confirms no place in time", async (t) => {
  const redis = await redisServer(t);
  const it = await startJournaled(t, { redis: redis.url, config: "workers: 2" });
  // Nothing is done with, so that a key's turn stays open, and what is not told apart would join it.
  const held = heldAnswer();
  it.next.answerWith(held.answer);
  for (let key = 0; key < KEYS; key++) {
    const path = `/users/${key}`;
    assert.equal(await it.send("PUT", path, '{"n":0}'), 200);
    redis.signal("SIGSTOP");
    const goesOn = new Promise<void>((resolve) => {
      setTimeout(() => {
        redis.signal("SIGCONT");
        resolve();
      }, STOPPED_MS);
    });
    for (let n = 1; n < 4; n++) assert.equal(await it.send("PUT", path, JSON.stringify({ n })), 200);
    await goesOn;
  }
  it.next.answerWith(json(200, { ok: true }));
  held.release();
  await it.until(({ routes: [route] }) => route?.eligible === KEYS * 4 && route.pending === 0);
  const writes = it.next.seen.filter(({ method }) => method === "PUT");
  for (let key = 0; key < KEYS; key++) {
    const stamps = writes
      .filter(({ target }) => target === `/users/${key}`)
      .map(({ body, header }) => ({
        n: (JSON.parse(String(body)) as { n: number }).n,
        stamp: stampOf(header("x-crossfade-order")),
      }))
      .sort((a, b) => a.n - b.n);
    assert.equal(stamps.length, 4);
    for (const [i, { stamp: later }] of stamps.entries()) {
      const earlier = stamps[i - 1]?.stamp;
      if (earlier === undefined) continue;
      const goesUp = later[0] > earlier[0] || (later[0] === earlier[0] && later[1] > earlier[1]);
      assert.ok(goesUp, `users/${key}: ${stamps.map(({ stamp }) => stamp.join(".")).join(", ")}`);
    }
  }
});
