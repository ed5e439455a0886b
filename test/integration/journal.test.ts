import assert from "node:assert/strict";
import net from "node:net";
import { tmpdir } from "node:os";
import { test, type TestContext } from "node:test";
import { request } from "undici";
import { openMemoryStore } from "../../adapters/store/memory.ts";
import { createTransforms } from "../../proxy/transform/transforms.ts";
import { createTelemetry } from "../../adapters/telemetry/telemetry.ts";
import { ByteBudget } from "../../proxy/byte-budget.ts";
import { createComparer } from "../../proxy/compare/comparer.ts";
import { createModuleHealth } from "../../proxy/compare/module-health.ts";
import { loadSettings } from "../../proxy/config/load.ts";
import { spellEndpoint } from "../../proxy/endpoint.ts";
import { Spool } from "../../proxy/forward/spool.ts";
import { createListener } from "../../proxy/listen/server.ts";
import { Backlog } from "../../proxy/mirror/backlog.ts";
import { ChangeLog } from "../../proxy/mirror/change-log.ts";
import { Freezes } from "../../proxy/mirror/freezes.ts";
import { Gaps } from "../../proxy/mirror/gaps.ts";
import { InFlight } from "../../proxy/mirror/in-flight.ts";
import { createMemoryJournal, createNullJournal } from "../../proxy/mirror/journal.ts";
import { ShadowGate } from "../../proxy/mirror/shadow-gate.ts";
import { identityRewrite, type Rewrite } from "../../proxy/mirror/shadow-request.ts";
import { Taints } from "../../proxy/mirror/taints.ts";
import { Unsettled } from "../../proxy/mirror/unsettled.ts";
import { OpenTunnels } from "../../proxy/forward/open-tunnels.ts";
import { OpenWrites } from "../../proxy/phase/open-writes.ts";
import { WriteHold } from "../../proxy/phase/write-hold.ts";
import { createPipeline, type Pipeline } from "../../proxy/pipeline.ts";
import type { Journal } from "../../proxy/journal.ts";
import type { Store } from "../../proxy/ports.ts";
import { ALONE } from "../../proxy/turns.ts";
import { createCounters } from "../../proxy/record/counters.ts";
import { createRuleCounters } from "../../proxy/record/rule-counters.ts";
import { createRecorder } from "../../proxy/record/recorder.ts";
import { createRedactor } from "../../proxy/record/redaction.ts";
import { createSealer } from "../../proxy/sealed.ts";
import { compileRouter } from "../../proxy/route/router.ts";
import { Pools } from "../../proxy/upstream/pools.ts";
import { json, startService, type TestService } from "../support/service.ts";
import { testValueMap } from "../support/value-map.ts";
import { connectTo } from "../support/wire.ts";
import { NO_PAIRS } from "../support/pairs.ts";

const clock = { now: () => Date.now(), monotonic: () => performance.now() };

interface Wired {
  readonly url: string;
  readonly legacy: TestService;
  readonly next: TestService;
  readonly store: Store;
  readonly pipeline: Pipeline;
  put(path: string): Promise<number>;
  settled(): Promise<void>;
}

/** The pipeline between two real services, with a journal of the test's own. */
async function wire(t: TestContext, journal: Journal, rewrite: Rewrite = identityRewrite): Promise<Wired> {
  const legacy = await startService();
  const next = await startService();
  const loaded = loadSettings({ file: null, flags: { legacy: legacy.url, next: next.url, store: "memory:" }, env: {} });
  assert.ok(loaded.ok);
  const { settings } = loaded;
  const store = openMemoryStore({ clock });
  const counters = createCounters();
  const { telemetry } = createTelemetry({ version: "test" });
  const caught = (step: string, error: unknown): void => assert.fail(`${step}: ${String(error)}`);
  const recorder = createRecorder({
    store,
    log: { append() {} },
    telemetry,
    counters,
    redactor: createRedactor(Buffer.alloc(32)),
    sealer: createSealer(Buffer.alloc(32)),
    pairs: NO_PAIRS,
    onRecord() {},
    caught,
  });
  const pools = new Pools();
  const comparer = createComparer({ queueBytes: 1 << 20, workers: 1, timeLimitMs: 1000 });
  const budget = new ByteBudget(1 << 24);
  const gate = new ShadowGate({
    opensAfter: 5,
    probeEveryMs: 100,
    inFlight: new InFlight(() => 100),
    ratePerSecond: () => null,
    monotonic: clock.monotonic,
  });
  let position = 0;
  const pipeline = createPipeline(
    {
      openWrites: new OpenWrites(),
      changes: new ChangeLog(),
      freezes: new Freezes(),
      copying: { isCopying: () => false },
      snapshot: () => ({ revision: 1, settings, router: compileRouter(settings.routes), epochs: new Map() }),
      mirroringEnabled: () => true,
      upstream: (role, service) => pools.for(role, service),
      gate: () => gate,
      journal,
      recorder,
      evidence: { settled() {} },
      pairs: NO_PAIRS,
      comparer,
      telemetry,
      clock,
      copies: { budget, spool: new Spool(tmpdir(), new ByteBudget(0), budget) },
      budget,
      backlog: new Backlog(),
      taints: new Taints(),
      noise: {
        watch: () => null,
        watchChosen: () => null,
        compared() {},
        sawFailure() {},
        of: () => ({ askedTwice: 0, notAskedTwice: {}, counted: 0, notCounted: {}, placesLeftOut: 0 }),
        close: () => Promise.resolve(),
      },
      unsettled: new Unsettled(),
      transforms: createTransforms(caught),
      markKey: Buffer.alloc(32, 7),
      orderStamp: (base) => `${base}.${++position}`,
      orderBase: () => 3,
      turns: ALONE,
      rewrite,
      values: testValueMap(store, clock, caught),
      ruleCounters: createRuleCounters(),
      moduleHealth: createModuleHealth(),
      gaps: new Gaps(store, clock),
      caught,
    },
    { hold: new WriteHold(), tunnels: new OpenTunnels() },
  );
  const listener = await createListener(
    { listen: { host: "127.0.0.1", port: 0 }, socketMode: 0o660, tls: null },
    { ...pipeline, tunnels: () => false },
  );
  const url = `http://${spellEndpoint(listener.address)}`;
  t.after(async () => {
    listener.closeAllConnections();
    await listener.close();
    gate.close();
    await Promise.all([pools.close("primary"), pools.close("shadow"), comparer.close(), legacy.close(), next.close()]);
    await recorder.close();
    await store.close();
  });
  return {
    url,
    legacy,
    next,
    store,
    pipeline,
    async put(path) {
      const answer = await request(url + path, { method: "PUT", body: "{}" });
      await answer.body.dump();
      return answer.statusCode;
    },
    async settled() {
      while (counters.pending() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    },
  };
}

test("the primary is not called before the intent is durable, and each record of the journal's table is made once, in order", async (t) => {
  const calls: string[] = [];
  let durable = (): void => {};
  const journal: Journal = {
    ...createNullJournal(),
    kind: "durable",
    intend: ({ key }) => {
      calls.push(`intend ${key}`);
      return new Promise((resolve) => (durable = resolve));
    },
    answered: (_id, end, key) => void calls.push(`answered ${end} ${key}`),
    sent: (_id, attempt) => void calls.push(`sent ${attempt}`),
    settled: () => void calls.push("settled"),
  };
  const wired = await wire(t, journal);
  wired.legacy.answerWith((seen, response) => {
    calls.push("primary");
    json(200, {})(seen, response);
  });
  const answered = wired.put("/users/1");
  while (calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
  calls.push("durable");
  durable();
  assert.equal(await answered, 200);
  await wired.settled();
  assert.deepEqual(calls, ["intend users/1", "durable", "primary", "answered accepted users/1", "sent 1", "settled"]);
});

test("where nothing is in a copy's way its acceptance stands for the first attempt, which waits until that is durable; behind another write of its key it does not", async (t) => {
  const accepted: unknown[] = [];
  const durable = Promise.withResolvers<void>();
  const journal: Journal = {
    ...createNullJournal(),
    kind: "durable",
    intend: () => Promise.resolve(),
    answered: (_id, _end, key, write) => void accepted.push([key, write?.sentAtOnce ?? false]),
    sent: () => durable.promise,
  };
  const wired = await wire(t, journal);
  for (const path of ["/users/1", "/users/1", "/users/2"]) assert.equal(await wired.put(path), 200);
  assert.deepEqual(accepted, [
    ["users/1", true],
    ["users/1", false],
    ["users/2", true],
  ]);
  assert.equal(wired.next.seen.length, 0);
  durable.resolve();
  await wired.settled();
  assert.equal(wired.next.seen.length, 3);
});

test("a refused write is journaled as refused and settled without being sent", async (t) => {
  const journal = createMemoryJournal();
  const wired = await wire(t, journal);
  wired.legacy.answerWith(json(422, {}));
  assert.equal(await wired.put("/users/1"), 422);
  await wired.settled();
  assert.equal(journal.depth(), 0);
  assert.equal(wired.next.seen.length, 0);
});

test("a write that the primary accepted before it had the whole body is journaled as unknown: a crash must not deliver half of it", async (t) => {
  const ends: string[] = [];
  const journal: Journal = { ...createNullJournal(), answered: (_id, end) => void ends.push(end) };
  const wired = await wire(t, journal);
  await wired.legacy.close();
  const early = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
  });
  await new Promise<void>((resolve) => early.listen(wired.legacy.port, "127.0.0.1", resolve));
  t.after(() => early.close());
  const client = await connectTo(wired.url);
  client.write("PUT /users/1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
  await client.until("200 OK");
  client.close();
  await wired.settled();
  assert.deepEqual(ends, ["unknown"]);
  assert.equal(wired.next.seen.length, 0);
});

test("a journal that does not take the intent in time holds up no client: the write goes on inside a gap, one for all of them, until the journal is back", async (t) => {
  let working = false;
  const journal: Journal = {
    ...createNullJournal(),
    kind: "durable",
    intend: () => (working ? Promise.resolve() : new Promise(() => {})),
  };
  const wired = await wire(t, journal);
  for (let i = 0; i < 5; i++) assert.equal(await wired.put(`/users/${i}`), 200);
  const open = await wired.store.gaps({ limit: 10 });
  assert.deepEqual(
    open.items.map(({ route, to }) => [route, to]),
    [["default", null]],
  );
  working = true;
  assert.equal(await wired.put("/users/1"), 200);
  const closed = await wired.store.gaps({ limit: 10 });
  assert.equal(closed.items.length, 1);
  assert.notEqual(closed.items[0]?.to, null);
  await wired.settled();
});

test("a journal that fails is a gap too, and the write goes on", async (t) => {
  const journal: Journal = { ...createNullJournal(), kind: "durable", intend: () => Promise.reject(new Error("gone")) };
  const wired = await wire(t, journal);
  assert.equal(await wired.put("/users/1"), 200);
  assert.equal((await wired.store.gaps({ limit: 10 })).items.length, 1);
  await wired.settled();
});

test("the rewrite stage changes what the shadow gets and nothing that the primary gets; the order stamp counts up within the generation", async (t) => {
  const rewrite: Rewrite = (copy) => ({
    ...copy,
    target: copy.target.replace("/v1/", "/"),
    headers: [...copy.headers, "x-rewritten", "yes"],
  });
  const wired = await wire(t, createNullJournal(), rewrite);
  await wired.put("/v1/users/1");
  await wired.put("/v1/users/1");
  await wired.settled();
  assert.deepEqual(
    wired.legacy.seen.map(({ target }) => target),
    ["/v1/users/1", "/v1/users/1"],
  );
  assert.deepEqual(
    wired.next.seen.map(({ target }) => target),
    ["/users/1", "/users/1"],
  );
  assert.equal(wired.next.seen[0]?.header("x-rewritten"), "yes");
  const stamps = wired.next.seen.map((seen) => (seen.header("x-crossfade-order") ?? "").split(".").map(Number));
  assert.deepEqual(
    stamps.map(([generation]) => generation),
    [3, 3],
  );
  assert.ok((stamps[0]?.[1] ?? 0) < (stamps[1]?.[1] ?? 0));
});
