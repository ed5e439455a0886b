import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import type { TestContext } from "node:test";
import { request } from "undici";
import { openMemoryStore } from "../../adapters/store/memory.ts";
import { createTransforms } from "../../proxy/transform/transforms.ts";
import { createTelemetry } from "../../adapters/telemetry/telemetry.ts";
import { ByteBudget } from "../../proxy/process/byte-budget.ts";
import { createComparer } from "../../proxy/compare/comparer.ts";
import { createModuleHealth } from "../../proxy/compare/module-health.ts";
import { loadSettings } from "../../proxy/config/load.ts";
import type { Settings } from "../../proxy/config/settings.ts";
import { spellEndpoint } from "../../proxy/endpoint.ts";
import { Spool } from "../../proxy/forward/spool.ts";
import { createListener } from "../../proxy/listen/server.ts";
import type { Noise } from "../../proxy/noise/noise.ts";
import { Backlog } from "../../proxy/mirror/backlog.ts";
import { ChangeLog } from "../../proxy/mirror/change-log.ts";
import { CrossingWrites } from "../../proxy/mirror/crossing-writes.ts";
import { Freezes } from "../../proxy/mirror/freezes.ts";
import { Gaps } from "../../proxy/mirror/gaps.ts";
import { KeyHolds } from "../../proxy/mirror/key-holds.ts";
import { Pins } from "../../proxy/mirror/pins.ts";
import { InFlight } from "../../proxy/mirror/in-flight.ts";
import { ShadowGate } from "../../proxy/mirror/shadow-gate.ts";
import { identityRewrite, type Rewrite } from "../../proxy/mirror/shadow-request.ts";
import { Taints } from "../../proxy/mirror/taints.ts";
import { Unsettled } from "../../proxy/mirror/unsettled.ts";
import { OpenTunnels } from "../../proxy/forward/open-tunnels.ts";
import { OpenWrites } from "../../proxy/phase/open-writes.ts";
import { WriteHold } from "../../proxy/phase/write-hold.ts";
import { createPipeline, type Pipeline } from "../../proxy/pipeline.ts";
import type { Journal } from "../../proxy/journal.ts";
import type { Store, Upstream } from "../../proxy/ports.ts";
import { ALONE, type Turns } from "../../proxy/members/turns.ts";
import { type Counters, createCounters } from "../../proxy/record/counters.ts";
import { createRuleCounters } from "../../proxy/record/rule-counters.ts";
import { createRecorder, type Recorder } from "../../proxy/record/recorder.ts";
import { createRedactor } from "../../proxy/record/redaction.ts";
import { createSealer } from "../../proxy/sealed.ts";
import { compileRouter } from "../../proxy/route/router.ts";
import { Pools } from "../../proxy/upstream/pools.ts";
import { startService, type TestService } from "./service.ts";
import { testValueMap } from "./value-map.ts";
import { NO_PAIRS } from "./pairs.ts";

const clock = { now: () => Date.now(), monotonic: () => performance.now() };

export interface Wired {
  readonly url: string;
  readonly legacy: TestService;
  readonly next: TestService;
  readonly store: Store;
  readonly pipeline: Pipeline;
  readonly counters: Counters;
  readonly recorder: Recorder;
  readonly openWrites: OpenWrites;
  put(path: string): Promise<number>;
  settled(): Promise<void>;
}

/** What a test gives instead of what is usual. */
export interface WireOptions {
  readonly rewrite?: Rewrite;
  /** Connections to a primary. */
  readonly primary?: (usual: () => Upstream) => Upstream;
  readonly noise?: Pick<Noise, "watch">;
  readonly turns?: Turns;
  /** By default nothing may fail. */
  readonly caught?: (step: string, error: unknown) => void;
}

/** The pipeline between two real services, with a journal of the test's own. */
export async function wire(t: TestContext, journal: Journal, options: WireOptions = {}): Promise<Wired> {
  const legacy = await startService();
  const next = await startService();
  const loaded = loadSettings({ file: null, flags: { legacy: legacy.url, next: next.url, store: "memory:" }, env: {} });
  assert.ok(loaded.ok);
  const settings = options.noise === undefined ? loaded.settings : learning(loaded.settings);
  const store = openMemoryStore({ clock });
  const counters = createCounters();
  const { telemetry } = createTelemetry({ version: "test" });
  const caught = options.caught ?? ((step: string, error: unknown): void => assert.fail(`${step}: ${String(error)}`));
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
  const openWrites = new OpenWrites();
  let position = 0;
  const pipeline = createPipeline(
    {
      openWrites,
      crossing: new CrossingWrites(clock.monotonic),
      changes: new ChangeLog(),
      pins: new Pins(null),
      freezes: new Freezes(),
      keyHolds: new KeyHolds(),
      readBacks: { settled() {} },
      copying: { isCopying: () => false },
      snapshot: () => ({ revision: 1, settings, router: compileRouter(settings.routes), epochs: new Map() }),
      mirroringEnabled: () => true,
      upstream: (role, service) => {
        const usual = (): Upstream => pools.for(role, service);
        return role === "primary" && options.primary !== undefined ? options.primary(usual) : usual();
      },
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
        watch: (arrived) => options.noise?.watch(arrived) ?? null,
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
      turns: options.turns ?? ALONE,
      rewrite: options.rewrite ?? identityRewrite,
      values: testValueMap(store, clock, caught),
      ruleCounters: createRuleCounters(),
      moduleHealth: createModuleHealth(),
      gaps: new Gaps(store, clock),
      caught,
    },
    {
      hold: new WriteHold(),
      tunnels: new OpenTunnels(),
      clients: { of: () => null, dialled: () => null, fallenBack: () => null },
      dial: { mayAsk: () => false, count() {} },
      fallback: { mayAsk: () => false, count() {}, missed() {} },
    },
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
    counters,
    recorder,
    openWrites,
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

function learning(settings: Settings): Settings {
  const routes = settings.routes.map((route) => {
    const noise = { ...route.compare.noise, readShare: 1 };
    return { ...route, compare: { ...route.compare, noise } };
  });
  return { ...settings, routes };
}
