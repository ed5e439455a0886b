import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { type Journaled, startJournaled } from "../support/journaled.ts";
import { redisServer } from "../support/redis.ts";
import { json } from "../support/service.ts";

/** Members between the same two services: the first one's. Each has a folder of its own. */
async function members(t: TestContext, count: number): Promise<readonly Journaled[]> {
  const redis = await redisServer(t);
  const first = await startJournaled(t, { redis: redis.url });
  const others = Array.from({ length: count - 1 }, (_, n) => {
    const folder = join(first.folder, `other-${n}`);
    return startJournaled(t, { redis: redis.url, folder, services: first });
  });
  return [first, ...(await Promise.all(others))];
}

/** What the shadow was sent, in the order in which it came: numbers that the bodies hold, by path. */
function numbersAt({ next }: Journaled): ReadonlyMap<string, readonly number[]> {
  const numbers = new Map<string, number[]>();
  for (const { target, body, method } of next.seen) {
    // A machine that is slow enough puts places in doubt: then what both sides hold is read.
    if (method === "GET") continue;
    const list = numbers.get(target) ?? [];
    list.push((JSON.parse(String(body)) as { n: number }).n);
    numbers.set(target, list);
  }
  return numbers;
}

/** Paths whose order a busy machine did not tell in time: listed to be verified, or read on both sides since. */
async function doubtedAt(member: Journaled): Promise<ReadonlySet<string>> {
  const listed = (await member.repairs()).filter(([, reason]) => reason === "overlap").map(([key]) => `/${key}`);
  return new Set([...listed, ...member.next.seen.filter(({ method }) => method === "GET").map(({ target }) => target)]);
}

function ascending(numbers: readonly number[]): readonly number[] {
  return [...numbers].sort((a, b) => a - b);
}

test("writes of one key, each begun at another member when the one before was answered, come to the shadow in that order", async (t) => {
  const all = await members(t, 3);
  const [first] = all as [Journaled, Journaled, Journaled];
  first.next.answerWith((_seen, response) => {
    setTimeout(() => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end('{"ok":true}');
    }, Math.random() * 20);
  });
  const writes = 40;
  const keys = 25;
  const lives = Array.from({ length: keys }, async (_, key) => {
    for (let n = 0; n < writes; n++) {
      const member = all[Math.floor(Math.random() * all.length)] as Journaled;
      assert.equal(await member.send("PUT", `/users/${key}`, JSON.stringify({ n })), 200);
    }
  });
  await Promise.all(lives);
  await Promise.all(all.map((member) => member.until(({ routes: [route] }) => route?.pending === 0)));
  await Promise.all(all.map((member) => member.until(({ store }) => store.pendingWrites === 0)));
  const numbers = numbersAt(first);
  assert.equal(numbers.size, keys);
  const doubted = await doubtedAt(first);
  for (const [path, seen] of numbers) {
    assert.equal(seen.length, writes);
    if (!doubted.has(path)) assert.deepEqual(seen, ascending(seen), path);
  }
  // Each member shows what all of them did.
  for (const member of all) {
    const { routes } = await member.until(({ routes: [route] }) => route?.eligible === writes * keys);
    assert.equal(routes[0]?.outcomes["match"], writes * keys);
  }
});

test("a key that only the answer tells: what is sent elsewhere right after the answer follows the create", async (t) => {
  const all = await members(t, 2);
  const [one, other] = all as [Journaled, Journaled];
  let made = 0;
  one.legacy.answerWith((seen, response) => {
    const answer = json(seen.method === "POST" ? 201 : 200, { id: seen.method === "POST" ? ++made : 0 });
    answer(seen, response);
  });
  one.next.answerWith((seen, response) => {
    setTimeout(() => json(200, { id: 0 })(seen, response), seen.method === "POST" ? 30 : 0);
  });
  for (let n = 1; n <= 60; n++) {
    const [here, there] = n % 2 === 0 ? [one, other] : [other, one];
    assert.equal(await here.send("POST", "/users", JSON.stringify({ n })), 201);
    assert.equal(await there.send("PUT", `/users/${n}`, JSON.stringify({ n })), 200);
  }
  await Promise.all(all.map((member) => member.until(({ routes: [route] }) => route?.pending === 0)));
  // Repairs of what is in doubt come too: what they read, and what legacy has, which tells no number.
  const came = one.next.seen.flatMap(({ method, body }) => {
    const { n } = method === "GET" ? {} : (JSON.parse(String(body)) as { n?: number });
    return n === undefined ? [] : [{ method, n }];
  });
  // Where others did not know of the create in time (a busy machine), its key is to be verified.
  const doubted = new Set((await one.repairs()).filter(([, reason]) => reason === "overlap").map(([key]) => key));
  assert.ok(doubted.size < 60);
  const late = came.filter(({ method, n }, i) => {
    const isLate = method === "PUT" && !came.slice(0, i).some((before) => before.method === "POST" && before.n === n);
    return isLate && !doubted.has(`users/${n}`);
  });
  assert.deepEqual([came.length, late], [120, []]);
});

test("a member that is killed holds the others up until it is back, and what it delivers then is to be verified", async (t) => {
  const all = await members(t, 2);
  const [one, other] = all as [Journaled, Journaled];
  const answers: (() => void)[] = [];
  one.next.answerWith((seen, response) => void answers.push(() => json(200, { ok: true })(seen, response)));
  await one.send("PUT", "/users/1", '{"n":1}');
  await one.next.sawAtLeast(1);
  await one.recorded();
  await other.send("PUT", "/users/1", '{"n":2}');
  await one.kill();
  await one.start();
  // Its turn is given up with its life: the other goes on, and what it brings back is unsure.
  one.next.answerWith(json(200, { ok: true }));
  for (const answer of answers) answer();
  await Promise.all(all.map((member) => member.until(({ routes: [route] }) => route?.pending === 0)));
  assert.ok(one.next.seen.length >= 3);
  // Its entry is durable a moment later.
  await one.until(({ store }) => store.pendingWrites === 0);
  assert.deepEqual(
    (await other.repairs()).map(([key]) => key),
    ["users/1"],
  );
});

const TWO_ROUTES = `
routes:
  - name: users
    match: { path: "/users/**" }
  - name: orders
    match: { path: "/orders/**" }`;

/** A shadow that refuses the order of a user whom it does not know; users wait until they are let in. */
async function ordersOfUsers(t: TestContext): Promise<{
  readonly one: Journaled;
  readonly other: Journaled;
  /** Paths that the shadow was sent writes of, in their order. On a busy machine a key may be repaired meanwhile, which reads. */
  sent(): readonly string[];
  sawAtLeast(writes: number): Promise<void>;
  /**
   * Whether Redis knows of the user's write, which is answered and not done with. Where a busy machine has let the answer go without
   * that, nobody can wait for it: then its key is verified in place of it, and all are let in.
   */
  isTold(): Promise<boolean>;
  letIn(): void;
  letAnswer(): void;
}> {
  const redis = await redisServer(t);
  const one = await startJournaled(t, { redis: redis.url, config: TWO_ROUTES });
  const folder = join(one.folder, "other");
  const other = await startJournaled(t, { redis: redis.url, folder, services: one, config: TWO_ROUTES });
  let isKnown = false;
  const waiting: (() => void)[] = [];
  const refusals: (() => void)[] = [];
  let holdsRefusals = true;
  one.legacy.answerWith((seen, response) =>
    json(seen.method === "POST" ? 201 : 200, { ok: true, id: 7 })(seen, response),
  );
  one.next.answerWith((seen, response) => {
    const created = json(seen.method === "POST" ? 201 : 200, { ok: true, id: 7 });
    if (seen.method === "GET") json(404, {})(seen, response);
    else if (seen.target.startsWith("/users")) {
      waiting.push(() => {
        isKnown = true;
        created(seen, response);
      });
    } else if (isKnown) created(seen, response);
    else {
      const refuse = (): void => json(409, { error: "no such user" })(seen, response);
      if (holdsRefusals) refusals.push(refuse);
      else refuse();
    }
  });
  const sent = (): readonly string[] =>
    one.next.seen.filter(({ method }) => method !== "GET").map(({ target }) => target);
  return {
    one,
    other,
    sent,
    async sawAtLeast(writes) {
      while (sent().length < writes) await new Promise((resolve) => setTimeout(resolve, 10));
    },
    async isTold() {
      for (const until = performance.now() + 2_000; performance.now() < until;) {
        const open = await redis.admin.hvals("crossfade:{0}:earlier");
        if (open.some((numbers) => /^\d+ \d+$/.test(numbers))) return true;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      isKnown = true;
      for (const apply of waiting.splice(0)) apply();
      await other.until(
        ({ routes, store }) => routes.every(({ pending }) => pending === 0) && store.pendingWrites === 0,
      );
      assert.deepEqual(
        (await other.repairs()).map(([key]) => key),
        ["users/7"],
      );
      return false;
    },
    letIn() {
      for (const apply of waiting.splice(0)) apply();
    },
    letAnswer() {
      holdsRefusals = false;
      for (const refuse of refusals.splice(0)) refuse();
    },
  };
}

async function matched({ one, other }: { readonly one: Journaled; readonly other: Journaled }): Promise<number> {
  await Promise.all([one, other].map((it) => it.until(({ routes }) => routes.every(({ pending }) => pending === 0))));
  const { routes } = await one.until(({ routes: all }) => all.every(({ eligible }) => eligible === 1));
  return routes.reduce((sum, { outcomes }) => sum + (outcomes["match"] ?? 0), 0);
}

for (const [how, parent] of [
  ["whose key its path tells", ["PUT", "/users/7"]],
  ["whose key its answer tells", ["POST", "/users"]],
] as const) {
  test(`a child that comes to the shadow before its parent of another member, ${how}, is sent once more behind it, and is no divergence`, async (t) => {
    const site = await ordersOfUsers(t);
    const { one, other } = site;
    site.letAnswer();
    await other.send(parent[0], parent[1], "{}");
    await site.sawAtLeast(1);
    if (!(await site.isTold())) return;
    await one.send("PUT", "/orders/1", '{"user":7}');
    await site.sawAtLeast(2);
    // It has been refused, and waits.
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal((await one.status()).routes.find(({ name }) => name === "orders")?.pending, 1);
    assert.equal(site.sent().length, 2);
    site.letIn();
    assert.equal(await matched(site), 2);
    assert.deepEqual(site.sent(), [parent[1], "/orders/1", "/orders/1"]);
    const [first, second] = one.next.seen.filter(({ method, target }) => method !== "GET" && target === "/orders/1");
    assert.equal(first?.header("idempotency-key"), second?.header("idempotency-key"));
  });
}

test("a child is sent once more where its parent of another member was applied while it was refused", async (t) => {
  const site = await ordersOfUsers(t);
  const { one, other } = site;
  await other.send("PUT", "/users/7", "{}");
  await site.sawAtLeast(1);
  if (!(await site.isTold())) return;
  await one.send("PUT", "/orders/1", '{"user":7}');
  await site.sawAtLeast(2);
  site.letIn();
  await other.until(({ routes }) => routes.every(({ pending }) => pending === 0));
  // Redis hears of it a moment later.
  await new Promise((resolve) => setTimeout(resolve, 100));
  site.letAnswer();
  assert.equal(await matched(site), 2);
  assert.equal(site.sent().length, 3);
});

test("a refusal that no other member's earlier write explains is a verdict at once", async (t) => {
  const site = await ordersOfUsers(t);
  const { one, other } = site;
  await one.send("PUT", "/orders/1", '{"user":7}');
  await site.sawAtLeast(1);
  // Answered later, and not done with.
  await other.send("PUT", "/users/7", "{}");
  await site.sawAtLeast(2);
  site.letAnswer();
  const { routes } = await one.until(({ routes: all }) =>
    all.some(({ name, pending }) => name === "orders" && pending === 0),
  );
  assert.equal(routes.find(({ name }) => name === "orders")?.outcomes["divergent"], 1);
  assert.equal(site.sent().filter((target) => target === "/orders/1").length, 1);
  site.letIn();
});
