import assert from "node:assert/strict";
import { test } from "node:test";
import { redisServer } from "../../support/redis.ts";
import { openStoreAt } from "../../support/redis-store.ts";
import { until } from "../../support/until.ts";

test("what one member claims is no other's until it is not renewed, and each thing is for itself", async (t) => {
  const redis = await redisServer(t);
  const [one, other] = await Promise.all([openStoreAt(t, redis.url), openStoreAt(t, redis.url)]);
  const what = "reconcile users";
  const both = await Promise.all([one.claim(what, 60_000), other.claim(what, 60_000)]);
  assert.equal(both.filter((own) => own).length, 1, "one of two that come at once has it");
  const [owner, second] = both[0] === true ? [one, other] : [other, one];
  assert.equal(await owner.claim(what, 60_000), true, "it is renewed");
  assert.equal(await second.claim(what, 60_000), false);
  assert.equal(await second.claim("reconcile orders", 60_000), true);
  // The last renewal says how long.
  assert.equal(await owner.claim(what, 300), true);
  await until(() => second.claim(what, 60_000));
  assert.equal(await owner.claim(what, 60_000), false);
});
