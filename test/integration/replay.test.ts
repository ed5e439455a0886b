/** `crossfade replay` and its API on a real proxy between real services: what is sent, to whom, and what is refused. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { z } from "zod";
import { SCHEMAS } from "../../proxy/admin/schemas.ts";
import type { AuditEntry } from "../../proxy/evidence/audit.ts";
import type { DivergenceRecord } from "../../proxy/evidence/evidence.ts";
import type { ReplayResult } from "../../proxy/evidence/replay-request.ts";
import type { StoredPair } from "../../proxy/evidence/stored-pair.ts";
import { type Ended, runCli, startCli } from "../support/cli.ts";
import { type Bench, configText, startBench, type BenchOptions } from "../support/crossfade.ts";
import { evidenceFolder } from "../support/evidence.ts";
import { json, startService } from "../support/service.ts";
import { until } from "../support/until.ts";

const ROUTES = `
routes:
  - name: users
    match: { path: "/users/**" }
    mirror: { reads: 100% }
  - name: rest
    match: { path: "/**" }
`;

interface Running extends Bench {
  /** Of the newest divergence, once there are `count`. */
  newest(count: number): Promise<string>;
  post(id: string, body?: unknown): Promise<{ status: number; body: ReplayResult & { detail?: string; why?: string } }>;
  replay(...args: readonly string[]): Promise<Ended>;
}

async function start(t: TestContext, options: BenchOptions = {}): Promise<Running> {
  const bench = await startBench(t, {
    legacy: json(200, { total: 1 }),
    next: json(200, { total: 2 }),
    routes: ROUTES,
    ...options,
  });
  return {
    ...bench,
    async newest(count) {
      for (;;) {
        const { items } = await bench.api<{ items: DivergenceRecord[] }>("/api/v1/divergences");
        const pairs = await bench.api<{ items: StoredPair[] }>("/api/v1/pairs");
        const isKept = options.limits !== undefined || pairs.items.length >= count;
        if (items.length >= count && isKept) return items[0]?.id ?? "";
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    async post(id, body = {}) {
      const answer = await fetch(`${bench.crossfade.adminUrl}/api/v1/divergences/${id}/replay`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      return { status: answer.status, body: (await answer.json()) as ReplayResult };
    },
    replay: (...args) =>
      runCli(["replay", "--admin", bench.crossfade.adminUrl, ...args], { cwd: bench.folder, env: { COLUMNS: "200" } }),
  };
}

const sentTo = ({ legacy, next }: Bench): readonly number[] => [legacy.seen.length, next.seen.length];

test("a read is sent to both services as it was, and told to differ as it did, otherwise, or no more", async (t) => {
  const running = await start(t);
  await running.send("GET", "/users/1?a=%20b", undefined, { "x-one": "1", accept: "text/x" });
  const id = await running.newest(1);
  const before = await running.status();
  const first = await running.post(id);
  assert.equal(first.status, 200);
  const schema = JSON.stringify({ $ref: "#/$defs/Replayed", $defs: SCHEMAS }).replaceAll(
    "#/components/schemas/",
    "#/$defs/",
  );
  assert.ok(z.fromJSONSchema(JSON.parse(schema)).safeParse(first.body).success);
  const { verdict, sentTo: services, requestClass, differences } = first.body;
  assert.deepEqual([verdict, services, requestClass], ["same", ["legacy", "next"], "read"]);
  assert.deepEqual(differences, [{ at: "/total", kind: "value", primary: "1", shadow: "2" }]);
  assert.deepEqual(sentTo(running), [2, 2]);
  for (const service of [running.legacy, running.next]) {
    const again = service.seen[1];
    assert.deepEqual(
      [again?.method, again?.target, again?.header("x-one"), again?.header("accept")],
      ["GET", "/users/1?a=%20b", "1", "text/x"],
    );
  }
  assert.equal(running.next.seen[1]?.header("x-crossfade-exchange"), id);

  running.next.answerWith(json(200, { total: 1, more: true }));
  const other = await running.replay(id);
  assert.equal(other.code, 1, other.stderr);
  assert.match(
    other.stdout,
    /^GET \/users\/1\?a=%20b, a read, sent to legacy and next: it differs otherwise than it did\n/,
  );
  assert.match(other.stdout, /\/more extra.*\n {2}before: \/total value {2}1 → 2\n$/);
  running.next.answerWith(json(200, { total: 1 }));
  const gone = await running.replay(id);
  assert.deepEqual([gone.code, gone.stdout.split("\n")[0]?.endsWith("the difference is gone")], [0, true]);

  // It is no traffic: no outcome, no record, no repair.
  const after = await running.status();
  assert.deepEqual(after.routes, before.routes);
});

test("a write is sent to the shadow alone, and only by force and with a reason", async (t) => {
  const running = await start(t);
  await running.send("POST", "/users/7", { name: "Ann", n: 9007199254740993n.toString() });
  const id = await running.newest(1);
  const sent = running.next.seen[0];
  const refused = await running.post(id);
  assert.deepEqual([refused.status, refused.body.why], [409, "needs-force"]);
  assert.match(refused.body.detail ?? "", /next may apply it twice: it does not declare idempotency: honoured/);
  assert.equal((await running.post(id, { force: true })).status, 400);
  assert.equal((await running.post(id, { force: "yes" })).status, 400);
  const told = await running.replay(id);
  assert.deepEqual([told.code, told.stdout], [1, ""]);
  assert.match(told.stderr, /force it, with a reason/);
  assert.deepEqual(sentTo(running), [1, 1]);

  const forced = await running.replay(id, "--force", "--reason", "next is a test system");
  assert.equal(forced.code, 1, forced.stderr);
  assert.match(
    forced.stdout,
    /^POST \/users\/7, a write, sent to next: it differs as it did\n {2}legacy 200 \(recorded\), next 200\n/,
  );
  assert.deepEqual(sentTo(running), [1, 2]);
  const again = running.next.seen[1];
  assert.deepEqual([again?.method, again?.target, again?.body.toString()], ["POST", "/users/7", sent?.body.toString()]);
  assert.equal(again?.header("idempotency-key"), sent?.header("idempotency-key"));
  assert.equal(again?.header("content-length"), sent?.header("content-length"));
  assert.equal(again?.header("x-crossfade-order"), "0.0");
  const { items } = await running.api<{ items: { key: string; reason: string; exchangeId: string }[] }>(
    "/api/v1/repairs",
  );
  assert.deepEqual(
    items.map(({ key, reason, exchangeId }) => [key, reason, exchangeId]),
    [["users/7", "late-attempt", id]],
  );

  running.next.answerWith(json(200, { total: 1 }));
  assert.equal((await running.post(id, { force: true, reason: "fixed" })).body.verdict, "gone");
  running.next.answerWith(json(500, { error: "x" }));
  assert.equal((await running.post(id, { force: true, reason: "again" })).body.verdict, "other");
});

test("a service that applies a write once is sent it without force, with the same idempotency key", async (t) => {
  const running = await start(t, { nextService: "effects: suppressed\nidempotency: honoured" });
  await running.send("PUT", "/users/7", { n: 1 }, { "idempotency-key": "of-the-client" });
  const { status, body } = await running.post(await running.newest(1));
  assert.deepEqual([status, body.verdict], [200, "same"]);
  assert.deepEqual(sentTo(running), [1, 2]);
  assert.equal(running.next.seen[1]?.header("idempotency-key"), "of-the-client");
  assert.deepEqual((await running.api<{ items: unknown[] }>("/api/v1/repairs")).items, []);
});

test("what is redacted is not made up: it is refused, unless the file says what goes in its place", async (t) => {
  const running = await start(t);
  const headers = { authorization: "Bearer s3cr3t-token-1" };
  await running.send("GET", "/users/1", undefined, headers);
  const byHeader = await running.newest(1);
  await running.send("GET", "/users/2?access_token=s3cr3t-token-2");
  const byTarget = await running.newest(2);
  await running.send("PUT", "/users/3", { password: "s3cr3t-token-3" });
  const byBody = await running.newest(3);
  for (const [id, expected] of [
    [byHeader, /its header authorization is redacted; say .* services\.legacy\.own\.headers/],
    [byTarget, /a part of its target is redacted/],
    [byBody, /its body is redacted/],
  ] as const) {
    const { status, body } = await running.post(id, { force: true, reason: "try it" });
    assert.deepEqual([status, body.why], [409, "redacted"]);
    assert.match(body.detail ?? "", expected);
  }
  assert.deepEqual(sentTo(running), [3, 3]);

  const text = readFileSync(running.configFile, "utf8")
    .replace(/(legacy: \{ url: "[^"]+")/, '$1, own: { headers: { Authorization: "Bearer of-legacy" } }')
    .replace("effects: suppressed", 'effects: suppressed\n    own: { headers: { authorization: "Bearer of-next" } }');
  writeFileSync(running.configFile, text);
  await running.crossfade.reload();
  const { status, body } = await running.post(byHeader);
  assert.deepEqual([status, body.verdict], [200, "same"]);
  assert.equal(running.legacy.seen[3]?.header("authorization"), "Bearer of-legacy");
  assert.equal(running.next.seen[3]?.header("authorization"), "Bearer of-next");
});

test("what was not kept, is known to nobody, or has lost its route or its shadow is refused in words", async (t) => {
  const none = await start(t, { limits: "limits: { pairs: 0B }" });
  await none.send("GET", "/users/1");
  const notKept = await none.post(await none.newest(1));
  assert.deepEqual([notKept.status, notKept.body.why], [409, "not-kept"]);
  assert.equal((await none.api<{ items: unknown[] }>("/api/v1/pairs")).items.length, 0);

  const running = await start(t);
  assert.equal((await running.post("01JD9X3P4M5N6Q7R8S9TAVBWCX")).status, 404);
  const unknown = await running.replay("01JD9X3P4M5N6Q7R8S9TAVBWCX");
  assert.deepEqual([unknown.code, /no divergence has the id/.test(unknown.stderr)], [1, true]);
  await running.send("GET", "/users/1");
  const id = await running.newest(1);
  const under = async (from: string, to: string): Promise<readonly [number, string | undefined]> => {
    const original = readFileSync(running.configFile, "utf8");
    assert.ok(original.includes(from));
    writeFileSync(running.configFile, original.replace(from, to));
    await running.crossfade.reload();
    const { status, body } = await running.post(id);
    writeFileSync(running.configFile, original);
    await running.crossfade.reload();
    return [status, body.why];
  };
  assert.deepEqual(await under("/users/**", "/people/**"), [409, "route-gone"]);
  assert.deepEqual(await under("mirror: { reads: 100% }", "phase: legacy-only"), [409, "not-mirrored"]);
  assert.deepEqual(sentTo(running), [1, 1]);

  await running.next.close();
  const unanswered = await running.replay(id);
  assert.equal(unanswered.code, 3, unanswered.stderr);
  assert.match(unanswered.stdout, /it could not be compared\n {2}legacy 200, next no answer\n {2}connect-failed/);
});

test("who asked, and why, is in the audit; only the role operate may", async (t) => {
  const folder = evidenceFolder(t);
  const [legacy, next] = [await startService(json(200, { total: 1 })), await startService(json(200, { total: 2 }))];
  t.after(() => Promise.all([legacy.close(), next.close()]));
  const tokens = ["bodies", "operate"].map((role) => `{ name: of-${role}, role: ${role}, token: ${role}-0123456789 }`);
  const config = join(folder, "crossfade.yaml");
  const text = configText(folder, legacy, next, { routes: ROUTES });
  writeFileSync(
    config,
    text.replace('admin: { listen: "127.0.0.1:0" }', `admin: { listen: "127.0.0.1:0", tokens: [${tokens.join()}] }`),
  );
  const proxy = await startCli(t, ["--config", config], { cwd: folder });
  await (await fetch(`${proxy.proxyUrl}/users/1`, { method: "PUT", body: "{}" })).text();
  const ask = async (path: string, role: string, init: RequestInit = {}): Promise<Response> =>
    fetch(proxy.adminUrl + path, {
      ...init,
      headers: { authorization: `Bearer ${role}-0123456789`, "content-type": "application/json" },
    });
  let id: string | undefined;
  while (id === undefined) {
    const { items } = (await (await ask("/api/v1/pairs", "bodies")).json()) as { items: { id: string }[] };
    id = items[0]?.id;
  }
  const path = `/api/v1/divergences/${id}/replay`;
  const order = { method: "POST", body: JSON.stringify({ force: true, reason: "next is fixed" }) };
  assert.equal((await ask(path, "bodies", order)).status, 403);
  assert.equal(next.seen.length, 1);
  assert.equal((await ask(path, "operate", order)).status, 200);
  assert.equal((await ask(path, "operate", { method: "POST", body: "{}" })).status, 409);
  const { items } = (await (await ask("/api/v1/audit", "operate")).json()) as { items: AuditEntry[] };
  assert.deepEqual(
    items.map(({ by, action, subject, what, reason }) => [by, action, subject, what, reason]),
    [
      ["of-operate", "replay", id, "asked for and not sent", null],
      ["of-operate", "replay", id, "sent again to next", "next is fixed"],
    ],
  );
});

test("a request of a route with values is sent to the shadow with its own, and its answer compared as the primary's", async (t) => {
  const routes = `
routes:
  - name: users
    match: { path: "/users/:id?" }
    mirror: { reads: 100% }
    values: { learn: [{ at: "answer:/id", kind: user }], apply: [{ at: "path:id", kind: user }] }
`;
  const bench = await start(t, { routes, legacy: json(201, { id: 1 }), next: json(201, { id: "k1" }) });
  await bench.send("POST", "/users", { name: "Ann" });
  await bench.settled(1);
  bench.legacy.answerWith(json(200, { id: 1, total: 1 }));
  bench.next.answerWith(json(200, { id: "k1", total: 2 }));
  await bench.send("GET", "/users/1");
  await bench.settled(2);
  // The create is kept as well.
  await until(async () => (await bench.api<{ items: unknown[] }>("/api/v1/pairs")).items.length === 2);
  const { body } = await bench.post(await bench.newest(1));
  assert.equal(body.verdict, "same");
  assert.deepEqual(
    bench.next.seen.map(({ method, target }) => `${method} ${target}`),
    ["POST /users", "GET /users/k1", "GET /users/k1"],
  );
  assert.equal(bench.legacy.seen.at(-1)?.target, "/users/1");
});
