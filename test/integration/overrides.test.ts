/** The kill switch and overrides of a route, through API and CLI, with real services behind the proxy. */
import assert from "node:assert/strict";
import { writeFileSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { request } from "undici";
import { loadSettings } from "../../proxy/config/load.ts";
import type { Crossfade } from "../../proxy/crossfade.ts";
import { startCrossfade } from "../../proxy/main.ts";
import { runCli } from "../support/cli.ts";
import { startBench, type Bench, type RouteJson } from "../support/crossfade.ts";
import { until } from "../support/until.ts";

const ROUTES = `
routes:
  - { name: users, match: { path: "/users/**" } }
  - { name: rest, match: { path: "/**" } }
`;

interface Gap {
  readonly route: string;
  readonly to: string | null;
  readonly why: string;
}

async function ask(crossfade: Crossfade, method: "PATCH" | "POST" | "GET", path: string, body?: unknown) {
  const answer = await request(crossfade.adminUrl + path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  return { status: answer.statusCode, body: (await answer.body.json()) as Record<string, unknown> };
}

async function gapsOf(crossfade: Crossfade): Promise<Gap[]> {
  const { body } = await ask(crossfade, "GET", "/api/v1/gaps");
  return (body["items"] as Gap[]).map(({ route, to, why }) => ({ route, to, why }));
}

async function again(bench: Bench, t: { after(work: () => Promise<void>): void }): Promise<Crossfade> {
  await bench.crossfade.stop();
  const loaded = loadSettings({ file: bench.configFile, flags: {}, env: {} });
  assert.ok(loaded.ok);
  const crossfade = await startCrossfade({ settings: loaded.settings, logLevel: "silent" });
  t.after(async () => void (await crossfade.stop(200)));
  return crossfade;
}

const put = async (crossfade: Crossfade, path: string): Promise<void> => {
  const answer = await request(crossfade.proxyUrl + path, { method: "PUT", body: "{}" });
  assert.equal(answer.statusCode, 200);
  await answer.body.dump();
};

test("the kill switch keeps every write from the shadow, opens a gap per mirrored route, and survives a restart", async (t) => {
  const bench = await startBench(t, { routes: ROUTES, store: "sqlite" });
  await bench.send("PUT", "/users/1", {});
  await bench.settled(1);
  const off = await ask(bench.crossfade, "POST", "/api/v1/mirror", { enabled: false, reason: "next is on fire" });
  assert.deepEqual(off, { status: 200, body: { enabled: false, kept: true } });
  await bench.send("PUT", "/users/1", {});
  await bench.send("PUT", "/orders/1", {});
  assert.equal(bench.legacy.seen.length, 3);
  assert.equal(bench.next.seen.length, 1);
  const why = "mirroring of writes was switched off";
  assert.deepEqual(await gapsOf(bench.crossfade), [
    { route: "rest", to: null, why },
    { route: "users", to: null, why },
  ]);
  const status = await bench.status();
  assert.match(
    status.warnings[0] ?? "",
    /^mirroring is off for every route, pinned by loopback at .* \(next is on fire\)/,
  );

  const crossfade = await again(bench, t);
  await put(crossfade, "/users/1");
  assert.equal(bench.next.seen.length, 1);
  assert.equal((await gapsOf(crossfade)).filter(({ to }) => to === null).length, 2);
  await ask(crossfade, "POST", "/api/v1/mirror", { enabled: true });
  assert.equal((await gapsOf(crossfade)).filter(({ to }) => to === null).length, 0);
  await put(crossfade, "/users/1");
  await until(() => bench.next.seen.length >= 2);
  const audit = await ask(crossfade, "GET", "/api/v1/audit?limit=2");
  const told = audit.body["items"] as { by: string; what: string; subject: null; reason: string | null }[];
  assert.deepEqual(
    told.map(({ by, what, subject, reason }) => [by, what, subject, reason]),
    [
      ["loopback", "mirror on", null, null],
      ["loopback", "mirror off", null, "next is on fire"],
    ],
  );
});

test("an override of a route acts on its next exchange, outlives a changed file, and is taken back", async (t) => {
  const bench = await startBench(t, { routes: ROUTES, store: "memory" });
  const changed = await ask(bench.crossfade, "PATCH", "/api/v1/routes/users", { mirror: false, reads: "100%" });
  assert.equal(changed.status, 200);
  await bench.send("PUT", "/users/1", {});
  await bench.send("GET", "/users/1");
  await bench.send("PUT", "/orders/1", {});
  await bench.settled(2);
  assert.deepEqual(bench.next.seen.map(({ method, target }) => `${method} ${target}`).sort(), [
    "GET /users/1",
    "PUT /orders/1",
  ]);
  assert.deepEqual(
    (await gapsOf(bench.crossfade)).map(({ route }) => route),
    ["users"],
  );

  const text = readFileSync(bench.configFile, "utf8").replace("name: rest", "name: remainder");
  writeFileSync(bench.configFile, text);
  await bench.crossfade.reload();
  assert.deepEqual(
    (await bench.status()).routes.map(({ name }) => name),
    ["users", "remainder"],
  );
  await bench.send("PUT", "/users/2", {});
  await ask(bench.crossfade, "PATCH", "/api/v1/routes/users", { mirror: null });
  await bench.send("PUT", "/users/3", {});
  // The renamed route counts no more.
  await bench.settled(2);
  assert.deepEqual(
    bench.next.seen
      .filter(({ target }) => target.startsWith("/users/"))
      .map(({ target }) => target)
      .sort(),
    ["/users/1", "/users/3"],
  );
  assert.ok((await gapsOf(bench.crossfade)).every(({ to }) => to !== null));
  const route = (await bench.status()).routes.find(({ name }) => name === "users") as RouteJson & {
    overrides: unknown[];
  };
  assert.equal(route.overrides.length, 1);
});

test("a phase that mirrors nothing, an unknown route and nonsense are refused with the way out, and change nothing", async (t) => {
  const bench = await startBench(t, {
    routes: `${ROUTES.replace('"/**" }', '"/**" }, phase: legacy-only')}`,
    store: "memory",
  });
  const cases: readonly (readonly [path: string, body: unknown, status: number, detail: RegExp])[] = [
    ["/api/v1/routes/rest", { mirror: true }, 400, /rest is in phase legacy-only, which mirrors nothing; give it/],
    ["/api/v1/routes/usres", { mirror: false }, 404, /no route is named "usres"; did you mean users\?/],
    ["/api/v1/routes/users", {}, 400, /nothing is to change; send \{"mirror":false\}/],
    ["/api/v1/routes/users", { mirror: "off" }, 400, /mirror is "off", which is neither true nor false/],
    ["/api/v1/routes/users", { reads: "5" }, 400, /reads is "5", which is no share; write "5%"/],
    ["/api/v1/routes/users", { reads: 1.1 }, 400, /reads is 1.1, which is no share/],
    ["/api/v1/routes/users", { dial: "5%" }, 400, /reads of users cannot be dialled: nobody compares ETags/],
    [
      "/api/v1/routes/users",
      { dail: "5%" },
      400,
      /has no member "dail"; did you mean dial\?|it takes mirror, reads, dial/,
    ],
  ];
  for (const [path, body, status, detail] of cases) {
    const answer = await ask(bench.crossfade, "PATCH", path, body);
    assert.equal(answer.status, status);
    assert.match(String(answer.body["detail"]), detail);
  }
  assert.deepEqual((await ask(bench.crossfade, "GET", "/api/v1/audit")).body["items"], []);
  await bench.send("PUT", "/users/1", {});
  await bench.settled(1);
  assert.equal(bench.next.seen.length, 1);
});

test("writes to a service whose effects nobody declared cannot be switched on while it runs", async (t) => {
  const bench = await startBench(t, {
    routes: `
  elsewhere: { url: "http://192.0.2.1:9" }
routes:
  - { name: users, match: { path: "/users/**" }, next: elsewhere, mirror: { writes: false } }
  - { name: rest, match: { path: "/**" } }
`,
    store: "memory",
  });
  const answer = await ask(bench.crossfade, "PATCH", "/api/v1/routes/users", { mirror: true });
  assert.equal(answer.status, 400);
  assert.match(
    String(answer.body["detail"]),
    /the effects of elsewhere at http:\/\/192\.0\.2\.1:9, outside loopback, are not declared/,
  );
});

test("crossfade mirror does the same from a terminal", async (t) => {
  const tagged =
    '  - { name: tagged, match: { path: "/tagged/**" }, compare: { headers: [content-type, location, etag] } }\n';
  const bench = await startBench(t, {
    routes: ROUTES.replace("  - { name: rest", `${tagged}  - { name: rest`),
    store: "memory",
  });
  const run = (...args: string[]) => runCli(["mirror", ...args, "--admin", bench.crossfade.adminUrl]);
  const off = await run("off");
  assert.deepEqual(
    [off.code, off.stdout.trim()],
    [0, "mirroring is off for every route; shadows miss what is written from now on: crossfade mirror on"],
  );
  assert.equal((await run("on")).code, 0);
  const users = await run("on", "--route", "users", "--reads", "5%", "--reason", "to see");
  assert.equal(users.stdout.trim(), "users: writes are mirrored (pinned), 5% of reads (pinned)");
  const back = await run("unpin", "--route", "users");
  assert.equal(back.stdout.trim(), "users: writes are mirrored (as the file says), 0% of reads (as the file says)");
  const dialled = await run("on", "--route", "tagged", "--dial", "12.5%");
  assert.equal(
    dialled.stdout.trim(),
    "tagged: writes are mirrored (pinned), 0% of reads (as the file says); next answers 12.5% of reads (pinned)",
  );
  const refused = await run("on", "--route", "users", "--dial", "5%");
  assert.deepEqual([refused.code, /cannot be dialled: nobody compares ETags/.test(refused.stderr)], [2, true]);
  assert.equal((await run("off", "--route", "nobody")).code, 1);
  assert.equal((await run("sideways")).code, 2);
  for (const flag of ["--reads", "--dial"]) {
    const nowhere = await run("on", flag, "5%");
    assert.deepEqual(
      [nowhere.code, nowhere.stderr],
      [2, `crossfade: ${flag} is about one route; name it with --route\n`],
    );
  }
});
