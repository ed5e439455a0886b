/** Values for clients where others than the process that learnt them forward: in workers, at other members, after a kill. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { Agent, request } from "undici";
import { countedFrom, createIdApi, ID_API_ROUTES, wordIds } from "../support/id-api.ts";
import { type Journaled, startJournaled } from "../support/journaled.ts";
import { redisServer } from "../support/redis.ts";
import { startService } from "../support/service.ts";

interface Said {
  readonly id: string | number;
  readonly name?: string;
  readonly managerId?: string | number | null;
}

let turn = 0;

/** On a connection of its own: by way of whichever worker, or member, has its turn. */
async function ask(all: readonly Journaled[], method: string, path: string, body?: unknown): Promise<Said> {
  const dispatcher = new Agent();
  const sent =
    body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const { running } = all[turn++ % all.length] as Journaled;
  const answer = await request(running().proxyUrl + path, { dispatcher, method: method as "PUT", ...sent });
  const text = await answer.body.text();
  await dispatcher.close();
  assert.ok(answer.statusCode < 300, `${method} ${path}: ${answer.statusCode} ${text}`);
  return JSON.parse(text) as Said;
}

async function moveUsers(all: readonly Journaled[], step: "advance" | "rollback"): Promise<void> {
  const { running } = all[turn % all.length] as Journaled;
  const answer = await request(`${running().adminUrl}/api/v1/routes/users/phase`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ step, force: true, reason: "a test has no seven days" }),
  });
  assert.equal(answer.statusCode, 200, await answer.body.text());
  const phase = step === "advance" ? "next-primary" : "dual-write";
  for (const one of all)
    await one.until(({ routes }) => routes.some((route) => route.name === "users" && route.phase === phase));
}

async function startUsers(
  t: TestContext,
  { workers, members }: { readonly workers: number; readonly members: number },
) {
  const old = createIdApi({ makeId: countedFrom(101), makeSecret: (name) => `L.${name}` });
  const fresh = createIdApi({ makeId: wordIds("k"), makeSecret: (name) => `N-${name}` });
  const shared = members === 1 ? {} : { redis: (await redisServer(t)).url };
  const options = { config: `workers: ${workers}\n${ID_API_ROUTES}`, ...shared };
  const first = await startJournaled(t, options);
  first.legacy.answerWith(old.answer);
  first.next.answerWith(fresh.answer);
  const all = [first];
  for (let n = 1; n < members; n++) {
    all.push(await startJournaled(t, { ...options, folder: join(first.folder, `other-${n}`), services: first }));
  }
  return { all, first, old, fresh };
}

const eligible = (bench: Journaled, count: number) =>
  bench.until(({ routes }) => {
    const sum = (of: "eligible" | "pending"): number => routes.reduce((all, route) => all + route[of], 0);
    return sum("eligible") >= count && sum("pending") === 0;
  });

for (const processes of [
  { workers: 0, members: 1 },
  { workers: 2, members: 1 },
  { workers: 0, members: 2 },
]) {
  const { workers, members } = processes;
  test(`clients keep what they hold over a cutover, a kill and a rollback: ${workers} workers, ${members} members`, async (t) => {
    const { all, first, old, fresh } = await startUsers(t, processes);
    const ann = await ask(all, "POST", "/users", { name: "Ann" });
    // Another member's copy does not wait for what is only about to be taught here.
    await eligible(first, 1);
    const bob = await ask(all, "POST", "/users", { name: "Bob", managerId: ann.id });
    assert.deepEqual([ann.id, bob.managerId], [101, 101]);
    await eligible(first, 2);
    await moveUsers(all, "advance");
    for (let n = 0; n < 6; n++) {
      const changed = await ask(all, "PUT", `/users/${bob.id}`, { name: `Bob ${n}`, managerId: ann.id });
      assert.deepEqual(changed, { id: bob.id, name: `Bob ${n}`, managerId: ann.id });
    }
    const cid = await ask(all, "POST", "/users", { name: "Cid", managerId: bob.id });
    assert.deepEqual([String(cid.id).startsWith("k-"), cid.managerId], [true, bob.id]);
    for (let n = 0; n < 4; n++) assert.equal((await ask(all, "PUT", `/users/${cid.id}`, { name: "Cid" })).id, cid.id);
    const before = await eligible(first, 13);
    const users = before.routes.find(({ name }) => name === "users");
    // Each member counts its own, and what its workers tell now and then.
    if (workers > 0)
      await first.until(
        ({ routes }) => (routes.find(({ name }) => name === "users")?.mappedForClients.requests ?? 0) >= 7,
      );
    else if (members === 1) assert.deepEqual(users?.mappedForClients, { requests: 7, answers: 11, unmapped: 0 });

    await first.kill();
    await first.start();
    for (const { id } of [ann, bob, cid]) assert.equal((await ask(all, "GET", `/users/${id}`)).id, id);
    await moveUsers(all, "rollback");
    for (const { id, name = "" } of [ann, bob, cid]) {
      const back = await ask(all, "PUT", `/users/${id}`, { name: `${name} is back`, managerId: cid.id });
      assert.deepEqual(back, { id, name: `${name} is back`, managerId: cid.id });
    }
    await first.until(({ routes }) => routes.every(({ pending }) => pending === 0));
    assert.deepEqual([old.refused, fresh.refused], [[], []]);
    const namesOf = (api: typeof old) => [...api.users.values()].map(({ name }) => name);
    assert.deepEqual(namesOf(old), ["Ann is back", "Bob is back", "Cid is back"]);
    await first.until(() => namesOf(fresh).join() === namesOf(old).join());
    const { routes } = await first.status();
    assert.ok(routes.every(({ outcomes }) => outcomes["divergent"] === 0));
  });
}

test("what waited for legacy when the process was killed reaches it under legacy's names", async (t) => {
  const { all, first, old, fresh } = await startUsers(t, { workers: 0, members: 1 });
  const ann = await ask(all, "POST", "/users", { name: "Ann" });
  await eligible(first, 1);
  await moveUsers(all, "advance");
  await first.legacy.close();
  // Until nothing more is tried: a create that may have got there is not sent again.
  await ask(all, "PUT", `/users/${ann.id}`, { name: "An" });
  await first.until(({ routes }) => routes.some(({ breaker }) => breaker === "open"));
  const bob = await ask(all, "POST", "/users", { name: "Bob", managerId: ann.id });
  await ask(all, "PUT", `/users/${bob.id}`, { name: "Bobby", managerId: ann.id });
  await ask(all, "PUT", `/users/${ann.id}`, { name: "Anna", managerId: bob.id });
  await first.recorded();
  // Of a write that a slow disk did not journal in time a kill may leave nothing but its gap.
  const isWhole = (await first.gaps()).length === 0;
  await first.kill();
  const legacy = await startService(old.answer, first.legacy.port);
  t.after(() => legacy.close());
  await first.start();
  if (!isWhole) {
    await first.until(({ routes: all }) => all.every(({ pending }) => pending === 0));
    assert.deepEqual([old.refused, fresh.refused], [[], []]);
    const names = new Set<unknown>([101, 102, null, undefined]);
    assert.ok([...old.users.values()].every(({ id, managerId }) => names.has(id) && names.has(managerId)));
    assert.equal((await first.gaps()).length > 0, true);
    return;
  }
  const { routes } = await eligible(first, 5);
  assert.deepEqual([old.refused, fresh.refused], [[], []]);
  assert.deepEqual(
    [...old.users.values()],
    [
      { id: 101, name: "Anna", managerId: 102 },
      { id: 102, name: "Bobby", managerId: 101 },
    ],
  );
  const users = routes.find(({ name }) => name === "users");
  assert.deepEqual([users?.outcomes["match"], users?.eligible], [5, 5]);
});
