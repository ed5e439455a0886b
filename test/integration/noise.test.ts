/** Safe reads that the primary is asked twice: what is learnt of them, which are not asked, and that no client notices. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { request } from "undici";
import { loadSettings } from "../../proxy/config/load.ts";
import { startCrossfade } from "../../proxy/main.ts";
import type { PlaceRecord } from "../../proxy/evidence/places.ts";
import { runCli } from "../support/cli.ts";
import { type Bench, startBench, sumOf } from "../support/crossfade.ts";
import { type Answer, json, type SeenRequest } from "../support/service.ts";
import { until } from "../support/until.ts";

const ROUTES = `routes:
  - name: orders
    match: { path: "/orders/**" }
    compare: { noise: { reads: 100% } }
`;

interface RouteNoise {
  readonly askedTwice: number;
  readonly notAskedTwice: Readonly<Record<string, number>>;
  readonly counted: number;
  readonly notCounted: Readonly<Record<string, number>>;
}

async function noiseOf({ api }: Pick<Bench, "api">, route = "orders"): Promise<RouteNoise> {
  return (await api<{ noise: RouteNoise }>(`/api/v1/routes/${route}`)).noise;
}

async function placesOf({ api }: Pick<Bench, "api">): Promise<ReadonlyMap<string, PlaceRecord>> {
  const { items } = await api<{ items: PlaceRecord[] }>("/api/v1/places?limit=1000");
  return new Map(items.map((place) => [`${place.method} ${place.path} ${place.at}`, place]));
}

function isSecond(seen: SeenRequest): boolean {
  return seen.header("x-crossfade-shadow") !== null;
}

/** Answers the client's reads with `first` and Crossfade's own with `second`. */
function answering(first: Answer, second: Answer): Answer {
  return (seen, response) => (isSecond(seen) ? second : first)(seen, response);
}

async function chosen(bench: Bench): Promise<number> {
  const { askedTwice, notAskedTwice } = await noiseOf(bench);
  return askedTwice + Object.values(notAskedTwice).reduce((sum, count) => sum + count, 0);
}

/** Resolves when it is known what came of the second read. */
async function readTwice(bench: Bench, path: string): Promise<void> {
  const before = await chosen(bench);
  assert.equal((await bench.send("GET", path)).status, 200);
  await until(async () => (await chosen(bench)) > before);
}

/** A field that is random, one that is a clock, and some that say what is stored. */
const changing: Answer = (seen, response) => {
  const id = seen.target.split("/").at(-1);
  const clock = new Date(Date.now() + Math.random() * 1e6).toISOString();
  const items = [{ sku: "a", load: Math.random() }];
  json(200, { id, nonce: randomUUID(), seen: clock, items, total: 7 })(seen, response);
};

test("places where the primary disagrees with itself are known after it was asked twice", async (t) => {
  const bench = await startBench(t, { routes: ROUTES, legacy: changing });
  for (let n = 1; n <= 12; n += 1) await readTwice(bench, `/orders/${n}`);
  const places = await placesOf(bench);
  const differed = (at: string): readonly unknown[] => {
    const place = places.get(`GET /orders/* ${at}`);
    return [place?.askedTwice, place?.differedWithItself];
  };
  for (const at of ["/nonce", "/seen", "/items/*/load"]) assert.deepEqual(differed(at), [12, 12], at);
  for (const at of ["/total", "/id", "/items/*/sku", "status", "header:content-type"])
    assert.deepEqual(differed(at), [12, 0], at);
});

test("the second read is the first once more, under our mark, and no exchange of any kind", async (t) => {
  const bench = await startBench(t, { routes: ROUTES });
  await bench.send("GET", "/orders/7?full=1", undefined, { "x-tenant": "acme", authorization: "Bearer abc" });
  await until(async () => (await noiseOf(bench)).askedTwice === 1);
  const [first, second] = bench.legacy.seen as [SeenRequest, SeenRequest];
  assert.equal(bench.legacy.seen.length, 2);
  const withoutMark = second.headers.filter((_, i) => !second.headers[i - (i % 2)]?.startsWith("x-crossfade-"));
  assert.deepEqual(
    [second.method, second.target, withoutMark.map(String).sort()],
    [first.method, first.target, [...first.headers].sort()],
  );
  assert.match(second.header("x-crossfade-shadow") ?? "", /^v1\./);
  const { routes } = await bench.status();
  assert.deepEqual([routes[0]?.eligible, sumOf(routes[0] as (typeof routes)[number])], [0, 0]);
  assert.equal(bench.next.seen.length, 0);
  const metrics = await (await request(`${bench.crossfade.adminUrl}/metrics`)).body.text();
  assert.match(metrics, /crossfade_noise_second_reads_total\{[^}]*result="compared"[^}]*\} 1/);
});

test("a primary that hangs on second reads holds up nobody, has few of them at once, and is then let be", async (t) => {
  const open = new Set<object>();
  let most = 0;
  const bench = await startBench(t, {
    routes: ROUTES,
    // With one connection for clients: a second read on it would be in the way of all of them.
    legacyService: "asPrimary: { timeout: 1s, connections: 1 }",
    legacy: answering(json(200, { ok: true }), (_seen, response) => {
      open.add(response);
      most = Math.max(most, open.size);
      response.on("close", () => open.delete(response));
    }),
  });
  for (let n = 0; n < 50; n += 1) assert.equal((await bench.send("GET", `/orders/${n}`)).status, 200);
  assert.equal(most, 2);
  await until(async () => ((await noiseOf(bench)).notAskedTwice["no-second-answer"] ?? 0) === 2);
  const asked = bench.legacy.seen.filter(isSecond).length;
  for (let n = 0; n < 20; n += 1) assert.equal((await bench.send("GET", `/orders/${n}`)).status, 200);
  assert.equal(bench.legacy.seen.filter(isSecond).length, asked);
  const { askedTwice, notAskedTwice } = await noiseOf(bench);
  assert.equal(askedTwice, 0);
  assert.equal(
    Object.values(notAskedTwice).reduce((sum, count) => sum + count, 0),
    70,
  );
});

for (const [what, second] of [
  ["503", json(503, {})],
  ["429", json(429, {})],
  ["a reset", (_seen, response) => void response.destroy()],
] as readonly [string, Answer][]) {
  test(`after ${what} to a second read no other is sent`, async (t) => {
    const bench = await startBench(t, { routes: ROUTES, legacy: answering(json(200, {}), second) });
    await bench.send("GET", "/orders/1");
    await until(async () => Object.keys((await noiseOf(bench)).notAskedTwice).length === 1);
    for (let n = 0; n < 10; n += 1) await bench.send("GET", "/orders/1");
    assert.equal(bench.legacy.seen.filter(isSecond).length, 1);
    await until(async () => ((await noiseOf(bench)).notAskedTwice["primary-unwell"] ?? 0) >= 10);
  });
}

test("a primary that fails its clients is not asked twice, whatever route they came by", async (t) => {
  const bench = await startBench(t, {
    routes: `${ROUTES}  - name: rest\n    match: { path: "/**" }\n`,
    legacy: (seen, response) => json(seen.target === "/broken" ? 500 : 200, {})(seen, response),
  });
  await bench.send("GET", "/broken");
  for (let n = 0; n < 5; n += 1) await bench.send("GET", "/orders/1");
  assert.deepEqual(await noiseOf(bench), {
    askedTwice: 0,
    notAskedTwice: { "primary-unwell": 5 },
    counted: 0,
    notCounted: {},
    placesLeftOut: 0,
  });
  assert.equal(bench.legacy.seen.filter(isSecond).length, 0);
});

test("a primary whose answer breaks off is not asked twice", async (t) => {
  const bench = await startBench(t, {
    routes: ROUTES,
    legacy: (seen, response) => {
      if (seen.target !== "/orders/broken") return json(200, {})(seen, response);
      response.writeHead(200, { "content-length": "100" });
      response.write("half of it", () => response.destroy());
    },
  });
  await assert.rejects(bench.send("GET", "/orders/broken"));
  await bench.send("GET", "/orders/1");
  assert.deepEqual((await noiseOf(bench)).notAskedTwice, { "primary-unwell": 1 });
});

test("what is no plain read of the whole is never asked twice", async (t) => {
  const bench = await startBench(t, {
    routes: `${ROUTES}  - name: jobs\n    match: { path: "/jobs/**" }\n    treatAs: write\n    compare: { noise: { reads: 100% } }\n`,
    legacy: (seen, response) => {
      if (seen.target.includes("partial")) json(206, {})(seen, response);
      else if (seen.target.includes("large")) json(200, { text: "x".repeat(300_000) })(seen, response);
      else if (seen.target.includes("session")) json(200, {}, { "set-cookie": "s=1" })(seen, response);
      else if (seen.target.includes("missing")) json(404, {})(seen, response);
      else json(200, { ok: true })(seen, response);
    },
  });
  const plain = (headers: Record<string, string>) => bench.send("GET", "/orders/1", undefined, headers);
  await plain({ range: "bytes=0-1" });
  await plain({ "if-none-match": '"a"' });
  await plain({ "if-modified-since": "Sun, 22 Nov 2026 12:00:00 GMT" });
  await plain({ "x-crossfade-shadow": "v1.x.y" });
  await plain({ "x-http-method-override": "DELETE" });
  await plain({ "idempotency-key": "k1" });
  await bench.send("GET", "/orders/1?_method=DELETE");
  await bench.send("GET", "/orders/1", { query: 1 });
  await bench.send("HEAD", "/orders/1");
  await bench.send("OPTIONS", "/orders/1");
  await bench.send("DELETE", "/orders/1");
  await bench.send("GET", "/jobs/run");
  assert.deepEqual((await noiseOf(bench)).notAskedTwice, {});
  const paths = ["/orders/partial", "/orders/large", "/orders/missing", "/orders/session"];
  for (const path of paths) await bench.send("GET", path);
  await until(async () => (await chosen(bench)) === 4);
  assert.deepEqual((await noiseOf(bench)).notAskedTwice, { "not-comparable": 3, "too-large": 1 });
  assert.equal(bench.legacy.seen.filter(isSecond).length, 0);
});

test("a read that a write crossed teaches nothing", async (t) => {
  let write: (() => Promise<unknown>) | null = null;
  let version = 1;
  const bench = await startBench(t, {
    routes: ROUTES,
    legacy: answering(
      (seen, response) => {
        if (seen.method === "PUT") version += 1;
        json(200, { version })(seen, response);
      },
      (seen, response) => {
        void (write?.() ?? Promise.resolve()).then(() => json(200, { version })(seen, response));
      },
    ),
  });
  write = () => bench.send("PUT", "/orders/1", { version: 2 });
  await bench.send("GET", "/orders/1");
  await until(async () => (await noiseOf(bench)).notAskedTwice["written-meanwhile"] === 1);
  write = null;
  await bench.send("GET", "/orders/1");
  await until(async () => (await noiseOf(bench)).askedTwice === 1);
  assert.equal((await placesOf(bench)).get("GET /orders/* /version")?.differedWithItself, 0);
});

test("off by default: nobody is asked twice and no place is counted", async (t) => {
  const bench = await startBench(t, {
    routes: `routes:\n  - name: orders\n    match: { path: "/orders/**" }\n    mirror: { reads: 100% }\n`,
  });
  for (let n = 0; n < 5; n += 1) await bench.send("GET", `/orders/${n}`);
  await bench.settled(5);
  assert.equal(bench.legacy.seen.length, 5);
  assert.deepEqual([...(await placesOf(bench))], []);
});

const STORED = "Ms Planted Value";

test("counts outlive the process, and hold no value and no key", async (t) => {
  const answer: Answer = (seen, response) => {
    const id = seen.target.split("/").at(-1) ?? "";
    json(200, { id, owner: STORED, byUser: { [id]: { seen: 1 } }, password: "hunter2-hunter2" })(seen, response);
  };
  const bench = await startBench(t, {
    routes: `routes:
  - name: orders
    match: { path: "/orders/**" }
    mirror: { reads: 100% }
    compare: { noise: { reads: 100%, compared: 100% } }
`,
    legacy: answer,
    next: answer,
    store: "sqlite",
    // What is kept whole is evidence, and holds what is not redacted.
    limits: "limits: { pairs: 0B }",
  });
  await bench.send("GET", "/orders/ann-of-the-hill");
  await bench.send("PUT", "/orders/ann-of-the-hill", { a: 1 });
  await bench.settled(2);
  await until(async () => (await noiseOf(bench)).askedTwice === 1 && (await noiseOf(bench)).counted === 2);
  const before = await placesOf(bench);
  const password = before.get("PUT /orders/* /password");
  assert.deepEqual([password?.classes, password?.compared], [[{ class: "secret", count: 1 }], 1]);
  assert.equal(before.get("PUT /orders/* /byUser/*/seen")?.compared, 1);
  await bench.crossfade.stop();
  for (const entry of readdirSync(bench.folder, { recursive: true, withFileTypes: true })) {
    const name = join(entry.parentPath, entry.name);
    if (!entry.isFile() || !name.includes("crossfade.db")) continue;
    const bytes = readFileSync(name);
    for (const value of [STORED, "ann-of-the-hill", "hunter2"])
      assert.ok(!bytes.includes(value), `${value} is in ${name}`);
  }

  const loaded = loadSettings({ file: bench.configFile, flags: {}, env: process.env });
  assert.ok(loaded.ok);
  const again = await startCrossfade({ settings: loaded.settings, logLevel: "silent" });
  t.after(() => again.stop());
  const api = async <T>(path: string): Promise<T> => (await (await request(again.adminUrl + path)).body.json()) as T;
  assert.deepEqual(await placesOf({ api }), before);
  const purged = await runCli(["divergences", "purge", "--key", "orders/ann-of-the-hill", "--admin", again.adminUrl], {
    cwd: bench.folder,
  });
  assert.equal(purged.code, 0, purged.stderr);
  assert.deepEqual(await placesOf({ api }), before);
});

test("suggest leaves out what the primary makes anew, and never what differs in few", async (t) => {
  const COUNT = 30;
  const service = (side: "legacy" | "next"): Answer => {
    return (seen, response) => {
      const n = Number(seen.target.split("/").at(-1));
      const owner = side === "next" && n % 10 === 3 ? `user-${n}x` : `user-${n}`;
      json(200, { n, load: Math.random(), owner, limit: side === "next" && n === 4 ? 3 : 2 })(seen, response);
    };
  };
  const bench = await startBench(t, {
    routes: `routes:
  - name: orders
    match: { path: "/orders/**" }
    mirror: { reads: 100% }
    compare: { noise: { reads: 100%, compared: 100% } }
`,
    legacy: service("legacy"),
    next: service("next"),
  });
  for (let n = 0; n < COUNT; n += 1) await readTwice(bench, `/orders/${n}`);
  await bench.settled(COUNT);
  await until(async () => (await noiseOf(bench)).counted === COUNT);
  const { stdout, stderr, code } = await runCli(["suggest", "--admin", bench.crossfade.adminUrl], {
    cwd: bench.folder,
  });
  assert.deepEqual([code, stderr], [0, ""]);
  const pasted = /^ {4}compare:\n(?: {4}.*\n)+/m.exec(stdout)?.[0] ?? "";
  assert.match(pasted, /- \{ at: \/load, because: "asked the same twice, the primary answers differently" \}/);
  assert.ok(!/owner|limit/.test(pasted), pasted);
  assert.match(stdout, /primary asked twice: differed with itself in \d\d of \d\d\n.*counted: differs in 30 of 30/);
  assert.match(stdout, /\/owner value, 3 exchanges: .*\n +primary asked twice: differed with itself in 0 of/);
  const [group] = (await bench.api<{ items: { id: string }[] }>("/api/v1/groups")).items;
  const shown = await runCli(["divergences", "show", group?.id as string, "--admin", bench.crossfade.adminUrl], {
    cwd: bench.folder,
  });
  assert.match(shown.stdout.replaceAll("\n", " "), /the primary differs with itself at \/load in \d+ of \d+ reads/);
});

test("the client has its answer while the second one is still awaited", async (t) => {
  const gate = Promise.withResolvers<void>();
  const bench = await startBench(t, {
    routes: ROUTES,
    legacy: answering(json(200, { ok: true }), (seen, response) => {
      void gate.promise.then(() => json(200, { ok: true })(seen, response));
    }),
  });
  assert.equal((await bench.send("GET", "/orders/1")).status, 200);
  await bench.legacy.sawAtLeast(2);
  assert.equal((await noiseOf(bench)).askedTwice, 0);
  gate.resolve();
  await until(async () => (await noiseOf(bench)).askedTwice === 1);
});
