/** Moves of a route between phases, over a proxy between real services: who is written to, in which order, and what stands in the way. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { test, type TestContext } from "node:test";
import { request } from "undici";
import { loadSettings } from "../../proxy/config/load.ts";
import { startCrossfade } from "../../proxy/main.ts";
import type { MoveReport } from "../../proxy/moves/phase-move.ts";
import { runCli } from "../support/cli.ts";
import { type Bench, type BenchOptions, startBench } from "../support/crossfade.ts";
import { type Answer, json, type SeenRequest } from "../support/service.ts";
import { until } from "../support/until.ts";

const ROUTES = `
routes:
  - { name: users, match: { path: "/users/**" } }
  - { name: rest, match: { path: "/**" } }
`;
const FORCED = { force: true, reason: "a test has no seven days" } as const;

/** By default without a journal: on a busy machine that may miss its 5 ms, and the gap then stands in the way. */
async function startPhases(t: TestContext, options: BenchOptions = {}): Promise<Bench> {
  return await startBench(t, { store: "memory", routes: ROUTES, nextService: "effects: suppressed", ...options });
}

async function move(adminUrl: string, order: Record<string, unknown>, route = "users") {
  const answer = await request(`${adminUrl}/api/v1/routes/${route}/phase`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(order),
  });
  const body = (await answer.body.json()) as MoveReport & { readonly report?: MoveReport; readonly detail?: string };
  return { status: answer.statusCode, detail: body.detail ?? "", report: body.report ?? body };
}

const isCopy = (seen: SeenRequest): boolean => seen.header("x-crossfade-shadow") !== null;
const missingOf = ({ checks }: MoveReport) => checks.filter(({ state }) => state === "missing").map(({ name }) => name);
const untilHeld = (bench: Bench, held: number): Promise<void> => {
  return until(
    async () => (await bench.api<{ heldWrites: number | null }>("/api/v1/routes/users")).heldWrites === held,
  );
};
const phaseOf = async ({ api }: Pick<Bench, "api">) =>
  await api<{ phase: string; wanted: string; rollback: unknown }>("/api/v1/routes/users");

/** Answers each request when it is told to. */
function held(): { readonly answer: Answer; readonly release: () => void; readonly waiting: () => number } {
  let waiting: (() => void)[] = [];
  return {
    answer: (seen, response) => void waiting.push(() => json(200, { ok: true })(seen, response)),
    release: () => {
      const all = waiting;
      waiting = [];
      for (const one of all) one();
    },
    waiting: () => waiting.length,
  };
}

/** A move that has to wait for a write that legacy has not answered. */
async function moveBehindWrite(bench: Bench) {
  const legacy = held();
  bench.legacy.answerWith(legacy.answer);
  const first = bench.send("PUT", "/users/1", { n: 1 });
  await until(() => legacy.waiting() === 1);
  const moving = move(bench.crossfade.adminUrl, { step: "advance", ...FORCED });
  await untilHeld(bench, 0);
  return { legacy, first, moving };
}

test("after a cutover next answers and legacy gets the copies, over a restart too; a rollback is one move back", async (t) => {
  const [legacy, next] = [json(200, { from: "legacy" }), json(200, { from: "next" })];
  const bench = await startPhases(t, { store: "sqlite", legacy, next });
  assert.equal((await bench.send("PUT", "/users/1", { n: 1 })).text, '{"from":"legacy"}');
  await bench.settled(1);
  const { status, report } = await move(bench.crossfade.adminUrl, { step: "advance", ...FORCED });
  assert.deepEqual(
    [status, report.end, report.from, report.to, report.epoch],
    [200, "moved", "dual-write", "next-primary", 2],
  );
  assert.ok(report.pauseMs !== null && report.pauseMs < 5_000);
  assert.match(report.sentence, /write phase: next-primary in the file too/);

  assert.equal((await bench.send("PUT", "/users/1", { n: 2 })).text, '{"from":"next"}');
  assert.equal((await bench.send("GET", "/users/1")).text, '{"from":"next"}');
  assert.equal((await bench.send("GET", "/other")).text, '{"from":"legacy"}');
  await bench.settled(2);
  const copy = bench.legacy.seen.find(isCopy);
  assert.deepEqual(
    [copy?.target, copy?.body.toString(), copy?.header("x-crossfade-epoch")],
    ["/users/1", '{"n":2}', "2"],
  );
  const { phase, wanted } = await phaseOf(bench);
  assert.deepEqual([phase, wanted], ["next-primary", "dual-write"]);
  const { items } = await bench.api<{ items: { action: string; what: string; reason: string }[] }>("/api/v1/audit");
  assert.match(items[0]?.what ?? "", /^phase dual-write → next-primary, forced; users: NOT YET\. 0 divergent/);
  assert.deepEqual([items[0]?.action, items[0]?.reason], ["phase", FORCED.reason]);

  await bench.crossfade.stop();
  const loaded = loadSettings({ file: bench.configFile, flags: {}, env: process.env });
  assert.ok(loaded.ok);
  const again = await startCrossfade({ settings: loaded.settings, logLevel: "silent" });
  t.after(() => again.stop(200));
  const put = async (n: number): Promise<string> => {
    const answer = await request(`${again.proxyUrl}/users/1`, { method: "PUT", body: JSON.stringify({ n }) });
    return await answer.body.text();
  };
  assert.equal(await put(3), '{"from":"next"}');
  await until(() => bench.legacy.seen.filter(isCopy).length === 2);
  const back = await move(again.adminUrl, { step: "rollback", ...FORCED });
  assert.deepEqual([back.report.end, back.report.to, back.report.epoch], ["moved", "dual-write", 3]);
  assert.equal(await put(4), '{"from":"legacy"}');
});

test("a write that comes while others end is held back, and goes to the new primary behind their copies", async (t) => {
  const bench = await startPhases(t);
  const { legacy, first, moving } = await moveBehindWrite(bench);
  const second = bench.send("PUT", "/users/1", { n: 2 });
  await untilHeld(bench, 1);
  const other = bench.send("PUT", "/somewhere", {});
  await until(() => legacy.waiting() === 2);
  assert.deepEqual(
    bench.legacy.seen.map(({ target }) => target),
    ["/users/1", "/somewhere"],
  );
  bench.legacy.answerWith(json(200, { ok: true }));
  legacy.release();
  assert.deepEqual([(await first).status, (await second).status, (await other).status], [200, 200, 200]);
  assert.equal((await moving).report.end, "moved");
  await bench.settled(3);
  const atNext = bench.next.seen.filter(({ target }) => target === "/users/1");
  assert.deepEqual(
    atNext.map((seen) => [seen.body.toString(), isCopy(seen)]),
    [
      ['{"n":1}', true],
      ['{"n":2}', false],
    ],
  );
});

test("a write that does not end in time leaves the old primary: what was held back goes there, nothing is lost", async (t) => {
  const bench = await startPhases(t);
  const { legacy, first, moving } = await moveBehindWrite(bench);
  const second = bench.send("PUT", "/users/2", { n: 2 });
  await untilHeld(bench, 1);
  const { status, report } = await moving;
  assert.deepEqual([status, report.end, report.refusedWrites], [409, "aborted", 0]);
  assert.match(report.sentence, /stays in dual-write: 1 write did not end within 3 s/);
  // Named beforehand, from then on.
  const long = await move(bench.crossfade.adminUrl, { step: "advance", dryRun: true, ...FORCED });
  assert.deepEqual(missingOf(long.report), ["long"]);
  assert.match(long.report.sentence, /PUT \/users\/1 has been under way for \d+ s, longer than a move may take/);
  await until(() => legacy.waiting() === 2);
  legacy.release();
  assert.deepEqual([(await first).status, (await second).status], [200, 200]);
  assert.equal((await phaseOf(bench)).phase, "dual-write");
  assert.equal(bench.next.seen.filter((seen) => !isCopy(seen)).length, 0);
});

/** Answers that go on: a tunnel, or an event stream. Resolves once it is open. */
async function openLasting(t: TestContext, bench: Bench, path: string, isTunnel: boolean) {
  const { hostname, port } = new URL(bench.crossfade.proxyUrl);
  const socket = connect(Number(port), hostname);
  t.after(() => socket.destroy());
  const state = { isOpen: true };
  socket.once("close", () => (state.isOpen = false));
  socket.on("error", () => undefined);
  const upgrade = isTunnel ? "upgrade: websocket\r\nconnection: upgrade\r\n" : "";
  socket.write(`GET ${path} HTTP/1.1\r\nhost: shop\r\n${upgrade}\r\n`);
  await new Promise((resolve) => socket.once("data", resolve));
  return state;
}

test("tunnels and event streams are named beforehand, and closed after a cutover unless their route keeps them", async (t) => {
  const events: Answer = (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    response.write("data: 1\n\n");
  };
  const routes = `routes:
  - { name: users, match: { path: "/users/**" }, group: all }
  - { name: kept, match: { path: "/kept/**" }, group: all, keepStreams: true }
`;
  const bench = await startPhases(t, { routes, legacy: events, next: events });
  bench.legacy.upgradeWith("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n");
  // Each is closed at a moment of its own within 10 s: of eight the first two are soon.
  const open = (path: string, isTunnel: boolean, count: number) =>
    Promise.all(Array.from({ length: count }, () => openLasting(t, bench, path, isTunnel)));
  const [tunnels, streams] = [await open("/users/chat", true, 8), await open("/users/events", false, 8)];
  const kept = [...(await open("/kept/chat", true, 1)), ...(await open("/kept/events", false, 1))];
  const { report } = await move(bench.crossfade.adminUrl, { step: "advance", dryRun: true, ...FORCED });
  const named = report.checks.find(({ name }) => name === "tunnels")?.text;
  assert.match(
    named ?? "",
    /^18 open connections \(tunnels, event streams\): they are closed within 10 s after the move; those of routes with/,
  );
  assert.equal((await move(bench.crossfade.adminUrl, { step: "advance", ...FORCED })).report.end, "moved");
  const late = await openLasting(t, bench, "/users/events", false);
  await until(() => [tunnels, streams].every((some) => some.some(({ isOpen }) => !isOpen)));
  assert.deepEqual(
    [late, ...kept].map(({ isOpen }) => isOpen),
    [true, true, true],
  );
  assert.equal(bench.next.seen.filter(({ target }) => target === "/users/events").length, 1);
});

test("a client that leaves while its write is held back has written nothing", async (t) => {
  const bench = await startPhases(t);
  const { legacy, first, moving } = await moveBehindWrite(bench);
  const { port } = new URL(bench.crossfade.proxyUrl);
  const client = connect(Number(port), "127.0.0.1");
  client.write("PUT /users/2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}");
  await untilHeld(bench, 1);
  // Whoever ends its side alone still waits for the answer.
  client.resetAndDestroy();
  await untilHeld(bench, 0);
  bench.legacy.answerWith(json(200, { ok: true }));
  legacy.release();
  await first;
  assert.equal((await moving).report.end, "moved");
  await bench.send("PUT", "/users/3", {});
  await bench.settled(2);
  const written = [...bench.legacy.seen, ...bench.next.seen].filter(({ method }) => method === "PUT");
  assert.ok(!written.some(({ target }) => target === "/users/2"));
});

test("a shut gate, a repair list that is not empty and gaps stand in the way; force passes them, and nothing else", async (t) => {
  const bench = await startPhases(t, { next: json(500, { no: true }) });
  await bench.send("PUT", "/users/1", { n: 1 });
  await bench.settled(1);
  await until(async () => (await bench.status()).routes[0]?.repairs === 1);
  const shut = await move(bench.crossfade.adminUrl, { step: "advance" });
  assert.deepEqual([shut.status, missingOf(shut.report)], [409, ["gate", "repairs"]]);
  assert.match(shut.detail, /^users stays in dual-write: users: NOT YET/);
  const dry = await move(bench.crossfade.adminUrl, { step: "advance", dryRun: true, ...FORCED });
  assert.deepEqual([dry.status, dry.report.end, dry.report.pauseMs], [200, "would-move", null]);
  assert.equal((await phaseOf(bench)).phase, "dual-write");
  assert.equal((await move(bench.crossfade.adminUrl, { step: "advance", ...FORCED })).report.end, "moved");
  // What next missed legacy has.
  const { rollback } = await phaseOf(bench);
  assert.deepEqual(rollback, { price: "free", text: "legacy holds what next holds" });
  bench.next.answerWith(json(200, { ok: true }));
  bench.legacy.answerWith(json(500, { no: true }));
  await bench.send("PUT", "/users/2", { n: 1 });
  await until(async () => (await bench.status()).routes[0]?.repairs === 2);
  assert.deepEqual((await phaseOf(bench)).rollback, { price: "keys", text: "1 on the repair list: crossfade repair" });
  const back = await move(bench.crossfade.adminUrl, { step: "rollback" });
  assert.deepEqual([back.status, missingOf(back.report)], [409, ["repairs"]]);
  const { items } = await bench.api<{ items: { key: string; misses: string }[] }>("/api/v1/repairs");
  assert.deepEqual(
    items.map(({ key, misses }) => [key, misses]),
    [
      ["users/1", "next"],
      ["users/2", "legacy"],
    ],
  );
});

test("what the last writes leave on the repair list keeps the old primary", async (t) => {
  const gate = "gate: { divergenceBelow: 50%, confidence: 50%, span: 1s, latencyRatioBelow: 100 }";
  const bench = await startPhases(t, {
    routes: `routes:\n  - { name: users, match: { path: "/users/**", methods: [PUT] }, ${gate} }\n`,
  });
  let id = 0;
  await until(async () => {
    for (let n = 0; n < 5; n++) await bench.send("PUT", `/users/${++id}`, {});
    return (await bench.api<{ open: boolean }>("/api/v1/routes/users/gate")).open;
  });
  const legacy = held();
  bench.legacy.answerWith(legacy.answer);
  bench.next.answerWith(json(500, {}));
  const last = bench.send("PUT", "/users/0", {});
  await until(() => legacy.waiting() === 1);
  const moving = move(bench.crossfade.adminUrl, { step: "advance" });
  await untilHeld(bench, 0);
  legacy.release();
  await last;
  const { report } = await moving;
  assert.equal(report.end, "aborted");
  assert.match(report.sentence, /the last writes left 1 key on the repair list/);
  assert.equal((await phaseOf(bench)).phase, "dual-write");
});

test("an open gate lets the route over without force", async (t) => {
  const gate = "gate: { divergenceBelow: 50%, confidence: 50%, span: 1s, latencyRatioBelow: 100 }";
  const bench = await startPhases(t, {
    routes: `routes:\n  - { name: users, match: { path: "/users/**", methods: [PUT] }, ${gate} }\n`,
  });
  let id = 0;
  await until(async () => {
    for (let n = 0; n < 5; n++) await bench.send("PUT", `/users/${++id}`, {});
    return (await bench.api<{ open: boolean }>("/api/v1/routes/users/gate")).open;
  });
  const moved = await runCli(["phase", "users", "advance", "--admin", bench.crossfade.adminUrl]);
  assert.deepEqual([moved.code, moved.stderr], [0, ""]);
  assert.match(moved.stdout, /^users moved from dual-write to next-primary; writes were held back for [\d.]+ ms/);
  const { rollback } = await phaseOf(bench);
  assert.deepEqual(rollback, { price: "free", text: "legacy holds what next holds" });
  assert.equal((await move(bench.crossfade.adminUrl, { step: "rollback" })).report.end, "moved");
  // What was seen before the cutover was not enough.
  const anew = await bench.api<{ open: boolean; why: string; epoch: number }>("/api/v1/routes/users/gate");
  assert.deepEqual([anew.open, anew.why, anew.epoch], [false, "rollback", 2]);

  // A file that may do so without anybody there waits for the gate, and goes through it.
  const say = async (more: string): Promise<void> => {
    const text = readFileSync(bench.configFile, "utf8");
    writeFileSync(bench.configFile, text.replace(/name: users,/, `name: users, ${more},`));
    await bench.crossfade.reload();
  };
  await say("phase: next-primary, unattended: true");
  const waits =
    /^the file moves users to next-primary unattended, and it waits: users stays in dual-write: users: NOT YET/;
  await until(async () => (await bench.status()).warnings.some((warning) => waits.test(warning)));
  assert.deepEqual([(await phaseOf(bench)).phase, (await bench.status()).config.error], ["dual-write", null]);
  await until(async () => {
    for (let n = 0; n < 5; n++) await bench.send("PUT", `/users/${++id}`, {});
    return (await bench.api<{ open: boolean }>("/api/v1/routes/users/gate")).open;
  });
  await say("redactDetect: [card]");
  await until(async () => (await phaseOf(bench)).phase === "next-primary");
  const { items } = await bench.api<{ items: { by: string; what: string; reason: string }[] }>("/api/v1/audit");
  assert.deepEqual([items[0]?.by, items[0]?.reason], ["file", "unattended: the file says next-primary"]);
  assert.match(items[0]?.what ?? "", /^phase dual-write → next-primary; users: OPEN/);
  // What the operator does holds until the file says something else.
  assert.equal((await move(bench.crossfade.adminUrl, { step: "rollback", ...FORCED })).report.end, "moved");
  await bench.crossfade.reload();
  assert.equal((await phaseOf(bench)).phase, "dual-write");
});

test("where that is switched on, a next that fails after the cutover hands the route back to legacy by itself", async (t) => {
  const gate = "gate: { automaticReturn: true }";
  const routes = `routes:\n  - { name: users, match: { path: "/users/**" }, ${gate} }\n`;
  const bench = await startPhases(t, { routes, failingBlockMs: 100 });
  assert.equal((await move(bench.crossfade.adminUrl, { step: "advance", ...FORCED })).report.end, "moved");
  assert.equal((await bench.send("PUT", "/users/1", {})).status, 200);
  bench.next.answerWith(json(503, { no: true }));
  let id = 0;
  await until(async () => {
    for (let n = 0; n < 20; n++) await bench.send("PUT", `/users/${++id}`, {});
    return (await phaseOf(bench)).phase === "dual-write";
  });
  assert.equal((await bench.send("PUT", "/users/1", {})).status, 200);
  const { items } = await bench.api<{ items: { by: string; what: string; reason: string }[] }>("/api/v1/audit");
  assert.deepEqual([items[0]?.by, items[0]?.what], ["gate", "phase next-primary → dual-write"]);
  assert.match(
    items[0]?.reason ?? "",
    /^automatic return: \d+ of \d+ distinct keys \(\d.* %\) answered with 5xx or not at all$/,
  );
});

test("routes of one entity move together; another phase among them stands in the way", async (t) => {
  const bench = await startPhases(t, {
    routes: `routes:
  - { name: make, match: { path: /users, methods: [POST] }, entity: users }
  - { name: one, match: { path: "/users/:id" }, entity: users }
  - { name: cart, match: { path: "/carts/**" }, group: shop }
  - { name: order, match: { path: "/orders/**" }, group: shop, phase: legacy-only }
`,
  });
  const { report } = await move(bench.crossfade.adminUrl, { step: "advance", ...FORCED }, "one");
  assert.deepEqual([report.end, report.routes], ["moved", ["make", "one"]]);
  const apart = await move(bench.crossfade.adminUrl, { step: "advance", ...FORCED }, "cart");
  assert.deepEqual([apart.report.end, missingOf(apart.report)], ["refused", ["group"]]);
  assert.match(apart.detail, /cart moves together with order, which is in phase legacy-only/);
});

test("a route that mirrored nothing for a while comes back with a gap for what the other side missed", async (t) => {
  const bench = await startPhases(t);
  assert.equal((await move(bench.crossfade.adminUrl, { step: "rollback" })).report.to, "legacy-only");
  await bench.send("PUT", "/users/1", { n: 1 });
  assert.equal(bench.next.seen.length, 0);
  assert.equal((await move(bench.crossfade.adminUrl, { step: "advance" })).report.to, "dual-write");
  const { items } = await bench.api<{ items: { why: string; to: string | null }[] }>("/api/v1/gaps");
  assert.deepEqual(
    items.map(({ why, to }) => [why, to !== null]),
    [["the route mirrored nothing: its phase had no shadow", true]],
  );
  await bench.send("PUT", "/users/1", { n: 2 });
  await bench.settled(1);
  assert.equal(bench.next.seen.length, 1);
  // It counts on the way there, and not on the way back: legacy has what next missed.
  const there = await move(bench.crossfade.adminUrl, { step: "advance" });
  assert.deepEqual(missingOf(there.report), ["gate", "gaps"]);
  assert.equal((await move(bench.crossfade.adminUrl, { step: "advance", ...FORCED })).report.end, "moved");
  await until(async () => ((await phaseOf(bench)).rollback as { price?: string } | null)?.price === "free");
  assert.equal((await move(bench.crossfade.adminUrl, { step: "rollback" })).report.end, "moved");
});

test("the file's phase acts when its value changes, and never over the barrier", async (t) => {
  const bench = await startPhases(t);
  const write = (phase: string): void => {
    const text = readFileSync(bench.configFile, "utf8");
    writeFileSync(bench.configFile, text.replace(/name: users,( phase: [\w-]+,)?/, `name: users, phase: ${phase},`));
  };
  const reload = async (phase: string): Promise<unknown> => {
    write(phase);
    await bench.crossfade.reload();
    const { phase: acting, wanted } = await phaseOf(bench);
    return [acting, wanted, (await bench.status()).config.error !== null];
  };
  assert.equal((await move(bench.crossfade.adminUrl, { step: "rollback" })).report.to, "legacy-only");
  assert.deepEqual(await reload("dual-write"), ["legacy-only", "dual-write", false]);
  assert.deepEqual(await reload("backfilling"), ["backfilling", "backfilling", false]);
  assert.deepEqual(await reload("next-primary"), ["backfilling", "backfilling", true]);
  assert.deepEqual(await reload("dual-write"), ["dual-write", "dual-write", false]);
  assert.equal((await move(bench.crossfade.adminUrl, { step: "advance", ...FORCED })).report.to, "next-primary");
  // As the operator is told to.
  assert.deepEqual(await reload("next-primary"), ["next-primary", "next-primary", false]);
  assert.deepEqual(await reload("dual-write"), ["next-primary", "next-primary", true]);
  const unpin = await move(bench.crossfade.adminUrl, { step: "unpin" });
  assert.equal(unpin.status, 200);
});

test("illegal steps, ids that could be two things, and unknown routes are refused in words", async (t) => {
  const counted = (from: number): Answer => {
    let last = from;
    return (seen, response) => json(201, { id: ++last })(seen, response);
  };
  const bench = await startPhases(t, {
    legacy: counted(100),
    next: counted(1),
    routes: `routes:
  - { name: users, match: { path: "/users/:id?" }, values: { learn: [{ at: "answer:/id", kind: user }] } }
  - { name: rest, match: { path: "/**" }, phase: legacy-only }
`,
  });
  const { adminUrl } = bench.crossfade;
  assert.match((await move(adminUrl, { step: "rollback" }, "rest")).detail, /legacy-only is the first phase/);
  await bench.send("POST", "/users", {});
  await bench.settled(1);
  const clash = (await move(adminUrl, { step: "advance" })).report.checks.find(({ name }) => name === "values");
  assert.equal(clash?.state, "missing");
  assert.match(clash?.text ?? "", /both services make values of kind user that look alike/);
  const dry = await move(adminUrl, { step: "advance", dryRun: true, ...FORCED });
  assert.equal(dry.report.checks.find(({ name }) => name === "values")?.state, "forced");
  assert.equal((await move(adminUrl, { step: "advance" }, "nobody")).status, 404);
  assert.equal((await move(adminUrl, { step: "sideways" })).status, 400);
  assert.match((await move(adminUrl, { step: "advance", force: true })).detail, /force needs a reason/);
  const cli = await runCli(["phase", "rest", "rollback", "--admin", adminUrl]);
  assert.deepEqual([cli.code, cli.stdout.split("\n")[0]?.startsWith("rest stays in legacy-only")], [1, true]);
  const shown = await runCli(["phase", "users", "--admin", adminUrl]);
  assert.equal(shown.stdout, "users: dual-write (as the file says)\n");
});

test("a store that knows nothing of a route takes next as its primary only where somebody says so", async (t) => {
  const bench = await startPhases(t, { store: "sqlite" });
  await bench.crossfade.stop();
  const text = readFileSync(bench.configFile, "utf8");
  const other = text.replace("name: users,", "name: customers, phase: next-primary,");
  writeFileSync(bench.configFile, other);
  const loaded = loadSettings({ file: bench.configFile, flags: {}, env: process.env });
  assert.ok(loaded.ok);
  await assert.rejects(
    startCrossfade({ settings: loaded.settings, logLevel: "silent" }),
    /customers \(next-primary\).*--adopt-phases/,
  );
  const flags = { adoptPhases: true };
  const adopted = await startCrossfade({ settings: loaded.settings, flags, logLevel: "silent" });
  await adopted.stop(200);
  // From here on the store knows.
  const again = await startCrossfade({ settings: loaded.settings, logLevel: "silent" });
  await again.stop(200);
});
