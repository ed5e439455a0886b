/** `crossfade suggest` on real traffic: what it prints is pasted, and the same traffic shows the real difference alone. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { test, type TestContext } from "node:test";
import type { DivergenceRecord, ListedGroup } from "../../proxy/evidence/evidence.ts";
import { spellSignature } from "../../proxy/evidence/group-sentence.ts";
import { runCli, type Ended } from "../support/cli.ts";
import { type Bench, startBench } from "../support/crossfade.ts";
import { type Answer, json } from "../support/service.ts";

const COUNT = 40;
const PLANTED = "hunter2-hunter2-hunter2";
const STATES = [
  ["active", "A"],
  ["closed", "C"],
] as const;

function uuid(seed: string): string {
  const hex = hash("sha256", seed, "hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** One of the two services: their answers differ in everything that does not matter, and next's in one thing that does. */
function serviceOf(side: 0 | 1): Answer {
  return (seen, response) => {
    // The clock is the client's, so that nothing hangs on how fast the services are.
    const { n, now } = JSON.parse(seen.body.toString()) as { n: number; now: number };
    const own = (what: string): string => uuid(`${side} ${what} ${n} ${seen.method}`);
    const items = [`a${n}`, `b${n}`, `c${n}`].map((sku) => ({ sku, n: 1 }));
    const body = {
      id: own("id"),
      requestId: own("request"),
      createdAt: new Date(now + side * 700).toISOString(),
      seen: side === 0 ? new Date(now - (now % 1000)).toISOString() : Math.floor(now / 1000),
      state: STATES[n % 2]?.[side],
      width: side === 0 ? `${n}.50` : n + 0.5,
      title: side === 0 ? `Tom &amp; Ann ${n}` : `Tom & Ann ${n}`,
      tags: side === 0 ? ["x", `t${n}`, "z"] : ["z", "x", `t${n}`],
      items: side === 0 ? items : items.toReversed(),
      // Now and then next forgets a cent, or names another owner.
      total: side === 1 && n % 10 === 3 ? n + 0.01 : n,
      ownerId: side === 1 && n % 10 === 7 ? uuid(`other ${n}`) : uuid(`owner ${n}`),
      password: `${PLANTED}-${side}-${n}`,
    };
    const headers = { etag: `"${own("etag").slice(0, 8)}"` };
    json(side === 0 && seen.method === "POST" ? 201 : 200, body, headers)(seen, response);
  };
}

const ROUTE = `defaults:
  compare: { headers: [content-type, location, etag] }
routes:
  - name: orders
    match: { path: "/orders/**" }
`;

async function run(t: TestContext, pasted: string): Promise<Bench> {
  const bench = await startBench(t, {
    routes: `${ROUTE}${pasted}`,
    legacy: serviceOf(0),
    next: serviceOf(1),
  });
  for (let n = 0; n < COUNT; n += 1) {
    await bench.send(n % 4 === 0 ? "POST" : "PUT", `/orders/${n}`, { n, now: Date.now() });
  }
  await bench.settled(COUNT);
  return bench;
}

async function suggest(bench: Bench, ...args: readonly string[]): Promise<Ended> {
  return runCli(["suggest", "--admin", bench.crossfade.adminUrl, ...args], { cwd: bench.folder });
}

/** The lines from `compare:` to the next empty one. */
function yamlIn(text: string): string {
  return /^ {4}compare:\n(?: {4}.*\n)+/m.exec(text)?.[0] ?? "";
}

test("what is pasted hides what does not matter, and only the real differences are left", async (t) => {
  const before = await run(t, "");
  const { stdout, stderr, code } = await suggest(before);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.ok(!stdout.includes(PLANTED), "a secret was printed");
  const pasted = yamlIn(stdout).replace(
    "    compare:\n",
    "    compare:\n      headers: [content-type, location, etag]\n",
  );
  for (const line of [
    "- { at: /id, as: uuid, ",
    "- { at: /requestId, as: uuid, ",
    "- { at: /createdAt, within: 2s, ",
    "- { at: /seen, as: instant, ",
    "- { at: /width, as: number, ",
    "- { at: /title, as: html-entities, ",
    "- { at: /tags, because: ",
    "- { at: /items, by: /sku, ",
    "- { at: /state, values: [",
    "- { at: status, values: [[200, 201]], ",
    "- { at: header:etag, as: etag, ",
  ])
    assert.ok(pasted.includes(line), `${line} is not in\n${pasted}`);
  assert.ok(!/\/total|\/ownerId/.test(pasted), pasted);
  const doubts = stdout.slice(stdout.indexOf("Look at these yourself"));
  assert.match(doubts, /\/total value, 4 exchanges: its name says that somebody pays/);
  assert.match(doubts, /\/ownerId value, 4 exchanges: .*few/);

  const after = await run(t, pasted);
  const groups = (await after.api<{ items: ListedGroup[] }>("/api/v1/groups")).items;
  assert.deepEqual(groups.map(({ signature }) => spellSignature(signature)).sort(), ["/ownerId value", "/total value"]);
  const again = await suggest(after);
  assert.ok(!again.stdout.includes("compare:"), again.stdout);
  const { items } = await after.api<{ items: DivergenceRecord[] }>("/api/v1/divergences?limit=1000");
  assert.equal(items.length, 8);
});

test("--json is one value a line, and tells of rules, doubts and how much was looked at", async (t) => {
  const bench = await run(t, "");
  const { stdout, code } = await suggest(bench, "--json", "--limit", "30", "--route", "orders");
  assert.equal(code, 0);
  const values = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual([...new Set(values.map(({ type }) => type))], ["suggestion", "doubt", "route"]);
  const last = values.at(-1);
  assert.deepEqual([last?.["lookedAt"], last?.["divergent"], last?.["compared"]], [30, COUNT, COUNT]);
  const id = values.find(({ rule }) => (rule as { at?: string } | undefined)?.at === "/id");
  assert.deepEqual(id?.["hides"], { differences: 30, exchanges: 30, share: 1 });
});

test("causes older than what is looked at are known by their samples", async (t) => {
  const bench = await run(t, "");
  const { stdout } = await suggest(bench, "--limit", "2");
  assert.match(stdout, /^orders {2}2 of 40 divergent exchanges looked at; 40 were compared$/m);
  assert.match(stdout, /\/total value, not seen of late: its name says that somebody pays/);
});

test("an unknown route is told with the nearest name, and a Crossfade without divergences has nothing to say", async (t) => {
  const bench = await startBench(t, { routes: ROUTE });
  const unknown = await suggest(bench, "--route", "order");
  assert.deepEqual([unknown.code, unknown.stderr], [1, 'crossfade: no route is named "order"; did you mean orders?\n']);
  const nothing = await suggest(bench);
  assert.deepEqual([nothing.code, nothing.stdout], [0, "No divergences, nothing to suggest.\n"]);
  const away = await runCli(["suggest", "--admin", "http://127.0.0.1:1"], { cwd: bench.folder });
  assert.equal(away.code, 3);
});
