import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { repair, repairsOf, resultsOf } from "../support/repairs.ts";
import { assertEqualEnds, type Pair, pairOf, refuse } from "../support/repair-pair.ts";
import { json } from "../support/service.ts";
import type { Stateful } from "../support/stateful.ts";

const ROUTES = `
routes:
  - name: users
    match: { path: "/users/**" }
    repair: { rate: 1000/s }
  - name: transfers
    match: { path: /transfers }
    touches: [{ entity: users, at: "body:/to" }]
`;

/** POST /transfers adds one to a user. */
function withTransfers(state: Stateful, hold: () => Promise<void>): Stateful["before"] {
  return (seen, response) => {
    if (seen.target !== "/transfers") return false;
    void hold().then(() => {
      const { to } = JSON.parse(seen.body.toString()) as { to: string };
      const user = JSON.parse(state.users.get(to) ?? "{}") as { n: number };
      state.users.set(to, JSON.stringify({ ...user, n: user.n + 1 }));
      json(200, { done: true })(seen, response);
    });
    return true;
  };
}

/** User 1 is on the repair list, and next has not yet what a transfer did to it. */
async function withTransferUnderWay(t: TestContext) {
  const pair: Pair = await pairOf(t, { users: { 1: { n: 1 } }, routes: ROUTES });
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  pair.fresh.before = refuse(503);
  await pair.send("PATCH", "/users/1");
  await pair.settled(1);
  const atOnce = (): Promise<void> => Promise.resolve();
  pair.old.before = withTransfers(pair.old, atOnce);
  pair.fresh.before = withTransfers(pair.fresh, () => held);
  await pair.send("POST", "/transfers", { to: "1" });
  return { pair, release };
}

test("what a write of another route is about to add to an entity is not repaired before it: it would be added twice", async (t) => {
  const { pair, release } = await withTransferUnderWay(t);
  await pair.next.sawAtLeast(2);
  assert.deepEqual(resultsOf(await repair(pair)), { busy: 1 });
  assert.equal(pair.fresh.users.get("1"), '{"n":1}');
  release();
  await pair.settled(2);
  assert.deepEqual(resultsOf(await repair(pair)), { put: 1 });
  assertEqualEnds(pair);
  assert.deepEqual(await repairsOf(pair), []);
});
