import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { RedisStore } from "../../../adapters/store/redis/shared-store.ts";
import { redisServer } from "../../support/redis.ts";
import { openStoreAt } from "../../support/redis-store.ts";
import { until } from "../../support/until.ts";

async function members(t: TestContext, url: string): Promise<readonly [RedisStore, RedisStore]> {
  const both = [await openStoreAt(t, url), await openStoreAt(t, url)] as const;
  for (const { pins } of both) pins.say("key");
  await until(async () => await isFree(both, ["k:a/0"]));
  return both;
}

function isFree([one, other]: readonly [RedisStore, RedisStore], names: readonly string[]): Promise<boolean> {
  return other.pins.areFree(names, "key", [one.members.id]);
}

test("what one member holds is not free for another, until it lets go of it", async (t) => {
  const redis = await redisServer(t);
  const both = await members(t, redis.url);
  const [one, other] = both;
  const begun = performance.now();
  await one.pins.hold(["k:a/1", "s:a"]);
  const took = performance.now() - begun;
  assert.ok(took < 900, `${took} ms: Redis took it, and nobody waited for the end of a lease`);
  assert.deepEqual([await isFree(both, ["k:a/1"]), await isFree(both, ["k:a/2", "s:a"])], [false, false]);
  assert.equal(await isFree(both, ["k:a/2"]), true);
  assert.equal(one.pins.hold(["k:a/1"]), null, "others see it already");
  one.pins.release(["k:a/1", "s:a"]);
  await until(async () => await isFree(both, ["k:a/1", "s:a"]));
  assert.equal(await other.pins.areFree(["k:a/1"], "key header:x-user", [one.members.id]), false);
  assert.equal(await other.pins.areFree(["k:a/1"], "key", ["nobody"]), false);
});

test("what a life that ended held is not free until what it left is settled; a member that Redis does not hear of is not relied on", async (t) => {
  const redis = await redisServer(t);
  const both = await members(t, redis.url);
  const [one, other] = both;
  await one.pins.hold(["k:a/1"]);
  const third = await openStoreAt(t, redis.url);
  third.pins.say("key");
  const all = [one.members.id, third.members.id];
  await until(async () => await other.pins.areFree(["k:a/2"], "key", all));
  // Its pins are told no more, and neither that it is sure of them.
  third.pins.say(null);
  await until(async () => !(await other.pins.areFree(["k:a/2"], "key", all)));
  await one.close();
  assert.equal(await other.pins.areFree(["k:a/1"], "key", []), false);
});

test("while Redis does not answer a write waits no longer than others rely on it, and nobody is told that a name is free", async (t) => {
  const redis = await redisServer(t);
  const [one, other] = await members(t, redis.url);
  redis.signal("SIGSTOP");
  t.after(() => redis.signal("SIGCONT"));
  await until(async () => {
    const isStopped = new Promise<boolean>((resolve) => setTimeout(resolve, 100, true));
    return await Promise.race([isStopped, redis.admin.ping().then(() => false)]);
  });
  const begun = performance.now();
  const answer = other.pins.areFree(["k:a/1"], "key", [one.members.id]);
  await one.pins.hold(["k:a/1"]);
  t.diagnostic(`waited ${Math.round(performance.now() - begun)} ms`);
  redis.signal("SIGCONT");
  assert.equal(await answer, false, "what was sure when Redis was asked is over when it answers");
});
