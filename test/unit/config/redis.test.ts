import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRedisUrl } from "../../../proxy/config/redis-address.ts";
import { reloadProblems } from "../../../proxy/config/reload-rules.ts";
import { spellStore } from "../../../proxy/store-address.ts";
import { makeAuthority } from "../../support/certificates.ts";
import { errorsOf, settingsOf } from "../../support/config-file.ts";

const SERVICES = 'services: { legacy: { url: "http://127.0.0.1:1" }, next: { url: "http://127.0.0.1:2" } }\n';

test("what a Redis URL says: where, as whom, which database, under which prefix", () => {
  const said = (url: string): unknown => {
    const parsed = parseRedisUrl(url);
    return parsed.ok ? parsed.value : parsed.error;
  };
  const plain = {
    kind: "redis",
    topology: "single",
    secure: false,
    master: null,
    username: null,
    password: null,
    db: 0,
    prefix: "crossfade",
    tls: {},
  };
  const node = (host: string, port: number) => ({ host, port });
  assert.deepEqual(said("redis://h"), { ...plain, nodes: [node("h", 6379)] });
  assert.deepEqual(said("rediss://:p%40ss@[::1]:7000/3?prefix=a:b&ca=/ca.pem"), {
    ...plain,
    secure: true,
    nodes: [node("::1", 7000)],
    password: "p@ss",
    db: 3,
    prefix: "a:b",
    tls: { ca: "/ca.pem" },
  });
  assert.deepEqual(said("redis+sentinel://ann:x@a,b:27000/mymaster/1"), {
    ...plain,
    topology: "sentinel",
    nodes: [node("a", 26379), node("b", 27000)],
    master: "mymaster",
    username: "ann",
    password: "x",
    db: 1,
  });
  assert.deepEqual(said("redis+cluster://10.0.0.1:7001,10.0.0.2:7002"), {
    ...plain,
    topology: "cluster",
    nodes: [node("10.0.0.1", 7001), node("10.0.0.2", 7002)],
  });
});

const WRONG: readonly (readonly [url: string, error: RegExp])[] = [
  ["redis://", /^is "redis:\/\/", which names no host; write redis:\/\/127\.0\.0\.1:6379\/0$/],
  ["redis+ring://h", /whose \+ring is neither \+sentinel nor \+cluster/],
  ["redis://a,b", /names several hosts; write redis\+sentinel:\/\/ or redis\+cluster:\/\//],
  ["redis://h:99999", /whose node is "h:99999", whose port is none of 0 to 65535/],
  ["redis://u:se/cret@h", /^is "redis:\/\/\*\*\*@h", which cannot be read .* percent-encode @ \/ \? #/],
  ["redis://u:se%zzcret@h", /^is "redis:\/\/\*\*\*@h", whose user or password is not percent-encoded/],
  ["redis+sentinel://h", /does not name the master that the sentinels watch/],
  ["redis+cluster://h/2", /a cluster has database 0 alone/],
  ["redis://h/0/1", /too many parts/],
  ["redis://h?prefx=a", /whose option prefx is not known; did you mean prefix\?/],
  ["redis://h?prefix=a{b}", /whose option prefix is "a\{b\}"; a prefix holds 1 to 64 letters/],
  ["redis://h?ca=x.pem", /names certificates and is not encrypted; write rediss:\/\//],
];
for (const [url, error] of WRONG) {
  test(`a Redis URL that cannot be meant: ${url}`, () => {
    const parsed = parseRedisUrl(url);
    assert.ok(!parsed.ok);
    assert.match(parsed.error, error);
    assert.doesNotMatch(parsed.error, /cret/);
  });
}

test("secrets and certificates stand beside the URL, and from the environment", (t) => {
  const authority = makeAuthority(t);
  const pair = authority.issue(["redis.internal"]);
  const { settings } = settingsOf(
    t,
    `${SERVICES}store:
  url: rediss://127.0.0.1:7000/1
  username: ann
  password: "\${REDIS_PASSWORD}"
  prefix: shop
  tls: { ca: ${authority.caFile}, cert: ${pair.certFile}, key: ${pair.keyFile}, serverName: redis.internal }
`,
    { env: { REDIS_PASSWORD: "12345" } },
  );
  assert.deepEqual(settings.store, {
    kind: "redis",
    topology: "single",
    nodes: [{ host: "127.0.0.1", port: 7000 }],
    master: null,
    username: "ann",
    password: "12345",
    sentinelLogin: { username: null, password: null },
    db: 1,
    prefix: "shop",
    tls: {
      ca: authority.ca,
      client: { cert: pair.cert, key: pair.key },
      serverName: "redis.internal",
      verify: true,
    },
  });
  assert.equal(spellStore(settings.store), "rediss://127.0.0.1:7000/1?prefix=shop");
});

test("what is wrong beside the URL is told with its place", (t) => {
  const errors = (store: string): string[] =>
    errorsOf(t, `${SERVICES}store: ${store}\n`).map((error) => error.replace("crossfade.yaml", ""));
  assert.deepEqual(errors("{ url: redis://h, pasword: x }"), [
    ":2:26 store.pasword is not a setting; did you mean password?",
  ]);
  assert.deepEqual(errors("{ url: sqlite:x.db }"), [
    ':2:15 store.url is "sqlite:x.db", which is no Redis URL; write redis://127.0.0.1:6379/0',
  ]);
  assert.deepEqual(errors("{ url: redis://h, tls: { serverName: h } }"), [
    ":2:31 store.tls is for rediss:// and url is not encrypted; write rediss:// or take tls out",
  ]);
  assert.deepEqual(errors("{ password: x }"), [":2:8 store.url is missing"]);
  assert.match(errors("5")[0] ?? "", /store is 5, which names no kind of store/);
});

test("another user or password takes effect at a restart, and is not shown", (t) => {
  const at = (url: string) => settingsOf(t, `${SERVICES}store: "${url}"\n`).settings;
  const running = at("redis://:secret1@h");
  assert.deepEqual(reloadProblems(running, at("redis://:secret1@h")), []);
  for (const [url, words] of [
    ["redis://:secret2@h", /^has another user or password, which takes effect at a restart only/],
    ["redis://:secret2@h/1", /^is redis:\/\/h:6379\/1\?prefix=crossfade and was redis:\/\/h:6379\/0\?prefix=crossfade/],
  ] as const) {
    const [problem, ...more] = reloadProblems(running, at(url));
    assert.deepEqual([problem?.path, more], [["store"], []]);
    assert.match(problem?.predicate ?? "", words);
    assert.doesNotMatch(problem?.predicate ?? "", /secret/);
  }
});
