import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyHolds } from "../../../proxy/mirror/key-holds.ts";

const of = (...keys: string[]) => ({ keys, lateOf: [], anyOf: [] });
const late = (entity: string) => ({ keys: [], lateOf: [entity], anyOf: [] });

test("writes of a held key wait, and such as may be of it; others do not", async () => {
  const holds = new KeyHolds();
  assert.equal(holds.held(of("users/7")), null);
  const hold = holds.begin("users/7");
  for (const reach of [of("users/8"), of("orders/7"), late("orders"), of()]) assert.equal(holds.held(reach), null);
  const waiting = [
    holds.held(of("users/007")),
    holds.held(of("users/8", "users/7")),
    holds.held(late("users")),
    holds.held({ keys: [], lateOf: [], anyOf: ["users"] }),
  ];
  const done: (boolean | undefined)[] = [];
  for (const one of waiting) void one?.then((mayGoOn) => done.push(mayGoOn));
  await new Promise(setImmediate);
  assert.deepEqual([waiting.includes(null), done], [false, []]);
  hold.lift();
  assert.deepEqual(await Promise.all(waiting.filter((one) => one !== null)), [true, true, true, true]);
  assert.equal(holds.held(of("users/7")), null);
});

test("a narrow hold is of writes that are known to be of the key, which are refused once they have waited for too long", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const holds = new KeyHolds();
  const hold = holds.begin("users/7");
  const early = holds.held(late("users"));
  hold.narrow();
  assert.equal(await early, true);
  assert.equal(holds.held(late("users")), null);
  const refused = holds.held(of("users/7"));
  t.mock.timers.tick(2_000);
  assert.equal(await refused, false);
  hold.lift();
});

test("what only may be of the key goes on once it has waited for too long", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const holds = new KeyHolds();
  holds.begin("users/7");
  const waiting = holds.held(late("users"));
  t.mock.timers.tick(2_000);
  assert.equal(await waiting, true);
});
