import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { afterEach, test } from "node:test";
import { z } from "zod";
import { ACTIONS } from "../../proxy/admin/actions.ts";
import { ENDPOINTS } from "../../proxy/admin/endpoints.ts";
import type { AdminParts } from "../../proxy/admin/parts.ts";
import { SCHEMAS } from "../../proxy/admin/schemas.ts";
import { createAdmin } from "../../proxy/admin/server.ts";
import type { StatusView } from "../../proxy/admin/status-view.ts";
import { CrossfadeError } from "../../proxy/errors.ts";
import type { Store } from "../../proxy/ports.ts";
import type { StoredPair } from "../../proxy/evidence/stored-pair.ts";
import {
  type SampleParts,
  sampleAdminParts,
  sampleDivergence,
  sampleGroup,
  sampleSettings,
  sampleStatusInput,
} from "../support/admin-parts.ts";
import { fixedStore } from "../support/fixed-store.ts";
import { makePair } from "../support/pairs.ts";

const TOKENS = [{ name: "ops", role: "read" as const, token: "s3cret" }];
const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

interface Running {
  readonly parts: SampleParts;
  readonly port: number;
  get(path: string, init?: RequestInit): Promise<Response>;
}

async function start(
  store: Store = evidence(),
  over: Partial<AdminParts> = {},
  change?: (parts: SampleParts) => void,
): Promise<Running> {
  const parts = sampleAdminParts(store, over);
  change?.(parts);
  const admin = await createAdmin(parts);
  open.push(admin);
  const { port } = admin.address;
  return { parts, port, get: (path, init) => fetch(`http://127.0.0.1:${port}${path}`, init) };
}

const RECORD = sampleDivergence({ group: "b1946ac9" });

function evidence(): ReturnType<typeof fixedStore> {
  return fixedStore({
    divergences: [RECORD, sampleDivergence(), sampleDivergence()],
    groups: [sampleGroup()],
    repairs: [
      {
        route: "users",
        key: "users/42",
        reason: "dropped",
        exchangeId: "01J",
        since: RECORD.time,
        times: 2,
        revision: 2,
        notBefore: null,
        state: "parked",
        attempts: 5,
        nextTry: RECORD.time,
        lastError: "the shadow answered 422 to PUT",
        evidence: {
          at: RECORD.time,
          path: "/users/42",
          wrote: "PUT",
          answered: 422,
          primary: 200,
          shadow: 404,
          differences: [{ at: "", kind: "status" }],
        },
        misses: "next",
      },
    ],
    gaps: [{ id: "01G", route: "users", from: RECORD.time, to: null, why: "the store was away", misses: null }],
    audit: [
      { id: "01J", at: RECORD.time, by: "ops", action: "override", subject: null, what: "mirror off", reason: null },
    ],
    pairs: [makePair(), makePair({ outcome: "match", build: "9f3c", rules: ["shapes /id as uuid"] }), LEFT_OUT],
  });
}

const LEFT_OUT: StoredPair = {
  ...makePair(),
  shadow: {
    service: "next",
    status: 200,
    headers: [],
    body: { leftOut: "binary", bytes: 3, digest: "00" },
    redacted: ["body"],
  },
};

/** One path that answers 200 for each path of the API's table. */
const SAMPLES: Readonly<Record<string, string>> = {
  "/api/v1/routes/{name}": "/api/v1/routes/users",
  "/api/v1/routes/{name}/gate": "/api/v1/routes/users/gate",
  "/api/v1/routes/{name}/retire": "/api/v1/routes/users/retire?quiet=10d",
  "/api/v1/routes/{name}/history": "/api/v1/routes/users/history",
  "/api/v1/divergences/{id}": `/api/v1/divergences/${RECORD.id}`,
  "/api/v1/groups/{id}": "/api/v1/groups/b1946ac9",
  "/api/v1/jobs/{id}": "/api/v1/jobs/01JOB",
};

/** Checks a value against one of the API's own schemas, references resolved. */
function checkShape(name: keyof typeof SCHEMAS, value: unknown): void {
  const document = { $ref: `#/$defs/${name}`, $defs: SCHEMAS };
  const text = JSON.stringify(document).replaceAll("#/components/schemas/", "#/$defs/");
  const result = z.fromJSONSchema(JSON.parse(text)).safeParse(value);
  assert.ok(result.success, `${name}: ${result.success ? "" : z.prettifyError(result.error)}`);
}

test("every endpoint answers in the shape that the OpenAPI document gives it", async () => {
  const { get, parts } = await start();
  for (const { path, answers } of ENDPOINTS) {
    const answer = await get(SAMPLES[path] ?? path);
    assert.equal(answer.status, 200, path);
    if ("type" in answers) {
      assert.equal(answer.headers.get("content-type"), answers.type);
      assert.equal(await answer.text(), await parts.metricsText());
      continue;
    }
    assert.equal(answer.headers.get("content-type"), "application/json; charset=utf-8", path);
    const body = await answer.json();
    if (answers.list !== true) {
      checkShape(answers.json, body);
      continue;
    }
    const page = body as { items: unknown[]; next: string | null };
    assert.deepEqual(Object.keys(page), ["items", "next"]);
    assert.ok(page.items.length > 0, path);
    for (const item of page.items) checkShape(answers.json, item);
  }
  assert.deepEqual(parts.errors, []);
});

test("the OpenAPI document lists what is answered, and nothing that is not", async () => {
  const { get } = await start();
  const document = (await (await get("/api/v1/openapi.json")).json()) as {
    openapi: string;
    paths: Record<string, { get?: { responses: Record<string, unknown> }; patch?: unknown }>;
  };
  assert.equal(document.openapi, "3.1.0");
  for (const path of Object.keys(document.paths)) {
    if (path === "/api/v1/events") continue;
    const answered: string[] = [];
    for (const method of ["GET", "PATCH", "POST"]) {
      const { status } = await get(SAMPLES[path] ?? path, { method });
      if (status !== 405) answered.push(method.toLowerCase());
      if (method === "GET") assert.ok(status === 200 || status === 405, path);
    }
    assert.deepEqual(Object.keys(document.paths[path] ?? {}), answered, path);
  }
  for (const { path } of [...ENDPOINTS, ...ACTIONS]) assert.ok(path in document.paths, path);
  const references = JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g);
  for (const [, name] of references) assert.ok((name as string) in SCHEMAS, name);
});

test("in status, outcomes and pending of each route sum to its eligible", async () => {
  const { get } = await start();
  const status = (await (await get("/api/v1/status")).json()) as StatusView;
  assert.equal(status.routes.length, 1);
  for (const route of status.routes) {
    const sum = Object.values(route.outcomes).reduce((total, count) => total + count, 0);
    assert.equal(sum + route.pending, route.eligible);
  }
});

test("readyz is 503 only when requests cannot be routed; everything else is a warning", async () => {
  const { get, parts } = await start();
  parts.input = sampleStatusInput({
    store: { kind: "sqlite", problem: "disk full", lostWrites: 9, pendingWrites: 0 },
  });
  const ready = await get("/readyz");
  assert.equal(ready.status, 200);
  assert.ok(((await ready.json()) as { warnings: string[] }).warnings.includes("store: disk full"));
  parts.input = sampleStatusInput({ notReady: "draining" });
  const draining = await get("/readyz");
  assert.equal(draining.status, 503);
  assert.equal(((await draining.json()) as { ready: boolean }).ready, false);
  assert.equal((await get("/healthz")).status, 200);
});

test("filters and pages reach the store as they were asked for", async () => {
  const store = evidence();
  const { get } = await start(store);
  const first = (await (
    await get(
      "/api/v1/divergences?route=users&kind=precision&at=%2Fbalance&outcome=divergent&since=2026-11-22T12:00:00Z&limit=2",
    )
  ).json()) as { items: { id: string }[]; next: string };
  assert.deepEqual(store.asked, [
    {
      route: "users",
      kind: "precision",
      at: "/balance",
      outcome: "divergent",
      since: Date.parse("2026-11-22T12:00:00Z"),
      limit: 2,
    },
  ]);
  assert.equal(first.items.length, 2);
  const second = (await (await get(`/api/v1/divergences?limit=2&cursor=${first.next}`)).json()) as {
    items: unknown[];
    next: null;
  };
  assert.equal(second.items.length, 1);
  assert.equal(second.next, null);
});

test("routes are paged too, and a route's name may hold any character", async () => {
  const { get, parts } = await start();
  const [route] = parts.settings.routes;
  const state = sampleStatusInput().routes[0];
  assert.ok(route !== undefined && state !== undefined);
  const name = "a/b ?#%é";
  parts.settings = { ...parts.settings, routes: [route, { ...route, name }] };
  parts.input = sampleStatusInput({ routes: [state, { ...state, name }] });
  const first = (await (await get("/api/v1/routes?limit=1")).json()) as { items: { name: string }[]; next: string };
  assert.equal(first.items[0]?.name, "users");
  const second = (await (await get(`/api/v1/routes?limit=1&cursor=${first.next}`)).json()) as typeof first;
  assert.equal(second.items[0]?.name, name);
  assert.equal(second.next, null);
  const one = (await (await get(`/api/v1/routes/${encodeURIComponent(name)}`)).json()) as { name: string };
  assert.equal(one.name, name);
});

test("errors are problem+json that name the parameter, its value and the bound", async () => {
  const { get } = await start();
  const cases: readonly (readonly [path: string, status: number, detail: RegExp])[] = [
    ["/api/v1/divergences?limit=5000", 400, /^limit is "5000", which is not a whole number from 1 to 1000$/],
    ["/api/v1/divergences?lmit=5", 400, /did you mean limit\?$/],
    ["/api/v1/status?x=1", 400, /takes none$/],
    ["/api/v1/groups?kind=value", 400, /there is no parameter "kind"/],
    ["/api/v1/routes?cursor=x", 400, /^cursor "x"/],
    ["/api/v1/routes/user", 404, /^no route is named "user"; did you mean users\?$/],
    ["/api/v1/divergences/nope", 404, /^no divergence has the id "nope"/],
    ["/api/v1/groups/nope", 404, /^no group has the id "nope"/],
    ["/api/v2/status", 404, /openapi\.json lists what there is$/],
    ["/%zz", 400, /not a valid url/],
  ];
  for (const [path, status, detail] of cases) {
    const answer = await get(path);
    assert.equal(answer.status, status, path);
    assert.match(answer.headers.get("content-type") ?? "", /^application\/problem\+json/);
    const problem = (await answer.json()) as { status: number; detail: string };
    assert.equal(problem.status, status);
    assert.match(problem.detail, detail);
    checkShape("Problem", problem);
  }
});

test("methods other than GET and HEAD are 405 with Allow, whatever their body", async () => {
  const { get } = await start();
  for (const path of ["/", "/healthz", "/api/v1/status", "/api/v1/divergences/x"]) {
    for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
      const body =
        method === "OPTIONS" ? {} : { body: "x".repeat(100_000), headers: { "content-type": "application/json" } };
      const answer = await get(path, { method, ...body });
      assert.equal(answer.status, 405, `${method} ${path}`);
      assert.equal(answer.headers.get("allow"), "GET, HEAD");
      assert.equal(answer.headers.get("access-control-allow-origin"), null);
      await answer.body?.cancel();
    }
    const head = await get(path, { method: "HEAD" });
    assert.ok(head.status === 200 || path.endsWith("/x"));
    assert.equal(await head.text(), "");
  }
});

test("a store that fails is 503 for its lists, and nothing else changes", async () => {
  const gone = (): Promise<never> =>
    Promise.reject(new CrossfadeError("store-unavailable", "the disk is gone", { source: "store" }));
  const { get, parts } = await start({ ...evidence(), divergences: gone, groups: gone, group: gone });
  const answer = await get("/api/v1/divergences");
  assert.equal(answer.status, 503);
  assert.equal(answer.headers.get("retry-after"), "1");
  assert.equal(((await answer.json()) as { detail: string }).detail, "the disk is gone");
  assert.equal((await get("/api/v1/status")).status, 200);
  assert.equal((await get("/")).status, 200);
  assert.deepEqual(parts.errors, []);
});

test("a mistake of our own is a bare 500, told to the log and not to the caller", async () => {
  const { get, parts } = await start({
    ...evidence(),
    divergences: () => Promise.reject(new TypeError("secret detail")),
  });
  const answer = await get("/api/v1/divergences");
  assert.equal(answer.status, 500);
  assert.doesNotMatch(await answer.text(), /secret/);
  assert.deepEqual(parts.errors, ["GET /api/v1/divergences: TypeError: secret detail"]);
  assert.equal((await get("/healthz")).status, 200);
});

test("a store that hangs uses up no more than the places there are, and then is 503 at once", async () => {
  let release = (): void => undefined;
  const held = new Promise<null>((resolve) => {
    release = () => resolve(null);
  });
  const { get } = await start({ ...evidence(), divergence: () => held });
  const waiting = Array.from({ length: 16 }, () => get("/api/v1/divergences/x"));
  let refused: Response;
  do refused = await get("/api/v1/gaps");
  while (refused.status === 200);
  assert.equal(refused.status, 503);
  assert.match(((await refused.json()) as { detail: string }).detail, /^16 queries are under way/);
  release();
  for (const answer of await Promise.all(waiting)) assert.equal(answer.status, 404);
  assert.equal((await get("/api/v1/gaps")).status, 200);
});

test("with tokens, only the probes and the empty dashboard answer without one, and they tell no details", async () => {
  const { get } = await start(evidence(), {}, (parts) => {
    parts.settings = sampleSettings({ admin: { ...parts.settings.admin, tokens: TOKENS } });
  });
  assert.equal((await get("/healthz")).status, 200);
  assert.deepEqual(await (await get("/readyz")).json(), { ready: true });
  for (const path of [
    "/metrics",
    "/api/v1/status",
    "/api/v1/events",
    "/api/v1/openapi.json",
    "/api/v1/divergences/x",
    "/nope",
  ]) {
    const answer = await get(path);
    assert.equal(answer.status, 401, path);
    assert.equal(answer.headers.get("www-authenticate"), 'Bearer realm="crossfade"');
    checkShape("Problem", await answer.json());
  }
  const wrong = await get("/api/v1/status", { headers: { authorization: "Bearer s3cre" } });
  assert.equal(wrong.status, 401);
  assert.match(wrong.headers.get("www-authenticate") ?? "", /error="invalid_token"/);
  const right = { headers: { authorization: "Bearer s3cret" } };
  assert.equal((await get("/api/v1/status", right)).status, 200);
  const ready = (await (await get("/readyz", right)).json()) as { warnings: string[] };
  assert.ok(ready.warnings.length > 0);
});

test("tokens of a reload count from then on, and taking them all away opens nothing to strangers", async () => {
  const { parts, get } = await start(evidence(), { listen: { host: "0.0.0.0", port: 0 } }, (made) => {
    made.settings = sampleSettings({ admin: { ...made.settings.admin, tokens: TOKENS } });
  });
  const asOps = { headers: { authorization: "Bearer s3cret" } };
  assert.equal((await get("/api/v1/status", asOps)).status, 200);
  parts.settings = sampleSettings({
    admin: { ...parts.settings.admin, tokens: [{ name: "new", role: "read", token: "fresh" }] },
  });
  assert.equal((await get("/api/v1/status", asOps)).status, 401);
  assert.equal((await get("/api/v1/status", { headers: { authorization: "Bearer fresh" } })).status, 200);
  parts.settings = sampleSettings({ admin: { ...parts.settings.admin, tokens: [] } });
  assert.equal((await get("/api/v1/status")).status, 401);
});

test("a listener that strangers reach is refused without a token", async () => {
  await assert.rejects(createAdmin(sampleAdminParts(evidence(), { listen: { host: "0.0.0.0", port: 0 } })), (error) => {
    assert.ok(error instanceof CrossfadeError);
    assert.equal(error.code, "config-invalid");
    assert.match(error.message, /0\.0\.0\.0.*add a token or listen on 127\.0\.0\.1/);
    return true;
  });
});

test("a taken port is one sentence that names it", async () => {
  const { port } = await start();
  await assert.rejects(createAdmin(sampleAdminParts(evidence(), { listen: { host: "127.0.0.1", port } })), (error) => {
    assert.ok(error instanceof CrossfadeError);
    assert.equal(error.code, "port-taken");
    assert.match(error.message, new RegExp(`port ${port} on 127.0.0.1 is taken`));
    return true;
  });
});

function statusWithHost(port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: "127.0.0.1", port, path: "/api/v1/status", headers: { host } }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode ?? 0));
    });
    request.on("error", reject);
    request.end();
  });
}

test("a loopback listener answers to no other name, so that no web page can rebind to it", async () => {
  const { port } = await start();
  for (const host of ["localhost", `localhost:${port}`, `127.0.0.1:${port}`, "[::1]"])
    assert.equal(await statusWithHost(port, host), 200, host);
  for (const host of ["evil.example", `evil.example:${port}`, "localhost.evil.example", "10.0.0.1"]) {
    assert.equal(await statusWithHost(port, host), 403, host);
  }
});

test("every answer carries the security headers, and only the dashboard may run its own files", async () => {
  const { get } = await start();
  for (const path of ["/", "/healthz", "/nope", "/assets/nope", "/api/v1/status", "/api/v1/divergences?limit=0"]) {
    const { headers } = await get(path);
    assert.equal(headers.get("x-content-type-options"), "nosniff", path);
    assert.equal(headers.get("cache-control"), "no-store", path);
    assert.match(headers.get("content-security-policy") ?? "", /^default-src 'none';.*frame-ancestors 'none'/, path);
    assert.equal(headers.get("content-security-policy")?.includes("script-src"), path === "/", path);
  }
});

test("a page of a thousand records is one valid JSON text", async () => {
  const many = Array.from({ length: 1000 }, () => sampleDivergence());
  const { get } = await start(fixedStore({ divergences: many }));
  const page = (await (await get("/api/v1/divergences?limit=1000")).json()) as { items: unknown[]; next: null };
  assert.deepEqual(page.items, JSON.parse(JSON.stringify(many)));
  assert.equal(page.next, null);
});

test("a page ends early rather than grow without bound, and its cursor goes on from there", async () => {
  const many = Array.from({ length: 300 }, () => sampleDivergence({ error: "x".repeat(50_000) }));
  const { get } = await start(fixedStore({ divergences: many }));
  const seen: string[] = [];
  let next: string | null = "0";
  while (next !== null) {
    const text = await (await get(`/api/v1/divergences?limit=1000&cursor=${next}`)).text();
    assert.ok(text.length < 8 * 1024 * 1024);
    const page = JSON.parse(text) as { items: { id: string }[]; next: string | null };
    seen.push(...page.items.map((record) => record.id));
    ({ next } = page);
  }
  assert.deepEqual(
    seen,
    many.map((record) => record.id),
  );
});

test("a reader that does not take its answer cannot hold up the end", async () => {
  const many = Array.from({ length: 80 }, () => sampleDivergence({ error: "x".repeat(100_000) }));
  const parts = sampleAdminParts(fixedStore({ divergences: many }));
  const admin = await createAdmin(parts);
  const socket = connect(admin.address.port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write("GET /api/v1/divergences?limit=80 HTTP/1.1\r\nhost: localhost\r\n\r\n");
  await new Promise((resolve) => socket.once("readable", resolve));
  await admin.close();
  socket.destroy();
});

test("bytes that are no HTTP get 400 and the listener lives on", async () => {
  const { port, get } = await start();
  const answer = await new Promise<string>((resolve, reject) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => socket.write("\u0016\u0003\u0001 nonsense\r\n\r\n"));
    socket.on("data", (chunk) => (text += String(chunk)));
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
  });
  assert.match(answer, /^HTTP\/1\.1 400 /);
  assert.equal((await get("/healthz")).status, 200);
});
