/** Values for clients where others than the process that knows them forward: in workers, and after a restart. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Agent, request } from "undici";
import { countedFrom, createIdApi, ID_API_ROUTES, wordIds } from "../support/id-api.ts";
import { type Journaled, startJournaled } from "../support/journaled.ts";

interface Said {
  readonly id: string | number;
  readonly name?: string;
  readonly managerId?: string | number | null;
}

/** On a connection of its own: by way of whichever worker has its turn. */
async function ask({ running }: Journaled, method: string, path: string, body?: unknown): Promise<Said> {
  const dispatcher = new Agent();
  const sent =
    body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const answer = await request(running().proxyUrl + path, { dispatcher, method: method as "PUT", ...sent });
  const text = await answer.body.text();
  await dispatcher.close();
  assert.ok(answer.statusCode < 300, `${method} ${path}: ${answer.statusCode} ${text}`);
  return JSON.parse(text) as Said;
}

async function moveUsers({ running }: Journaled, step: "advance" | "rollback"): Promise<void> {
  const answer = await request(`${running().adminUrl}/api/v1/routes/users/phase`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ step, force: true, reason: "a test has no seven days" }),
  });
  assert.equal(answer.statusCode, 200, await answer.body.text());
}

async function startUsers(t: TestContext, workers: number) {
  const old = createIdApi({ makeId: countedFrom(101), makeSecret: (name) => `L.${name}` });
  const fresh = createIdApi({ makeId: wordIds("k"), makeSecret: (name) => `N-${name}` });
  const bench = await startJournaled(t, { config: `workers: ${workers}\n${ID_API_ROUTES}` });
  bench.legacy.answerWith(old.answer);
  bench.next.answerWith(fresh.answer);
  return { bench, old, fresh };
}

const eligible = (bench: Journaled, count: number) =>
  bench.until(({ routes }) => {
    const sum = (of: "eligible" | "pending"): number => routes.reduce((all, route) => all + route[of], 0);
    return sum("eligible") >= count && sum("pending") === 0;
  });

for (const workers of [0, 2]) {
  test(`with ${workers} workers clients keep what they hold over a cutover, a kill and a rollback`, async (t) => {
    const { bench, old, fresh } = await startUsers(t, workers);
    const ann = await ask(bench, "POST", "/users", { name: "Ann" });
    const bob = await ask(bench, "POST", "/users", { name: "Bob", managerId: ann.id });
    assert.deepEqual([ann.id, bob.managerId], [101, 101]);
    await eligible(bench, 2);
    await moveUsers(bench, "advance");
    for (let n = 0; n < 6; n++) {
      const changed = await ask(bench, "PUT", `/users/${bob.id}`, { name: `Bob ${n}`, managerId: ann.id });
      assert.deepEqual(changed, { id: bob.id, name: `Bob ${n}`, managerId: ann.id });
    }
    const cid = await ask(bench, "POST", "/users", { name: "Cid", managerId: bob.id });
    assert.deepEqual([/^k-/.test(String(cid.id)), cid.managerId], [true, bob.id]);
    for (let n = 0; n < 4; n++) assert.equal((await ask(bench, "PUT", `/users/${cid.id}`, { name: "Cid" })).id, cid.id);
    const before = await eligible(bench, 13);
    const users = before.routes.find(({ name }) => name === "users");
    // What workers count is told now and then.
    if (workers > 0)
      await bench.until(
        ({ routes }) => (routes.find(({ name }) => name === "users")?.mappedForClients.requests ?? 0) >= 7,
      );
    else assert.deepEqual(users?.mappedForClients, { requests: 7, answers: 11, unmapped: 0 });

    await bench.kill();
    await bench.start();
    for (const { id } of [ann, bob, cid]) assert.equal((await ask(bench, "GET", `/users/${id}`)).id, id);
    await moveUsers(bench, "rollback");
    for (const { id, name = "" } of [ann, bob, cid]) {
      const back = await ask(bench, "PUT", `/users/${id}`, { name: `${name} is back`, managerId: cid.id });
      assert.deepEqual(back, { id, name: `${name} is back`, managerId: cid.id });
    }
    await bench.until(({ routes }) => routes.every(({ pending }) => pending === 0));
    assert.deepEqual([old.refused, fresh.refused], [[], []]);
    const namesOf = (api: typeof old) => [...api.users.values()].map(({ name }) => name);
    assert.deepEqual(namesOf(old), ["Ann is back", "Bob is back", "Cid is back"]);
    await bench.until(() => namesOf(fresh).join() === namesOf(old).join());
    const { routes } = await bench.status();
    assert.ok(routes.every(({ outcomes }) => outcomes["divergent"] === 0));
  });
}
