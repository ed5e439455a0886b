/** A repair's turn that a live write crosses after the shadow took what was written. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Answer } from "../../../proxy/exchange.ts";
import { mend, type Sides } from "../../../proxy/repair/mend.ts";
import type { Reading } from "../../../proxy/repair/plan.ts";

const ANSWER = { status: 200, body: { kind: "bytes" } } as unknown as Answer;
const present: Reading = { is: "present", answer: ANSWER, discard: () => undefined };
const absent: Reading = { is: "absent", status: 404 };

/** `after`: what the shadow says once it took the write. `crossedAt`: the look, from 0, at which a write has crossed. */
async function crossed(before: Reading, after: Reading, crossedAt: number): Promise<{ end: unknown; wrote: string[] }> {
  const wrote: string[] = [];
  let looks = 0;
  const sides: Sides = {
    read: (role) => Promise.resolve(role === "primary" ? present : wrote.length === 0 ? before : after),
    seek: () => Promise.reject(new Error("nothing is apart")),
    write: ({ method }) => {
      // Nothing is created by PUT there.
      const status = method === "PUT" && before.is === "absent" ? 404 : 200;
      wrote.push(method);
      return Promise.resolve({ end: "answered", status });
    },
    agree: () => Promise.resolve({ kind: "differs", differences: [] }),
    orderStamp: () => "",
  };
  const turn = { crossed: () => Promise.resolve(looks++ >= crossedAt) };
  const paths = { path: "/users/1", above: "/users" };
  const order = { paths, rule: "put-else-post", mayWrite: true, announce: () => Promise.resolve(true) } as const;
  return { end: await mend(turn, sides, order, () => Promise.resolve()), wrote };
}

test("what a POST made is told as unknown only where it is not found under its id, whenever a live write came in between", async () => {
  for (const crossedAt of [1, 2]) {
    assert.deepEqual(await crossed(absent, present, crossedAt), { end: { end: "busy" }, wrote: ["PUT", "POST"] });
    const unknown = { end: "busy", made: true };
    assert.deepEqual(await crossed(absent, absent, crossedAt), { end: unknown, wrote: ["PUT", "POST"] });
    assert.deepEqual(await crossed(present, present, crossedAt), { end: { end: "busy" }, wrote: ["PUT"] });
  }
  assert.deepEqual(await crossed(absent, present, 0), { end: { end: "busy" }, wrote: [] });
});
