import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { RedisStore, RedisStoreOptions } from "../../../adapters/store/redis/shared-store.ts";
import type { TurnCome, Turns } from "../../../proxy/members/turns.ts";
import { systemClock } from "../../../proxy/process/system-clock.ts";
import { redisCluster, redisServer, type RedisServer } from "../../support/redis.ts";
import { openStoreAt } from "../../support/redis-store.ts";
import { until } from "../../support/until.ts";

const LATER = Infinity;

async function members(
  t: TestContext,
  url: string,
  count: number,
  options: Partial<RedisStoreOptions> = {},
): Promise<readonly RedisStore[]> {
  return await Promise.all(Array.from({ length: count }, () => openStoreAt(t, url, options)));
}

/** Whether a turn has come by now. Looks are 10 ms apart: one that was free to come has come by then. */
async function hasCome(come: Promise<TurnCome> | null): Promise<TurnCome | "waits"> {
  const late = new Promise<"waits">((resolve) => setTimeout(resolve, 150, "waits"));
  return await Promise.race([come ?? Promise.resolve<TurnCome>("mine"), late]);
}

/** Until Redis has heard of it: what members ask of it comes over several connections. */
async function accept(turns: Turns, id: string, keys: readonly string[], ms: number): Promise<void> {
  await turns.answered(id, keys, ms);
  await turns.placed(id);
}

async function take(turns: Turns, id: string, ...keys: string[]): Promise<void> {
  await turns.take(id, keys);
}

test("a key's writes go out in the order in which members took their turns, a member's own without asking", async (t) => {
  const redis = await redisServer(t);
  const [{ turns: one }, { turns: other }] = (await members(t, redis.url, 2)) as [RedisStore, RedisStore];
  await take(one, "a", "users/1");
  await take(one, "b", "users/1");
  await accept(one, "a", ["users/1"], 1);
  await accept(one, "b", ["users/1"], 1);
  await take(other, "c", "users/1");
  await accept(other, "c", ["users/1"], 1);
  await take(one, "d", "users/1");
  await accept(one, "d", ["users/1"], 1);
  const [c, d] = [other.come("c", LATER), one.come("d", LATER)];
  assert.equal(await hasCome(one.come("a", LATER)), "mine");
  assert.equal(await hasCome(one.come("b", LATER)), "mine");
  assert.deepEqual([await hasCome(c), await hasCome(d)], ["waits", "waits"]);
  one.leave("a");
  assert.equal(await hasCome(c), "waits");
  one.leave("b");
  assert.deepEqual([await hasCome(c), await hasCome(d)], ["mine", "waits"]);
  other.leave("c");
  assert.equal(await hasCome(d), "mine");
});

/** Where turns are told nobody would look in the test's life, or say by himself that he is done. */
const NEVER = { lookEveryMs: { told: 60_000, untold: 10, left: 60_000 } };

async function untilTold(redis: RedisServer, members: number): Promise<void> {
  await until(async () => (await redis.admin.pubsub("CHANNELS", "crossfade:*:turns:*")).length === members);
}

async function isHandedOn([{ turns: one }, { turns: other }]: readonly [RedisStore, RedisStore]): Promise<void> {
  await take(one, "a", "users/1");
  await accept(one, "a", ["users/1"], 1);
  await take(other, "b", "users/1");
  await accept(other, "b", ["users/1"], 1);
  const come = other.come("b", LATER);
  assert.equal(await hasCome(come), "waits");
  one.leave("a");
  assert.equal(await come, "mine");
}

test("a turn that comes is told, and nobody has to look for it", async (t) => {
  const redis = await redisServer(t);
  const both = (await members(t, redis.url, 2, NEVER)) as [RedisStore, RedisStore];
  await untilTold(redis, 2);
  await isHandedOn(both);
});

test("a write asks Redis twice: that its copy is done goes along with what is asked next", async (t) => {
  const redis = await redisServer(t);
  const [{ turns }] = (await members(t, redis.url, 1, NEVER)) as [RedisStore];
  await untilTold(redis, 1);
  const scripts = async (): Promise<number> => {
    const stats = await redis.admin.info("commandstats");
    return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  };
  const before = await scripts();
  for (let n = 0; n < 100; n++) {
    await take(turns, `${n}`, `users/${n}`);
    await accept(turns, `${n}`, [`users/${n}`], 1);
    assert.equal(await hasCome(turns.come(`${n}`, LATER)), "mine");
    turns.leave(`${n}`);
    await new Promise(setImmediate);
  }
  // Others of this process ask now and then.
  const asked = (await scripts()) - before;
  assert.ok(asked >= 200 && asked < 220, `${asked} scripts`);
});

test("whoever waits for a turn says so: that it is done is told at once, also where it was before", async (t) => {
  const redis = await redisServer(t);
  const [{ turns: one }, { turns: other }] = (await members(t, redis.url, 2, NEVER)) as [RedisStore, RedisStore];
  await untilTold(redis, 2);
  await take(one, "done before", "users/1");
  await accept(one, "done before", ["users/1"], 1);
  one.leave("done before");
  await take(other, "behind", "users/1");
  await accept(other, "behind", ["users/1"], 1);
  assert.equal(await hasCome(other.come("behind", LATER)), "mine");
  // Two writes of one turn: it is done with the second.
  await take(one, "first", "users/1");
  await take(one, "second", "users/1");
  for (const id of ["first", "second"]) await accept(one, id, ["users/1"], 1);
  other.leave("behind");
  assert.equal(await hasCome(one.come("second", LATER)), "mine");
  await take(other, "last", "users/1");
  await accept(other, "last", ["users/1"], 1);
  const last = other.come("last", LATER);
  assert.equal(await hasCome(last), "waits");
  one.leave("first");
  assert.equal(await hasCome(last), "waits");
  one.leave("second");
  assert.equal(await hasCome(last), "mine");
});

test("a turn that comes while its write is at the primary is known by then, and Redis is not asked for it", async (t) => {
  const redis = await redisServer(t);
  const [{ turns: one }, { turns: other }] = (await members(t, redis.url, 2, NEVER)) as [RedisStore, RedisStore];
  await untilTold(redis, 2);
  const told = redis.admin.duplicate();
  t.after(() => told.disconnect());
  const turns: string[] = [];
  told.on("pmessage", (_pattern: string, _channel: string, message: string) => turns.push(message));
  await told.psubscribe("crossfade:*:turns:*");
  await take(one, "a", "users/1");
  await accept(one, "a", ["users/1"], 1);
  await take(other, "b", "users/1");
  // Nobody has asked for it.
  one.leave("a");
  await until(() => turns.some((turn) => !turn.endsWith(" wanted")));
  await accept(other, "b", ["users/1"], 1);
  redis.signal("SIGSTOP");
  assert.equal(await hasCome(other.come("b", LATER)), "mine");
  redis.signal("SIGCONT");
});

test("a user that may not subscribe looks for its turns", async (t) => {
  const redis = await redisServer(t);
  await redis.admin.acl("SETUSER", "quiet", "on", ">secret", "~crossfade:*", "+@all", "resetchannels");
  const url = redis.url.replace("redis://", "redis://quiet:secret@");
  await isHandedOn((await members(t, url, 2, NEVER)) as [RedisStore, RedisStore]);
});

test("order stamps of one key go up over all members, also where only the answer told the key", async (t) => {
  const redis = await redisServer(t);
  const all = (await members(t, redis.url, 3)).map(({ turns }) => turns);
  const stamps: number[] = [];
  for (let n = 0; n < 60; n++) {
    const turns = all[n % 3 === 0 ? 0 : n % 2] as Turns;
    if (n % 5 === 0) {
      await turns.take(`${n}`, []);
      const placed = turns.answered(`${n}`, ["users/1"], 1);
      stamps.push(turns.order(`${n}`) ?? NaN);
      await placed;
    } else {
      await take(turns, `${n}`, "users/1");
      stamps.push(turns.order(`${n}`) ?? NaN);
      await accept(turns, `${n}`, ["users/1"], 1);
    }
    if (n % 7 === 0) turns.leave(`${n}`);
  }
  assert.deepEqual(
    stamps,
    [...stamps].sort((a, b) => a - b),
  );
});

test("a member whose clock is an hour ahead stamps no write above those that come after it", async (t) => {
  const redis = await redisServer(t);
  const ahead = { ...systemClock, now: () => systemClock.now() + 3_600_000 };
  const { turns } = await openStoreAt(t, redis.url, { clock: ahead });
  await turns.take("create", []);
  await turns.placed("create");
  const placed = turns.answered("create", ["users/1"], 1);
  const create = turns.order("create") ?? NaN;
  await placed;
  await take(turns, "change", "users/1");
  assert.ok(create < (turns.order("change") ?? NaN));
});

test("writes that were at their primaries together are unsure; one after the other they are not", async (t) => {
  const redis = await redisServer(t);
  const [{ turns: one }, { turns: other }] = (await members(t, redis.url, 2)) as [RedisStore, RedisStore];
  await take(one, "a", "users/1");
  await take(other, "b", "users/1");
  await accept(one, "a", ["users/1"], 1);
  await accept(other, "b", ["users/1"], 1);
  assert.equal(await hasCome(one.come("a", LATER)), "unsure");
  one.leave("a");
  assert.equal(await hasCome(other.come("b", LATER)), "mine");
  other.leave("b");
  await take(one, "c", "users/1");
  await accept(one, "c", ["users/1"], 1);
  await take(other, "d", "users/1");
  await accept(other, "d", ["users/1"], 1);
  assert.equal(await hasCome(one.come("c", LATER)), "mine");
  one.leave("c");
  assert.equal(await hasCome(other.come("d", LATER)), "mine");
});

test("a write whose primary did not wait for its place is unsure where another one was answered meanwhile, and only there", async (t) => {
  const redis = await redisServer(t);
  const [{ turns: one }, { turns: other }] = (await members(t, redis.url, 2)) as [RedisStore, RedisStore];
  const ends: (TurnCome | "waits")[] = [];
  for (const [n, hurries] of [true, false].entries()) {
    const key = `users/${n}`;
    await take(other, `before ${n}`, key);
    await accept(other, `before ${n}`, [key], 1);
    other.leave(`before ${n}`);
    // Redis counts whole milliseconds.
    await new Promise((resolve) => setTimeout(resolve, 5));
    await take(one, `a ${n}`, key);
    if (hurries) one.hurried(`a ${n}`);
    await take(other, `b ${n}`, key);
    await accept(other, `b ${n}`, [key], 1);
    other.leave(`b ${n}`);
    await accept(one, `a ${n}`, [key], 1);
    ends.push(await hasCome(one.come(`a ${n}`, LATER)));
  }
  await take(other, "before", "users/9");
  await accept(other, "before", ["users/9"], 1);
  other.leave("before");
  await new Promise((resolve) => setTimeout(resolve, 5));
  await take(one, "alone", "users/9");
  one.hurried("alone");
  await accept(one, "alone", ["users/9"], 1);
  ends.push(await hasCome(one.come("alone", LATER)));
  assert.deepEqual(ends, ["unsure", "mine", "mine"]);
});

test("a key that only the answer tells: whoever writes it then comes after; what was answered meanwhile makes it unsure", async (t) => {
  const redis = await redisServer(t);
  const [{ turns: one }, { turns: other }] = (await members(t, redis.url, 2)) as [RedisStore, RedisStore];
  void one.take("create", []);
  await accept(one, "create", ["users/7"], 5);
  await take(other, "update", "users/7");
  await accept(other, "update", ["users/7"], 1);
  const update = other.come("update", LATER);
  assert.deepEqual([await hasCome(one.come("create", LATER)), await hasCome(update)], ["mine", "waits"]);
  one.leave("create");
  assert.equal(await hasCome(update), "mine");
  other.leave("update");
  // It began before the update was answered, and turns out to be of its key.
  void one.take("late", []);
  await accept(one, "late", ["users/7"], 60_000);
  assert.equal(await hasCome(one.come("late", LATER)), "unsure");
});

test("what the primary refused holds nobody up", async (t) => {
  const redis = await redisServer(t);
  const [{ turns: one }, { turns: other }] = (await members(t, redis.url, 2)) as [RedisStore, RedisStore];
  await take(one, "a", "users/1");
  await take(other, "b", "users/1");
  one.leave("a");
  // Behind it on the same connection.
  await take(one, "c", "users/2");
  await accept(other, "b", ["users/1"], 1);
  assert.equal(await hasCome(other.come("b", LATER)), "mine");
});

for (const topology of ["one server", "a cluster"] as const) {
  test(`on ${topology}: a batch waits for all of its keys and holds up each; nothing is left behind`, async (t) => {
    const url = topology === "a cluster" ? (await redisCluster(t)).url : (await redisServer(t)).url;
    const [{ turns: one }, { turns: other }] = (await members(t, url, 2)) as [RedisStore, RedisStore];
    await take(other, "first", "items/2");
    await accept(other, "first", ["items/2"], 1);
    await take(one, "batch", "items/1", "items/2", "items/3");
    await accept(one, "batch", ["items/1", "items/2", "items/3"], 1);
    await take(other, "last", "items/3");
    await accept(other, "last", ["items/3"], 1);
    const [batch, last] = [one.come("batch", LATER), other.come("last", LATER)];
    assert.deepEqual([await hasCome(batch), await hasCome(last)], ["waits", "waits"]);
    other.leave("first");
    // What is to come is waited for: a cluster takes its time on a busy machine.
    assert.deepEqual([await batch, await hasCome(last)], ["mine", "waits"]);
    one.leave("batch");
    assert.equal(await last, "mine");
  });
}

/** Whether it still waits; otherwise whether there was anything to wait for. */
async function waitsOr(earlier: Promise<boolean> | null): Promise<boolean | "waits"> {
  const late = new Promise<"waits">((resolve) => setTimeout(resolve, 300, "waits"));
  return await Promise.race([earlier ?? Promise.resolve(false), late]);
}

test("a refused write waits for what other members had answered before it was taken, whatever the key, and for nothing later", async (t) => {
  const redis = await redisServer(t);
  const [{ turns: one }, { turns: other }] = (await members(t, redis.url, 2)) as [RedisStore, RedisStore];
  const since = performance.now();
  await take(one, "own parent", "users/1");
  await accept(one, "own parent", ["users/1"], 1);
  await take(one, "nobody's child", "orders/1");
  await accept(one, "nobody's child", ["orders/1"], 1);
  // A member's own are not its business here.
  assert.equal(await waitsOr(one.earlier("nobody's child", since, 60_000)), false);
  for (const id of ["own parent", "nobody's child"]) one.leave(id);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await take(other, "parent", "users/2");
  await accept(other, "parent", ["users/2"], 1);
  // It joins the turn of users/2, and comes after the child all the same.
  await take(one, "child", "orders/2");
  await accept(one, "child", ["orders/2"], 1);
  await take(other, "later", "users/2");
  await accept(other, "later", ["users/2"], 1);
  const begun = performance.now();
  const child = one.earlier("child", begun, 60_000);
  assert.equal(await waitsOr(child), "waits");
  // Whoever was taken first waits for nobody.
  assert.equal(await waitsOr(other.earlier("parent", begun, 60_000)), false);
  other.leave("parent");
  assert.equal(await waitsOr(child), true);
  // What had ended when the attempt began makes no difference to it; what ended since may have come after it.
  assert.equal(await waitsOr(one.earlier("child", begun, 60_000)), true);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(await waitsOr(one.earlier("child", performance.now(), 60_000)), false);
});

test("of what is at another member's primary nobody waits for the answer; a create counts from its answer on", async (t) => {
  const redis = await redisServer(t);
  const [{ turns: one }, { turns: other }] = (await members(t, redis.url, 2)) as [RedisStore, RedisStore];
  await take(other, "at its primary", "users/1");
  await take(other, "create");
  await take(one, "child", "orders/1");
  await accept(one, "child", ["orders/1"], 1);
  const since = performance.now();
  assert.equal(await waitsOr(one.earlier("child", since, 60_000)), false);
  await accept(other, "create", ["users/2"], 1);
  assert.equal(await waitsOr(one.earlier("child", since, 60_000)), false);
  await take(one, "its child", "orders/2");
  await accept(one, "its child", ["orders/2"], 1);
  const child = one.earlier("its child", since, 60_000);
  assert.equal(await waitsOr(child), "waits");
  other.leave("create");
  assert.equal(await waitsOr(child), true);
});

test("a member that says nothing any more is waited for within bounds, and once; a key that is being mended is nobody's parent", async (t) => {
  const redis = await redisServer(t);
  const [{ turns: one }, { turns: silent }] = (await members(t, redis.url, 2)) as [RedisStore, RedisStore];
  const visit = await silent.visit("users/9", 1_000);
  await take(one, "child", "orders/1");
  await accept(one, "child", ["orders/1"], 1);
  assert.equal(await waitsOr(one.earlier("child", performance.now(), 60_000)), false);
  visit?.leave();
  await take(silent, "parent", "users/1");
  await accept(silent, "parent", ["users/1"], 1);
  for (const id of ["first", "second"]) {
    await take(one, id, `orders/${id}`);
    await accept(one, id, [`orders/${id}`], 1);
  }
  assert.equal(await one.earlier("first", performance.now(), 400), true);
  assert.equal(await waitsOr(one.earlier("second", performance.now(), 60_000)), true);
});

test("without Redis a refused write waits for nobody", async (t) => {
  const redis = await redisServer(t);
  const [one, other] = (await members(t, redis.url, 2)) as [RedisStore, RedisStore];
  await take(other.turns, "parent", "users/1");
  await accept(other.turns, "parent", ["users/1"], 1);
  await take(one.turns, "child", "orders/1");
  await accept(one.turns, "child", ["orders/1"], 1);
  await redis.kill();
  await until(() => one.health().problem !== null);
  assert.equal(await waitsOr(one.turns.earlier("child", performance.now(), 60_000)), false);
});

test("a repair has a key to itself: it waits for others, they wait for it, and it is told when one came after", async (t) => {
  const redis = await redisServer(t);
  const [{ turns: one }, { turns: other }] = (await members(t, redis.url, 2)) as [RedisStore, RedisStore];
  await take(other, "a", "users/1");
  // It is at its primary: whether it is in what is read nobody knows.
  assert.equal(await one.visit("users/1", 200), null);
  await accept(other, "a", ["users/1"], 1);
  assert.equal(await hasCome(other.come("a", LATER)), "mine");
  const visiting = one.visit("users/1", 5_000);
  other.leave("a");
  const visit = await visiting;
  assert.ok(visit !== null);
  assert.equal(await visit.crossed(), false);
  await take(other, "b", "users/1");
  await accept(other, "b", ["users/1"], 1);
  const b = other.come("b", LATER);
  assert.deepEqual([await visit.crossed(), await hasCome(b)], [true, "waits"]);
  visit.leave();
  assert.equal(await hasCome(b), "mine");
});

test("a read is crossed by another member's write that is under way or was answered since it began, and by none of its own", async (t) => {
  const redis = await redisServer(t);
  const [{ turns: one }, { turns: other }] = (await members(t, redis.url, 2)) as [RedisStore, RedisStore];
  const crossed = (ms: number): Promise<boolean> | null => one.crossed(["users/1", "users/2"], ms);
  await take(one, "own", "users/1");
  await accept(one, "own", ["users/1"], 1);
  assert.equal(await crossed(60_000), false);
  await take(other, "a", "users/2");
  assert.equal(await crossed(0), true);
  await accept(other, "a", ["users/2"], 1);
  assert.equal(await crossed(0), true);
  other.leave("a");
  await until(async () => (await crossed(0)) === false);
  assert.equal(await crossed(60_000), true);
  await redis.kill();
  await until(() => one.crossed(["users/9"], 0) !== null && one.take("probe", ["users/9"]) === null);
  assert.equal(await crossed(0), true);
});

test("a member that is silent for too long loses its turns: others go on, and what it wakes up with is unsure", async (t) => {
  const redis = await redisServer(t);
  const options = { runSilentMs: 400, heartbeatMs: 60_000 };
  const gone = (await members(t, redis.url, 1, options))[0] as RedisStore;
  await take(gone.turns, "a", "users/1");
  await accept(gone.turns, "a", ["users/1"], 1);
  const lives = (await members(t, redis.url, 1, { runSilentMs: 400 }))[0] as RedisStore;
  await take(lives.turns, "b", "users/1");
  await accept(lives.turns, "b", ["users/1"], 1);
  assert.equal(await lives.turns.come("b", LATER), "mine");
  assert.equal(await hasCome(gone.turns.come("a", LATER)), "unsure");
});

test("what it had before it was silent is unsure also where it has asked Redis for something else since it woke up", async (t) => {
  const redis = await redisServer(t);
  const options = { runSilentMs: 400, heartbeatMs: 60_000 };
  const gone = (await members(t, redis.url, 1, options))[0] as RedisStore;
  for (const key of ["users/1", "users/2"]) {
    await take(gone.turns, `a ${key}`, key);
    await accept(gone.turns, `a ${key}`, [key], 1);
  }
  const lives = (await members(t, redis.url, 1, { runSilentMs: 400 }))[0] as RedisStore;
  await take(lives.turns, "b", "users/1");
  await accept(lives.turns, "b", ["users/1"], 1);
  assert.equal(await lives.turns.come("b", LATER), "mine");
  lives.turns.leave("b");
  for (let n = 0; n < 20; n++) await take(gone.turns, `awake ${n}`, `orders/${n}`);
  for (const key of ["users/1", "users/2"]) assert.equal(await hasCome(gone.turns.come(`a ${key}`, LATER)), "unsure");
  // What it takes from then on it has.
  await take(gone.turns, "after", "users/1");
  await accept(gone.turns, "after", ["users/1"], 1);
  assert.equal(await hasCome(gone.turns.come("after", LATER)), "mine");
});

test("a member that ends, or starts again, holds nobody up", async (t) => {
  const redis = await redisServer(t);
  const [one, other] = (await members(t, redis.url, 2)) as [RedisStore, RedisStore];
  await take(one.turns, "a", "users/1");
  await accept(one.turns, "a", ["users/1"], 1);
  await take(other.turns, "b", "users/1");
  await accept(other.turns, "b", ["users/1"], 1);
  const b = other.turns.come("b", LATER);
  assert.equal(await hasCome(b), "waits");
  await one.close();
  assert.equal(await hasCome(b), "mine");
});

test("without Redis nothing is waited for and everything is unsure; when it is back all goes on", async (t) => {
  const redis = await redisServer(t);
  const [one, other] = (await members(t, redis.url, 2)) as [RedisStore, RedisStore];
  await take(one.turns, "before", "users/1");
  await accept(one.turns, "before", ["users/1"], 1);
  await redis.kill();
  await until(() => one.health().problem !== null && other.health().problem !== null);
  assert.equal(one.turns.take("during", ["users/2"]), null);
  assert.equal(one.turns.answered("during", ["users/2"], 1), null);
  assert.equal(await hasCome(one.turns.come("during", LATER)), "unsure");
  assert.equal(await one.turns.visit("users/2", 100), null);
  await redis.start();
  await until(() => one.health().problem === null && other.health().problem === null);
  assert.equal(await hasCome(one.turns.come("before", LATER)), "unsure");
  await take(one.turns, "after", "users/1");
  await accept(one.turns, "after", ["users/1"], 1);
  assert.equal(await hasCome(one.turns.come("after", LATER)), "mine");
  await take(other.turns, "behind", "users/1");
  await accept(other.turns, "behind", ["users/1"], 1);
  const behind = other.turns.come("behind", LATER);
  assert.equal(await hasCome(behind), "waits");
  one.turns.leave("after");
  assert.equal(await hasCome(behind), "mine");
});

test("a Redis that hangs is waited for once, and not by each write; what waits for a turn is let go within a second or so", async (t) => {
  const redis = await redisServer(t);
  const [one] = (await members(t, redis.url, 1, { silentMs: 60_000 })) as [RedisStore];
  await take(one.turns, "before", "users/1");
  await accept(one.turns, "before", ["users/1"], 1);
  redis.signal("SIGSTOP");
  assert.notEqual(one.turns.take("first", ["users/1"]), null);
  await until(() => {
    const waits = one.turns.take("next", ["users/2"]) !== null;
    one.turns.leave("next");
    return !waits;
  });
  assert.equal(one.turns.take("more", ["users/3"]), null);
  assert.equal(one.turns.answered("more", ["users/3"], 1), null);
  const came = await Promise.all([one.turns.come("first", LATER), one.turns.come("more", LATER)]);
  assert.deepEqual(came, ["unsure", "unsure"]);
  redis.signal("SIGCONT");
  await until(() => {
    const waits = one.turns.take("after", ["users/4"]) !== null;
    if (!waits) one.turns.leave("after");
    return waits;
  });
  await accept(one.turns, "after", ["users/4"], 1);
  assert.equal(await hasCome(one.turns.come("after", LATER)), "mine");
});

test("a long turn of a member's own is not taken for a Redis that is slow: what comes behind it has its place", async (t) => {
  const redis = await redisServer(t);
  const [one] = (await members(t, redis.url, 1)) as [RedisStore];
  await take(one.turns, "warm", "users/0");
  const taken = one.turns.take("before", ["users/1"]);
  // What is asked goes out in a later turn; the answer is there while this one goes on, and nobody looks.
  await new Promise(setImmediate);
  const until = performance.now() + 200;
  while (performance.now() < until) JSON.stringify({ busy: until });
  const behind = one.turns.take("behind", ["users/2"]);
  assert.notEqual(behind, null, "it does not wait, and is in doubt");
  await Promise.all([taken, behind]);
  await accept(one.turns, "behind", ["users/2"], 1);
  assert.equal(await hasCome(one.turns.come("behind", LATER)), "mine");
});

test("when all is done Redis holds no turn", async (t) => {
  const redis = await redisServer(t);
  const all = (await members(t, redis.url, 3)).map(({ turns }) => turns);
  const left: Promise<void>[] = [];
  for (let n = 0; n < 300; n++) {
    const turns = all[n % 3] as Turns;
    const id = `${n}`;
    const keys = n % 10 === 0 ? [`users/${n % 7}`, `orders/${n % 5}`] : [`users/${n % 7}`];
    const live = async (): Promise<void> => {
      await turns.take(id, keys);
      if (n % 4 !== 0) {
        await accept(turns, id, keys, 1);
        await turns.come(id, LATER);
      }
      turns.leave(id);
    };
    left.push(live());
  }
  await Promise.all(left);
  const turnsLeft = async (): Promise<readonly string[]> => {
    const [ofKeys, ofRuns] = [
      await redis.admin.keys("crossfade:*turn*"),
      await redis.admin.keys("crossfade:*}:earlier"),
    ];
    return [...ofKeys.filter((name) => !name.endsWith(":runs")), ...ofRuns];
  };
  await until(async () => (await turnsLeft()).length === 0);
});
