/** A user's functions between the proxy and next: what they change, and that nothing they do reaches clients or the process. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { DivergenceRecord } from "../../proxy/evidence/evidence.ts";
import { headerOf } from "../../proxy/exchange.ts";
import { type Bench, startBench } from "../support/crossfade.ts";
import { pairOf, refuse } from "../support/repair-pair.ts";
import { repair, repairsOf, resultsOf } from "../support/repairs.ts";
import { json } from "../support/service.ts";
import { until } from "../support/until.ts";

function moduleFile(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-transform-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "users.mjs");
  writeFileSync(file, text);
  return file;
}

function routesWith(file: string): string {
  return `routes:
  - name: users
    match: { path: "/users/:id?" }
    mirror: { reads: 100% }
    transform: { path: "/people/:id?", body: [{ legacy: /name, next: /fullName }], module: "${file}" }
`;
}

const bothWays = `
export function toNext({ method, target, headers, body }) {
  return {
    method,
    target: target + (target.includes("?") ? "&" : "?") + "v=2",
    headers: [...headers.filter(([name]) => name !== "x-cents"), ["x-price", "1.00"]],
    body: typeof body === "string" ? body.replace(/"cents":(\\d+)/, '"price":"$1"') : body,
  };
}
export function answer(given) {
  if (typeof given.body !== "string") return undefined;
  return { ...given, body: given.body.replace(/"price":"(\\d+)"/, '"cents":$1') };
}
`;

async function warns(bench: Bench, text: string): Promise<void> {
  const { warnings } = await bench.api<{ warnings: string[] }>("/api/v1/status");
  assert.ok(
    warnings.some((warning) => warning.startsWith(text)),
    warnings.join("\n"),
  );
}

test("toNext changes what next is sent after the declared moves, answer what is compared before them", async (t) => {
  const bench = await startBench(t, { routes: routesWith(moduleFile(t, bothWays)) });
  bench.legacy.answerWith(json(200, { name: "Ann", cents: 5 }));
  bench.next.answerWith(json(200, { fullName: "Ann", price: "5" }));
  await bench.send("PUT", "/users/7", { name: "Ann", cents: 5 });
  const [route] = await bench.settled(1);
  assert.equal(route?.outcomes["match"], 1);
  const [copy] = bench.next.seen;
  assert.deepEqual([copy?.target, copy?.body.toString()], ["/people/7?v=2", '{"price":"5","fullName":"Ann"}']);
  const headers = ["x-price", "content-length"].map((name) => headerOf(copy?.headers ?? [], name));
  assert.deepEqual(headers, ["1.00", String(copy?.body.length)]);
  // Without it a proxy before next could not tell that it is a copy.
  for (const name of ["x-crossfade-shadow", "x-crossfade-order", "idempotency-key", "host"]) {
    assert.notEqual(headerOf(copy?.headers ?? [], name), null, name);
  }
  assert.equal(bench.legacy.seen[0]?.body.toString(), '{"name":"Ann","cents":5}');
});

const FAILURES: readonly (readonly [what: string, module: string, why: RegExp])[] = [
  ["throws", "export function toNext() { throw new Error('secret 4711'); }", /toNext threw an Error at users\.mjs:1/],
  ["is async", "export async function toNext(r) { return r; }", /toNext returned a promise/],
  ["gives back nonsense", "export const toNext = () => ({ method: 'PUT', target: 'users' });", /toNext returned/],
  [
    "forges the mark",
    "export const toNext = (r) => ({ ...r, headers: [['x-crossfade-shadow', '1']] });",
    /with a header that Crossfade sets/,
  ],
  [
    "splits the request",
    "export const toNext = (r) => ({ ...r, target: '/a HTTP/1.1\\r\\nx: y' });",
    /whose target is no path/,
  ],
  ["hangs", "export function toNext() { for (;;); }", /toNext took longer than 1000 ms/],
  ["ends its process", "export function toNext() { process.exit(3); }", /toNext ended its thread/],
];

for (const [what, module, why] of FAILURES) {
  test(`a copy whose toNext ${what} is not sent: skipped, repair, counted by name; the client has its answer`, async (t) => {
    const bench = await startBench(t, { routes: routesWith(moduleFile(t, module)) });
    const answer = await bench.send("PUT", "/users/7", { name: "Ann" });
    assert.equal(answer.status, 200);
    const [route] = await bench.settled(1);
    assert.equal(route?.reasons["unmapped-value"], 1);
    await until(async () => (await repairsOf(bench)).length === 1);
    assert.deepEqual(bench.next.seen, []);
    const { items } = await bench.api<{ items: DivergenceRecord[] }>("/api/v1/divergences");
    assert.match(items[0]?.error ?? "", why);
    assert.doesNotMatch(JSON.stringify(items), /4711/);
    await warns(bench, "transform toNext: 1 error caught");
  });
}

test("an answer that the module fails at is compared as it came, and counted by name; the next one is put right again", async (t) => {
  const failing = `let calls = 0;
export function answer(given) { if (++calls === 1) throw new TypeError("x"); return { ...given, status: 200 }; }`;
  const bench = await startBench(t, { routes: routesWith(moduleFile(t, failing)) });
  bench.legacy.answerWith(json(200, { a: 1 }));
  bench.next.answerWith(json(201, { a: 1 }));
  await bench.send("GET", "/users/7");
  await bench.settled(1);
  await bench.send("GET", "/users/7");
  const [route] = await bench.settled(2);
  assert.deepEqual([route?.outcomes["divergent"], route?.outcomes["match"]], [1, 1]);
  await warns(bench, "transform answer: 1 error caught");
});

test("a repair asks next through the module as well", async (t) => {
  const pair = await pairOf(t, {
    users: { 1: { cents: 1 } },
    routes: `routes:
  - name: users
    match: { path: "/users/:id?" }
    transform: { module: "${moduleFile(t, bothWays.replace('target + (target.includes("?") ? "&" : "?") + "v=2"', "target"))}" }
`,
  });
  pair.fresh.users.clear();
  pair.fresh.before = refuse(503);
  await pair.send("PUT", "/users/1", { cents: 5 });
  await pair.settled(1);
  pair.fresh.before = () => false;
  assert.deepEqual(resultsOf(await repair(pair)), { put: 1 });
  assert.equal(pair.fresh.users.get("1"), '{"price":"5"}');
});
