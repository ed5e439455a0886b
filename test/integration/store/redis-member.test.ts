import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { openMemberFolder } from "../../../adapters/member/folder.ts";
import type { RedisMember, RedisStore, RedisStoreOptions } from "../../../adapters/store/redis/shared-store.ts";
import { CrossfadeError } from "../../../proxy/errors.ts";
import { makeUlid } from "../../../proxy/identity.ts";
import type { JournalAccount } from "../../../proxy/journal.ts";
import type { StoreWrite } from "../../../proxy/ports.ts";
import { redisCluster, redisServer } from "../../support/redis.ts";
import { countsOf, eligible, healthOnce, match, openStoreAt, repairOf, writeOf } from "../../support/redis-store.ts";
import { until } from "../../support/until.ts";
import { startRelay } from "../../support/relay.ts";

const NOTHING_LEFT: JournalAccount = {
  coversGeneration: null,
  damage: null,
  upTo: 0,
  uncounted: [],
  open: [],
  unjournaled: [],
};

/** A member whose journal says this. `asked` are the positions it was asked from. */
function memberOf(
  run: string,
  hasRun: boolean,
  account: Partial<JournalAccount> = {},
): RedisMember & { asked: number[] } {
  const asked: number[] = [];
  return {
    run,
    hasRun,
    place: "here:./member",
    asked,
    journal: (upTo) => {
      asked.push(upTo);
      return Promise.resolve({ ...NOTHING_LEFT, ...account });
    },
    problem: () => null,
    ended: () => undefined,
  };
}

async function open(
  t: TestContext,
  url: string,
  member: RedisMember,
  options: Partial<RedisStoreOptions> = {},
): Promise<RedisStore> {
  return await openStoreAt(t, url, { member, ...options });
}

const mark = (position: number): StoreWrite => ({ type: "journal-mark", position });
const at = (position: number, write: StoreWrite) => ({ position, write });
const gapsOf = async (store: RedisStore) => (await store.gaps({ limit: 10 })).items.map(({ why }) => why);

test("killed: what the journal has and Redis had not counted is counted once, what is open stays open, and there is no gap", async (t) => {
  const redis = await redisServer(t);
  const first = await open(t, redis.url, memberOf("m", false), { heartbeatMs: 60_000 });
  first.append([eligible, eligible, match, mark(3)]);
  await first.flush();
  // It is killed here: two more writes are in its journal alone, and one of three is still open.
  const member = memberOf("m", true, {
    coversGeneration: first.generation,
    upTo: 8,
    uncounted: [at(3, match), at(4, eligible), at(5, match), at(6, repairOf("users/1")), at(7, eligible)],
    open: [{ route: "users", count: 2 }],
  });
  const next = await open(t, redis.url, member);
  assert.deepEqual(member.asked, [3]);
  assert.deepEqual(await countsOf(next), [4, 2, 0]);
  assert.deepEqual(await gapsOf(next), []);
  assert.doesNotMatch(next.notes.join("\n"), /gap|unknown/);
  assert.deepEqual(
    (await next.repairs({ limit: 10 })).items.map(({ key }) => key),
    ["users/1"],
  );
  next.append([match, match, mark(9)]);
  await next.flush();
  // And once more, without a word between.
  const again = memberOf("m", true, { coversGeneration: next.generation, upTo: 9 });
  const last = await open(t, redis.url, again);
  assert.deepEqual(again.asked, [9]);
  assert.deepEqual(await countsOf(last), [4, 4, 0]);
  assert.deepEqual(await gapsOf(last), []);
});

test("in a cluster each partition is counted from where it had come to", async (t) => {
  const cluster = await redisCluster(t);
  const options = { routes: ["users", "orders", "items"] };
  const first = await open(t, cluster.url, memberOf("m", false), { ...options, heartbeatMs: 60_000 });
  first.append([...writeOf("users"), ...writeOf("orders"), mark(4)]);
  await first.flush();
  const uncounted = ["users", "orders", "items"].flatMap((route, n) => {
    const [begun, done] = writeOf(route);
    return [at(5 + 2 * n, begun), at(6 + 2 * n, done)];
  });
  const member = memberOf("m", true, { coversGeneration: first.generation, upTo: 10, uncounted });
  const next = await open(t, cluster.url, member, options);
  assert.deepEqual(await countsOf(next), [5, 5, 0]);
  assert.deepEqual(await gapsOf(next), []);
});

test("a clean end leaves what is open to the journal: it is not unknown, and nobody takes the silence for a death", async (t) => {
  const redis = await redisServer(t);
  const options = { runSilentMs: 300 };
  const first = await open(t, redis.url, memberOf("m", false), options);
  first.append([eligible, eligible, match, mark(2)]);
  await first.close();
  const other = await open(t, redis.url, memberOf("other", false), options);
  await new Promise((resolve) => setTimeout(resolve, 600));
  await other.flush();
  assert.deepEqual(await countsOf(other), [2, 1, 0]);
  const member = memberOf("m", true, {
    coversGeneration: first.generation,
    upTo: 2,
    open: [{ route: "users", count: 1 }],
  });
  const next = await open(t, redis.url, member, options);
  next.append([match]);
  await next.flush();
  assert.deepEqual(await countsOf(next), [2, 2, 0]);
  assert.deepEqual(await gapsOf(next), []);
});

test("silent for too long: its open writes are unknown and there is a gap; when it comes back they get their outcomes after all", async (t) => {
  const redis = await redisServer(t);
  const options = { runSilentMs: 300 };
  const first = await open(t, redis.url, memberOf("m", false), { ...options, heartbeatMs: 60_000 });
  first.append([eligible, eligible, match, mark(2)]);
  await first.flush();
  const other = await open(t, redis.url, memberOf("other", false), options);
  await until(async () => (await countsOf(other))[2] === 1);
  const member = memberOf("m", true, {
    coversGeneration: first.generation,
    upTo: 2,
    open: [{ route: "users", count: 1 }],
  });
  const next = await open(t, redis.url, member, options);
  assert.deepEqual(await countsOf(next), [2, 1, 0]);
  next.append([match]);
  await next.flush();
  assert.deepEqual(await countsOf(next), [2, 2, 0]);
  assert.deepEqual(await gapsOf(next), ["unclean end while unjournaled"]);
});

test("killed, and the journal is not what it was: what it does not have is unknown, and every route has a gap", async (t) => {
  const cases: readonly [Partial<JournalAccount>, RegExp][] = [
    [{ coversGeneration: 1, upTo: 5 }, /unclean end while unjournaled/],
    [{ damage: "segment 3 is missing", upTo: 5 }, /journal damaged: segment 3 is missing/],
    [{ upTo: 1 }, /it ends at 1, and Redis has counted up to 3/],
  ];
  for (const [account, why] of cases) {
    const redis = await redisServer(t);
    const first = await open(t, redis.url, memberOf("m", false), { heartbeatMs: 60_000 });
    first.append([eligible, eligible, match, mark(3)]);
    await first.flush();
    const next = await open(t, redis.url, memberOf("m", true, account));
    assert.deepEqual(await countsOf(next), [2, 1, 1]);
    const gaps = await gapsOf(next);
    assert.equal(gaps.length, 1);
    assert.match(String(gaps[0]), why);
    assert.match(next.notes.join("\n"), /a gap is recorded for 1 route/);
  }
});

test("Redis was emptied while the member was away: a gap says so, and it goes on", async (t) => {
  const redis = await redisServer(t);
  const bornAt = Date.now() - 3_600_000;
  const member = makeUlid(bornAt);
  const first = await open(t, redis.url, memberOf(member, false));
  first.append([eligible, match, mark(2)]);
  await first.close();
  await redis.admin.flushall();
  const next = await open(t, redis.url, memberOf(member, true, { coversGeneration: first.generation, upTo: 2 }));
  assert.match((await gapsOf(next)).join(), /store lost: Redis knows nothing of this member any more/);
  assert.equal((await next.gaps({ limit: 10 })).items[0]?.from, new Date(bornAt).toISOString());
  next.append([eligible, match]);
  await next.flush();
  assert.deepEqual(await countsOf(next), [1, 1, 0]);
});

test("writes that were in no journal when the life before ended have a gap from then on", async (t) => {
  const redis = await redisServer(t);
  const first = await open(t, redis.url, memberOf("m", false), { heartbeatMs: 60_000 });
  await first.flush();
  const from = Date.now() - 60_000;
  const account = { coversGeneration: first.generation, unjournaled: [{ route: "users", from }] };
  const next = await open(t, redis.url, memberOf("m", true, account));
  const [gap] = (await next.gaps({ limit: 10 })).items;
  assert.deepEqual(
    [gap?.why, gap?.from],
    ["writes were not journaled when the life before ended", new Date(from).toISOString()],
  );
});

test("a failover brings back an earlier life of a member: the present one goes on, and tells again what is lost", async (t) => {
  const [master, replica] = [await redisServer(t), await redisServer(t)];
  await replica.admin.replicaof("127.0.0.1", master.port);
  await until(async () => (await replica.admin.info("replication")).includes("master_link_status:up"));
  const relay = await startRelay(t, master.port);
  const url = `redis://127.0.0.1:${relay.port}`;
  // Past the relay: it does not live to see the failover.
  const first = await open(t, master.url, memberOf("m", false), { heartbeatMs: 60_000 });
  first.append([eligible, match, mark(2)]);
  await first.flush();
  await until(async () => Number(await replica.admin.hget("crossfade:{0}:eligible", "users")) === 1);
  await replica.admin.replicaof("NO", "ONE");
  const present = await open(t, url, memberOf("m", true, { coversGeneration: first.generation, upTo: 2 }));
  present.append([eligible, match, repairOf("users/7"), mark(4)]);
  await present.flush();
  await master.kill();
  relay.leadTo(replica.port);
  await healthOnce(present, ({ problem, pendingWrites }) => pendingWrites === 0 && /had confirmed/.test(problem ?? ""));
  present.append([eligible, match, mark(6)]);
  await present.flush();
  assert.deepEqual(await countsOf(present), [3, 3, 0]);
  assert.deepEqual(
    (await present.repairs({ limit: 10 })).items.map(({ key }) => key),
    ["users/7"],
  );
  assert.equal(present.health().pendingWrites, 0);
});

test("a failover loses what a life before was confirmed: the gap covers the writes that it was about", async (t) => {
  const [master, replica] = [await redisServer(t), await redisServer(t)];
  await replica.admin.replicaof("127.0.0.1", master.port);
  await until(async () => (await replica.admin.info("replication")).includes("master_link_status:up"));
  const relay = await startRelay(t, master.port);
  const first = await open(t, master.url, memberOf("m", false), { heartbeatMs: 60_000 });
  const began = Date.now();
  // One waits for its turn at the shadow; another one has its outcome.
  first.append([eligible, eligible, match, mark(3)]);
  await first.flush();
  await until(async () => Number(await replica.admin.hget("crossfade:{0}:eligible", "users")) === 2);
  await replica.admin.replicaof("NO", "ONE");
  first.append([
    { type: "count", route: "users", outcome: "shadow-timeout", reason: null },
    repairOf("users/6"),
    mark(4),
  ]);
  await first.flush();
  // Killed; its journal has nothing that is not counted.
  const account = { coversGeneration: first.generation, upTo: 4 };
  const present = await open(t, `redis://127.0.0.1:${relay.port}`, memberOf("m", true, account));
  present.append([eligible, match, mark(6)]);
  await present.flush();
  assert.deepEqual(await gapsOf(present), []);
  await master.kill();
  relay.leadTo(replica.port);
  await healthOnce(present, ({ problem, pendingWrites }) => pendingWrites === 0 && /had confirmed/.test(problem ?? ""));
  assert.deepEqual((await present.repairs({ limit: 10 })).items, [], "nobody knows of it any more");
  const [gap] = (await present.gaps({ limit: 10 })).items;
  assert.ok(Date.parse(gap?.from ?? "") <= began, `${gap?.from} is later than ${new Date(began).toISOString()}`);
});

test("Redis is emptied under a member: the gap begins where the member did", async (t) => {
  const redis = await redisServer(t);
  const bornAt = Date.now() - 3_600_000;
  const member = makeUlid(bornAt);
  const first = await open(t, redis.url, memberOf(member, false));
  first.append([eligible, match, repairOf("users/6"), mark(2)]);
  await first.close();
  const next = await open(t, redis.url, memberOf(member, true, { coversGeneration: first.generation, upTo: 2 }));
  await redis.admin.flushall();
  await healthOnce(next, ({ problem, pendingWrites }) => pendingWrites === 0 && /had confirmed/.test(problem ?? ""));
  const [gap] = (await next.gaps({ limit: 10 })).items;
  assert.equal(gap?.from, new Date(bornAt).toISOString());
});

test("two processes with copies of one folder: the later one counts, and the earlier says so", async (t) => {
  const redis = await redisServer(t);
  const first = await open(t, redis.url, memberOf("m", false));
  first.append([eligible, match]);
  await first.flush();
  const copy = await open(t, redis.url, memberOf("m", true, { coversGeneration: first.generation }));
  first.append([eligible, match]);
  const { problem } = await healthOnce(first, (health) => health.problem !== null);
  assert.match(String(problem), /another process goes on with this member's accounts.*member\.folder/);
  copy.append([eligible, match]);
  await copy.flush();
  assert.deepEqual(await countsOf(copy), [2, 2, 0]);
});

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-member-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "member");
}

test("a member's folder says who it is over all its lives, and is one process's at a time", (t) => {
  const folder = folderOf(t);
  const first = openMemberFolder(folder, "01JFRESH");
  assert.equal(first.hasRun, false);
  assert.throws(
    () => openMemberFolder(folder, "01JFRESH"),
    refusal("store-locked", /is in use by another Crossfade.*member\.folder/),
  );
  first.begun();
  first.close();
  const second = openMemberFolder(folder, "01JFRESH");
  assert.deepEqual([second.run, second.hasRun], [first.run, true]);
  second.close();
});

test("a folder that is removed while its member runs is said, and written again: the next process is the same member, and nobody else until then", async (t) => {
  const folder = folderOf(t);
  const member = openMemberFolder(folder, "01JFRESH");
  t.after(() => member.close());
  member.begun();
  assert.equal(member.problem(), null);
  rmSync(folder, { recursive: true });
  await until(() => member.problem() !== null);
  assert.match(member.problem() ?? "", /was removed at .* was written there again, its journal is gone/);
  assert.throws(() => openMemberFolder(folder, "01JOTHER"), refusal("store-locked", /in use by another Crossfade/));
  member.close();
  const next = openMemberFolder(folder, "01JOTHER");
  assert.deepEqual([next.run, next.hasRun], ["01JFRESH", true]);
  next.close();
});

test("a member whose folder was removed and taken by another one leaves it that one's, and says so", async (t) => {
  const folder = folderOf(t);
  const member = openMemberFolder(folder, "01JFRESH");
  t.after(() => member.close());
  member.begun();
  rmSync(folder, { recursive: true });
  openMemberFolder(folder, "01JOTHER").close();
  await until(() => member.problem() !== null);
  assert.match(member.problem() ?? "", /cannot be written again \(.* is member 01JOTHER's\).*another member/);
  const other = openMemberFolder(folder, "01JTHIRD");
  assert.equal(other.run, "01JOTHER");
  // It is theirs for as long as they run.
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  assert.match(member.problem() ?? "", /in use by another Crossfade/);
  other.close();
});

test("a folder that cannot be used is refused with its name and the way out", (t) => {
  const folder = folderOf(t);
  writeFileSync(folder, "a file");
  assert.throws(
    () => openMemberFolder(folder, "01JFRESH"),
    refusal("store-unavailable", /cannot be used.*journal\.survives: nothing/),
  );
  rmSync(folder);
  mkdirSync(folder);
  writeFileSync(join(folder, "member"), "no database at all, but long enough to be looked at as one".repeat(20));
  assert.throws(() => openMemberFolder(folder, "01JFRESH"), refusal("store-unavailable", /cannot be used/));
});

function refusal(code: string, words: RegExp): (thrown: unknown) => boolean {
  return (thrown) => {
    assert.ok(thrown instanceof CrossfadeError, String(thrown));
    assert.equal(thrown.code, code);
    assert.match(thrown.message, words);
    return true;
  };
}
