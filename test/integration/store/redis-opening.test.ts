import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import { asFailure } from "../../../adapters/store/redis/failures.ts";
import { CrossfadeError } from "../../../proxy/errors.ts";
import { makeAuthority } from "../../support/certificates.ts";
import { freePort } from "../../support/free-port.ts";
import { redisServer } from "../../support/redis.ts";
import { countsOf, eligible, match, openStoreAt, redisSettings } from "../../support/redis-store.ts";

const refusedWith = (words: RegExp) => (thrown: unknown) => {
  assert.ok(thrown instanceof CrossfadeError, String(thrown));
  assert.equal(thrown.code, "store-unavailable");
  assert.match(thrown.message, words);
  return true;
};

test("a Redis that may evict is refused, with the way out", async (t) => {
  const redis = await redisServer(t, { args: ["--maxmemory-policy", "allkeys-lru"] });
  await assert.rejects(
    openStoreAt(t, redis.url),
    refusedWith(/maxmemory-policy allkeys-lru, which lets it forget repairs and gaps; set noeviction: CONFIG SET/),
  );
});

test("a replica is refused by the name of its master, once there was time for it to become one", async (t) => {
  const [redis, master] = [await redisServer(t), await redisServer(t)];
  await redis.admin.replicaof("127.0.0.1", master.port);
  const words = new RegExp(`is a replica of 127\\.0\\.0\\.1:${master.port} and takes no writes; name that one`);
  await assert.rejects(openStoreAt(t, redis.url, { patienceMs: 500 }), refusedWith(words));
});

test("nobody there, a name that is none, a server that says nothing: each is told in words", async (t) => {
  const port = await freePort();
  const quick = { patienceMs: 500, silentMs: 200 };
  await assert.rejects(
    openStoreAt(t, `redis://127.0.0.1:${port}`, quick),
    refusedWith(/nothing listens there: start it/),
  );
  const mute = createServer(() => {}).listen(0, "127.0.0.1");
  await once(mute, "listening");
  t.after(() => mute.close());
  const { port: mutePort } = mute.address() as AddressInfo;
  await assert.rejects(openStoreAt(t, `redis://127.0.0.1:${mutePort}`, quick), refusedWith(/does not answer/));
});

test("passwords: none where one is wanted, a wrong one, the right one", async (t) => {
  const redis = await redisServer(t, { args: ["--requirepass", "open:sesame"], client: { password: "open:sesame" } });
  await assert.rejects(
    openStoreAt(t, redis.url),
    refusedWith(/it wants a password: write redis:\/\/USER:PASSWORD@HOST/),
  );
  const wrong = redisSettings(redis.url, { password: "guess" });
  await assert.rejects(openStoreAt(t, "redis://h", { redis: wrong }), (thrown) => {
    assert.doesNotMatch(String(thrown), /guess/);
    return refusedWith(/user or password are wrong/)(thrown);
  });
  const store = await openStoreAt(t, redis.url.replace("//", "//:open%3Asesame@"));
  assert.equal(store.health().problem, null);
});

test("a user that may not do all is told what is missing, and which line allows it", async (t) => {
  const redis = await redisServer(t);
  await redis.admin.call("ACL", "SETUSER", "ann", "on", ">pw", "~crossfade:*", "+@all", "-zpopmax", "-hincrby");
  await assert.rejects(
    openStoreAt(t, redis.url.replace("//", "//ann:pw@")),
    refusedWith(
      /the user ann may not use HINCRBY, ZPOPMAX; allow it: ACL SETUSER ann ~crossfade:\* \+hincrby \+zpopmax/,
    ),
  );
  await redis.admin.call("ACL", "SETUSER", "bob", "on", ">pw", "~other:*", "+@all");
  await assert.rejects(
    openStoreAt(t, redis.url.replace("//", "//bob:pw@")),
    refusedWith(/the user bob may not|the user may not/),
  );
  // What docs/stores.md says is enough.
  await redis.admin.call(
    "ACL",
    "SETUSER",
    "eve",
    "on",
    ">pw",
    "~crossfade:*",
    "+@read",
    "+@write",
    "+@scripting",
    "+@connection",
    "+info",
    "+time",
  );
  const store = await openStoreAt(t, redis.url.replace("//", "//eve:pw@"));
  store.append([eligible, match]);
  await store.flush();
  assert.deepEqual(await countsOf(store), [1, 1, 0]);
});

test("a Redis that saves nothing is used, and that is said", async (t) => {
  const store = await openStoreAt(t, (await redisServer(t)).url);
  assert.match(store.notes.join(), /saves nothing to disk: all it holds ends with it/);
  const durable = await openStoreAt(t, (await redisServer(t, { args: ["--appendonly", "yes"] })).url);
  assert.deepEqual(durable.notes, []);
});

test("each opening has a generation of its own, above the one before, and prefixes are apart", async (t) => {
  const redis = await redisServer(t);
  const first = await openStoreAt(t, redis.url);
  const second = await openStoreAt(t, redis.url);
  assert.equal(second.generation, first.generation + 1);
  assert.deepEqual(second.secretKey, first.secretKey);
  const other = await openStoreAt(t, `${redis.url}/0?prefix=other`);
  assert.notDeepEqual(other.secretKey, first.secretKey);
  first.append([eligible, match]);
  await first.flush();
  assert.deepEqual(await countsOf(second), [1, 1, 0]);
  assert.deepEqual(await countsOf(other), [0, 0, 0]);
});

test("a Redis that was restarted while no Crossfade looked may have lost something: a gap, once", async (t) => {
  const redis = await redisServer(t, { args: ["--appendonly", "yes"] });
  const first = await openStoreAt(t, redis.url);
  first.append([eligible, match]);
  await first.close();
  await redis.kill();
  await redis.start();
  const second = await openStoreAt(t, redis.url, { routes: ["users", "orders"] });
  assert.match(
    second.notes.join(),
    /was restarted or failed over .* a gap is recorded for 2 routes; reconcile closes it/,
  );
  const { items } = await second.gaps({ limit: 10 });
  assert.deepEqual(items.map(({ route }) => route).sort(), ["orders", "users"]);
  await second.close();
  const third = await openStoreAt(t, redis.url);
  assert.deepEqual(third.notes, []);
  assert.equal((await third.gaps({ limit: 10 })).items.length, 2);
});

test("over TLS: the server's certificate is checked, and ours is shown where it asks for one", async (t) => {
  const authority = makeAuthority(t);
  const [own, ours] = [authority.issue(["127.0.0.1", "localhost"]), authority.issue(["crossfade"])];
  const tls = { ca: authority.ca, cert: ours.cert, key: ours.key };
  const port = await freePort();
  const redis = await redisServer(t, {
    args: [
      "--port",
      "0",
      "--tls-port",
      String(port),
      "--tls-cert-file",
      own.certFile,
      "--tls-key-file",
      own.keyFile,
      "--tls-ca-cert-file",
      authority.caFile,
    ],
    client: { tls, port },
  });
  void redis;
  const url = `rediss://127.0.0.1:${port}`;
  const settings = { ca: authority.ca, client: { cert: ours.cert, key: ours.key }, serverName: null, verify: true };
  const store = await openStoreAt(t, url, { redis: redisSettings(url, { tls: settings }) });
  store.append([eligible, match]);
  await store.flush();
  assert.deepEqual(await countsOf(store), [1, 1, 0]);
  const quick = { patienceMs: 500 };
  const stranger = redisSettings(url, { tls: { ...settings, ca: makeAuthority(t).ca } });
  await assert.rejects(openStoreAt(t, url, { redis: stranger, ...quick }), refusedWith(/TLS failed: look at ca/));
  const nameless = redisSettings(url, { tls: { ...settings, client: null } });
  await assert.rejects(openStoreAt(t, url, { redis: nameless, ...quick }), refusedWith(/^store rediss:/));
});

test("what Redis says becomes words, wherever in an error it stands", () => {
  const words = (said: string): string => asFailure(new Error(said), "redis://h/0").error.message;
  const inScript = "script: 0123456789012345678901234567890123456789, on @user_script:12.";
  assert.match(
    words(`OOM command not allowed when used memory > 'maxmemory'. ${inScript}`),
    /it is full.*'maxmemory'\.\)$/,
  );
  assert.match(
    words(`ERR Error running script (call to f_0): @user_script:5: -READONLY You can't write`),
    /a replica and takes/,
  );
  assert.match(words("MISCONF Redis is configured to save RDB snapshots"), /cannot save to its disk/);
  assert.match(words("BUSY Redis is busy running a script."), /keeps it busy/);
  assert.match(words("NOREPLICAS Not enough good replicas to write."), /too few of its replicas/);
  assert.match(words("CLUSTERDOWN Hash slot not served"), /no master for some of its slots/);
  assert.match(words("WRONGTYPE Operation against a key"), /another program's: choose one with \?prefix=NAME/);
  assert.equal(asFailure(new Error("Reached the max retries per request limit"), "h").done, "unknown");
  assert.equal(asFailure(new Error("LOADING Redis is loading the dataset in memory"), "h").done, "no");
});
