import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { createNullJournal } from "../../proxy/mirror/journal.ts";
import { ALONE, type Turns } from "../../proxy/members/turns.ts";
import { wire } from "../support/wired.ts";

/** Says something once it is asked, and sets the flag when that is on its way. */
const ECHO = `
const { parentPort, workerData } = require("node:worker_threads");
parentPort.on("message", () => {
  parentPort.postMessage("placed");
  Atomics.store(workerData, 0, 1);
  Atomics.notify(workerData, 0);
});
parentPort.postMessage("ready");`;

/** Longer than an answer's last byte is held back until its place is known. */
const LONG_TURN_MS = 40;

test("an answer that came during a long turn of our own was in time: the place is known, and nothing is in doubt", async (t) => {
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const redis = new Worker(ECHO, { eval: true, workerData: flag });
  t.after(() => redis.terminate());
  await once(redis, "message");
  const doubted: string[] = [];
  const turns: Turns = {
    ...ALONE,
    placed() {
      const { promise, resolve } = Promise.withResolvers<void>();
      redis.once("message", () => resolve());
      redis.postMessage("asked");
      // Its timer is due when this turn ends, and the answer lies there: whichever is looked at first decides.
      setImmediate(() => {
        Atomics.wait(flag, 0, 0);
        const until = performance.now() + LONG_TURN_MS;
        while (performance.now() < until) JSON.stringify({ busy: until });
      });
      return promise;
    },
    doubt: (id) => void doubted.push(id),
  };
  const it = await wire(t, createNullJournal(), { turns });
  assert.equal(await it.put("/users/1"), 200);
  await it.settled();
  assert.deepEqual(doubted, []);
});
