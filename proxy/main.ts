/** Builds the parts in the order in which data flows through them, starts them, and ends them. */
import { randomInt } from "node:crypto";
import { tmpdir } from "node:os";
import { dirname, resolve } from "node:path";
import { pino } from "pino";
import { openStore, type OpenedStore } from "../adapters/store/open.ts";
import { createTelemetry } from "../adapters/telemetry/telemetry.ts";
import type { AuditedChange } from "./audit.ts";
import { createFeed } from "./admin/feed.ts";
import { createAdmin } from "./admin/server.ts";
import { ByteBudget } from "./byte-budget.ts";
import { createComparer } from "./compare/comparer.ts";
import { contentEncodingOf, decodeContent, undoContentEncoding } from "./compare/decode.ts";
import { createModuleHealth } from "./compare/module-health.ts";
import type { Environment } from "./config/environment.ts";
import type { StartFlags } from "./config/flags.ts";
import { watchSettings, type SettingsWatch } from "./config/live.ts";
import { ENDS_SOON_MS } from "./config/certificates.ts";
import { formatConfigMessage } from "./config/message.ts";
import { rereadInThread } from "./config/reader.ts";
import type { Endpoint, ListenTlsSettings, ServiceSettings, Settings } from "./config/settings.ts";
import { createCutoverGate } from "./cutover-gate.ts";
import { drain, type StopReport } from "./drain.ts";
import { spellEndpoint } from "./endpoint.ts";
import { createEvidenceBook } from "./evidence-book.ts";
import { Spool } from "./forward/spool.ts";
import { makeUlid } from "./identity.ts";
import { createListener } from "./listen/server.ts";
import { Backlog } from "./mirror/backlog.ts";
import { CountedWrites } from "./mirror/counted-writes.ts";
import { Gaps } from "./mirror/gaps.ts";
import { InFlight } from "./mirror/in-flight.ts";
import { createMemoryJournal } from "./mirror/journal.ts";
import type { ShadowGate } from "./mirror/shadow-gate.ts";
import { ShadowGates } from "./mirror/shadow-gates.ts";
import { identityRewrite } from "./mirror/shadow-request.ts";
import { PairBook } from "./mirror/values/pair-book.ts";
import { createSeal } from "./mirror/values/seal.ts";
import { ValueMap } from "./mirror/values/value-map.ts";
import { Taints } from "./mirror/taints.ts";
import { createNoise } from "./noise.ts";
import { Unsettled } from "./mirror/unsettled.ts";
import { createReplay } from "./pairs/replay.ts";
import { createPipeline } from "./pipeline.ts";
import { createSwitchboard } from "./config/switchboard.ts";
import type { PipelineParts } from "./pipeline-parts.ts";
import { systemClock } from "./system-clock.ts";
import { LOOKED_INTO_MAX_BYTES } from "./record/body-secrets.ts";
import { createCounters } from "./record/counters.ts";
import { openDivergenceLog } from "./record/divergence-log.ts";
import { PlaceBook } from "./record/place-book.ts";
import { keyedHash } from "./record/keyed-hash.ts";
import { createPairKeeper, PAIR_BODY_MAX_BYTES } from "./record/pair-keeper.ts";
import type { DecodeBody } from "./record/pair-redaction.ts";
import { createPurge } from "./record/purge.ts";
import { createRecorder } from "./record/recorder.ts";
import { createRuleCounters } from "./record/rule-counters.ts";
import { createRedactor } from "./record/redaction.ts";
import { createWebhook } from "./record/webhook.ts";
import { deliveryKey, deriveKey, loadSecretKey, randomSecretKey } from "./record/secret-key.ts";
import { compileRouter } from "./route/router.ts";
import { createSealer } from "./sealed.ts";
import { createRepairs } from "./repair/repairs.ts";
import { createStatusSource } from "./status-source.ts";
import { Pools } from "./upstream/pools.ts";
import { watchReachability } from "./upstream/reachability.ts";
import { createValueList } from "./value-list.ts";
import { readBodyForValues } from "./value-bodies.ts";
import { readVersion } from "./version.ts";

export interface StartOptions {
  readonly settings: Settings;
  /** Certificates, keys and modules that the settings came from. */
  readonly files?: readonly string[];
  /** As given on the command line; a reloaded file is read under the same flags. */
  readonly flags?: StartFlags;
  readonly env?: Environment;
  /** The store, where somebody has begun to open it already; by default the one that the settings name. */
  readonly store?: Promise<OpenedStore>;
  /** pino's levels; logs go to stderr. Default `info`. */
  readonly logLevel?: string;
  /** How often the repair list is gone through by itself. Default 10 s. */
  readonly repairEveryMs?: number;
  /** Called with each sentence that an operator should see at the start. */
  readonly warn?: (line: string) => void;
}

export interface Crossfade {
  readonly proxyUrl: string;
  readonly adminUrl: string;
  /** Reads the config file again: whole or not at all. Nothing happens where there is no file. */
  reload(): Promise<void>;
  /** Stops accepting, finishes, settles the lanes within the budget (default 10 s). Safe to call twice. */
  stop(budgetMs?: number): Promise<StopReport>;
}

const DRAIN_BUDGET_MS = 10_000;
/** Consecutive failures that open a shadow's breaker, and the pause between attempts while it is open. */
const BREAKER_OPENS_AFTER = 5;
const BREAKER_PROBE_EVERY_MS = 1_000;
const COMPARE_TIME_LIMIT_MS = 30_000;
/** How long a new pair of values waits for a store that fails; then its entity is left to repair. */
const PAIR_RETRY_MS = 5_000;
const REPAIR_EVERY_MS = 10_000;

/**
 * Starts one process and resolves once both listeners take connections. Services that cannot be reached do not stop it.
 * @throws CrossfadeError: a port is taken, the store cannot be used
 */
export async function startCrossfade(options: StartOptions): Promise<Crossfade> {
  const { settings } = options;
  const version = readVersion();
  const log = pino(
    { level: options.logLevel ?? "info", name: "crossfade" },
    pino.destination({ dest: 2, sync: false }),
  );
  const warnings: string[] = [];
  const warn = (line: string): void => {
    warnings.push(line);
    options.warn?.(line);
  };
  const caughtByStep: Record<string, number> = {};
  const caught = (step: string, error: unknown): void => {
    caughtByStep[step] = (caughtByStep[step] ?? 0) + 1;
    log.error({ err: error, step }, "caught on the shadow's side");
  };

  // The settings that a new exchange gets, and what changes with them.
  let following: SettingsWatch | null = null;
  let stopping = false;
  let expiredRules: readonly string[] = [];

  // State and evidence.
  const opened = await (options.store ?? openStore(settings, systemClock, () => deliveryKey(settings)));
  const { durable, notes, secretKey: shared } = opened;
  const journal = durable?.journal ?? createMemoryJournal();
  const counted = new CountedWrites(opened.store, journal, systemClock);
  const store = durable === null ? opened.store : counted.readable(opened.store);
  for (const note of notes) warn(note);
  const audit = (change: AuditedChange): void => {
    const now = systemClock.now();
    const entry = { id: makeUlid(now), at: new Date(now).toISOString(), ...change };
    store.append([{ type: "audit", entry }]);
    log.info({ audit: entry }, "changed by an operator");
  };
  const overrides = await store.overrides();
  const acting = createSwitchboard({ store, clock: systemClock, settings, overrides, audit, routerOf: compileRouter });
  const ownKey = (): Buffer =>
    settings.store.kind === "sqlite" ? loadSecretKey(`${settings.store.file}.key`) : randomSecretKey();
  const secretKey = shared ?? ownKey();
  const telemetry = createTelemetry({ version });
  const counters = createCounters();
  const ruleCounters = createRuleCounters();
  counters.restore(await store.outcomeCounts(), await store.eligibleCounts());
  for (const { route, count } of durable?.open ?? []) counters.resume(route, count);
  const book = new PlaceBook();
  book.restore(await store.places());
  const kept = await store.gateEvidence();
  const evidence = createEvidenceBook({ store, clock: systemClock, kept, seed: randomInt(2 ** 32) });
  const cutoverGate = createCutoverGate({ book: evidence, store, snapshot: acting.snapshot });
  const divergenceLog = await openDivergenceLog({ ...settings.divergenceLog, clock: systemClock });
  const feed = createFeed();
  const redactor = createRedactor(deriveKey(secretKey, "evidence"), ({ headers, body }) => {
    return decodeContent(body, contentEncodingOf(headers), LOOKED_INTO_MAX_BYTES) ?? body;
  });
  const sealer = createSealer(deriveKey(secretKey, "repair list"));
  const decode: DecodeBody = ({ headers, body }) =>
    undoContentEncoding(body, contentEncodingOf(headers), PAIR_BODY_MAX_BYTES);
  const pairs = createPairKeeper({
    isOn: settings.limits.pairsBytes > 0,
    redactor,
    decode,
    monotonic: () => systemClock.monotonic(),
    caught: (error) => caught("pair", error),
  });
  const recorder = createRecorder({
    store: durable === null ? store : counted,
    log: divergenceLog,
    telemetry: telemetry.telemetry,
    counters,
    redactor,
    sealer,
    pairs,
    onRecord: (record) => feed.publish(record),
    caught,
  });

  const purge = createPurge({
    store,
    log: divergenceLog,
    redactor,
    pairs,
    audit: (entry) => {
      log[entry.failed === null ? "warn" : "error"]({ purge: entry }, "divergences of a key were purged");
      const { by, key, dryRun, failed, records, logLines } = entry;
      if (dryRun) return;
      const what = `${records} records, ${logLines} lines of the log erased${failed === null ? "" : `; failed: ${failed}`}`;
      audit({ by, action: "purge", subject: key, what, reason: null });
    },
  });

  const webhook = createWebhook({
    settings: () => acting.snapshot().settings.webhook,
    store,
    version,
    gaveUp: (why) => log.warn({ webhook: webhook.health()?.origin, why }, "a call to the webhook was given up"),
  });
  store.onGroupEvent((event) => webhook.notify(event));

  // Connections, and what stands between the lanes and the shadows.
  const pools = new Pools();
  const inFlight = new InFlight(() => acting.snapshot().settings.limits.inFlight);
  const gateOptions = {
    opensAfter: BREAKER_OPENS_AFTER,
    probeEveryMs: BREAKER_PROBE_EVERY_MS,
    inFlight,
    monotonic: () => systemClock.monotonic(),
  };
  const gates = new ShadowGates((service) => ({
    ...gateOptions,
    ratePerSecond: () => (acting.snapshot().settings.services[service.name] ?? service).asShadow.ratePerSecond,
    onClosed: () => repairs.wake(),
  }));
  const gateOf = (service: ServiceSettings): ShadowGate => gates.of(service);
  /** Of what a repair reads from a primary. */
  const readGates = new ShadowGates(() => ({ ...gateOptions, ratePerSecond: () => null }));
  const closeGates = (): void => {
    gates.close();
    readGates.close();
  };
  const reachability = watchReachability(() => Object.values(acting.snapshot().settings.services));

  // The path of a request.
  const queue = new ByteBudget(settings.limits.queuedBytes);
  const disk = new ByteBudget(settings.limits.spoolBytes);
  const spoolFolder = settings.store.kind === "sqlite" ? dirname(resolve(settings.store.file)) : tmpdir();
  const spool = new Spool(spoolFolder, disk, queue);
  const comparer = createComparer({
    queueBytes: settings.limits.queuedBytes,
    workers: 1,
    timeLimitMs: COMPARE_TIME_LIMIT_MS,
  });
  const moduleHealth = createModuleHealth();
  const backlog = new Backlog();
  const forwarder = { budget: queue, spool, clock: systemClock };
  const markKey = deriveKey(secretKey, "shadow mark");
  const upstream: PipelineParts["upstream"] = (role, service) => pools.for(role, service);
  const noise = createNoise({
    book,
    redactor,
    store,
    hashKey: deriveKey(secretKey, "noise"),
    telemetry: telemetry.telemetry,
    upstream,
    forwarder,
    markKey,
    clock: systemClock,
    mirroringEnabled: () => acting.mirroringEnabled(),
    random: Math.random,
    caught,
  });
  const valueKey = deriveKey(secretKey, "values");
  const seal = createSeal(valueKey, keyedHash(deriveKey(valueKey, "index")));
  const values = new ValueMap({
    book: new PairBook({ store, seal, clock: systemClock, retryForMs: PAIR_RETRY_MS, caught }),
    readBody: readBodyForValues,
    now: () => systemClock.now(),
    monotonic: () => systemClock.monotonic(),
  });
  const orderStamp = (position = journal.nextPosition()): string => `${store.generation}.${position}`;
  const taints = new Taints();
  const pipeline = createPipeline({
    snapshot: acting.snapshot,
    mirroringEnabled: () => acting.mirroringEnabled(),
    upstream,
    gate: gateOf,
    journal,
    recorder,
    evidence,
    pairs,
    ruleCounters,
    comparer,
    moduleHealth,
    telemetry: telemetry.telemetry,
    clock: systemClock,
    forwarder,
    budget: queue,
    backlog,
    taints,
    noise,
    markKey,
    unsettled: new Unsettled(),
    orderStamp,
    rewrite: identityRewrite,
    values,
    gaps: new Gaps(store, systemClock, durable?.marker ?? null),
    caught,
  });

  const repairs = createRepairs({
    snapshot: acting.snapshot,
    store,
    visit: pipeline.visit,
    upstream: (service) => upstream("shadow", service),
    gate: gateOf,
    primaryGate: (service) => readGates.of(service),
    forwarder,
    budget: queue,
    comparer,
    moduleHealth,
    telemetry: telemetry.telemetry,
    clock: systemClock,
    taints,
    sealer,
    redactor,
    markKey,
    orderStamp,
    everyMs: options.repairEveryMs ?? REPAIR_EVERY_MS,
    audit: ({ what, by, job }) => {
      const run = job.dryRun ? "dry run of a repair" : "repair";
      const sums = what === "ended" ? ` (${job.state}): ${JSON.stringify(job.results)}` : "";
      audit({ by, action: "repair", subject: job.route, what: `${run} ${what}${sums}`, reason: null });
    },
    caught,
  });

  const replay = createReplay({
    snapshot: acting.snapshot,
    mirroringEnabled: () => acting.mirroringEnabled(),
    store,
    upstream,
    gate: gateOf,
    redactor,
    decode,
    comparer,
    moduleHealth,
    budget: queue,
    clock: systemClock,
    telemetry: telemetry.telemetry,
    markKey,
    values,
    audit: ({ by, id, reason, sentTo }) => {
      const what = sentTo.length > 0 ? `sent again to ${sentTo.join(", ")}` : "asked for and not sent";
      audit({ by, action: "replay", subject: id, what, reason });
    },
  });

  const statusSource = createStatusSource({
    clock: systemClock,
    startedAt: systemClock.now(),
    member: { id: makeUlid(systemClock.now()), version, since: systemClock.now() },
    snapshot: acting.snapshot,
    overrides: () => acting.overrides(),
    notReady: () => (stopping ? "draining" : null),
    warnings: () => [
      ...warnings,
      ...expiredRules,
      ...certificateWarnings(acting.snapshot().settings.tls, systemClock.now()),
    ],
    configError: () => following?.refusal()?.map(formatConfigMessage).join("\n") ?? null,
    store,
    log: divergenceLog,
    counters,
    ruleCounters,
    moduleHealth,
    noise,
    backlog,
    journal,
    queue,
    spool: disk,
    inFlight,
    gate: gateOf,
    cutoverGate,
    reachability,
    pairs,
    webhook: () => webhook.health(),
    caught: () => caughtByStep,
  });
  telemetry.observe(() => statusSource.gauges());

  let takeCertificate: (tls: ListenTlsSettings) => void = () => {};
  const followFile = (file: string): SettingsWatch =>
    watchSettings({
      file,
      running: settings,
      files: options.files ?? [],
      read: (running) => {
        const env = { ...(options.env ?? process.env) };
        return rereadInThread({ input: { file, flags: options.flags ?? {}, env }, running });
      },
      apply({ settings: next, expired }) {
        // First: what OpenSSL refuses refuses the whole file.
        if (next.tls !== null) takeCertificate(next.tls);
        expiredRules = expired.map(formatConfigMessage);
        for (const rule of expiredRules) log.warn({ rule }, "an ignore rule has expired and no longer excuses");
        acting.take(next);
        queue.resize(next.limits.queuedBytes);
        disk.resize(next.limits.spoolBytes);
        telemetry.telemetry.configReload("applied");
        log.info({ revision: acting.snapshot().revision, file }, "settings reloaded");
      },
      refused(errors) {
        telemetry.telemetry.configReload("refused");
        log.error(
          { file, errors: errors.map(formatConfigMessage) },
          "the changed file is not used; the running settings stay",
        );
      },
      unwatched: (why) => warn(`changes of ${file} are not noticed (${why}); send SIGHUP after a change`),
    });

  const left = (): number => backlog.left + journal.waiting();
  const closeParts = async (): Promise<void> => {
    statusSource.close();
    reachability.close();
    const repaired = repairs.stop();
    closeGates();
    await Promise.all([pools.close("primary"), pools.close("shadow"), comparer.close()]);
    await repaired;
    await noise.close();
    await spool.close();
    evidence.close();
    await recorder.close();
    counted.close();
    if (durable !== null) {
      // What is counted by now need not be kept for the next process.
      await store.flush();
      await durable.journal.close();
      await durable.marker.end();
    }
    await webhook.close();
    await divergenceLog.close();
    await store.close();
    await telemetry.close();
  };

  try {
    const listener = await createListener(settings, {
      handle: pipeline.handle,
      tunnel: pipeline.tunnel,
      tunnels: (protocol) => acting.snapshot().settings.tunnels.includes(protocol),
    });
    takeCertificate = (tls) => listener.useCertificate(tls);
    const admin = await createAdmin({
      version,
      listen: settings.admin.listen,
      store,
      snapshot: acting.snapshot,
      status: () => statusSource.status(),
      lookAgain: () => statusSource.lookAgain(),
      metricsText: () => telemetry.metricsText(),
      places: book,
      values: createValueList({ store, seal, routes: () => acting.snapshot().settings.routes }),
      gate: (route) => cutoverGate.ask(route),
      subscribe: (listener) => feed.subscribe(listener),
      override: (change) => acting.change(change),
      audit,
      purge,
      repairs,
      replay,
      onError: (error, what) => log.error({ err: error, what }, "admin"),
    }).catch(async (error: unknown) => {
      await listener.close();
      throw error;
    });
    void reachability.first.then(() => {
      for (const { name, origin } of Object.values(acting.snapshot().settings.services)) {
        const problem = reachability.problemOf(name);
        if (problem !== null) options.warn?.(`${name} at ${origin} cannot be reached (${problem}); started anyway`);
      }
    });

    if (settings.file !== null) following = followFile(settings.file);

    pipeline.resume(durable?.journal.leftOver ?? []);
    let stopped: Promise<StopReport> | null = null;
    return {
      proxyUrl: urlOf(listener.address, settings.tls === null ? "http" : "https"),
      adminUrl: urlOf(admin.address, "http"),
      async reload() {
        await following?.reload();
      },
      stop(budgetMs = DRAIN_BUDGET_MS) {
        stopping = true;
        stopped ??= (async () => {
          following?.close();
          void repairs.stop();
          const report = await drain(
            {
              listener,
              pipeline,
              pending: () => counters.pending() - left(),
              left,
              closeGates,
              closeShadows: () => pools.close("shadow"),
              monotonic: () => systemClock.monotonic(),
            },
            budgetMs,
          );
          await admin.close();
          await closeParts();
          const [kept, logged] = [store.health(), divergenceLog.health()];
          const unwritten = {
            storeWrites: kept.lostWrites + kept.pendingWrites,
            logLines: logged.lostLines + logged.pendingLines,
          };
          return { ...report, unwritten };
        })();
        return stopped;
      },
    };
  } catch (error) {
    await closeParts();
    throw error;
  }
}

/** Once more than at the start and at check: a proxy runs for longer than a certificate may have left. */
function certificateWarnings(tls: ListenTlsSettings | null, now: number): readonly string[] {
  if (tls === null || tls.endsAt - now > ENDS_SOON_MS) return [];
  const day = new Date(tls.endsAt).toISOString().slice(0, 10);
  const when = tls.endsAt <= now ? `ended on ${day} and clients refuse it` : `ends on ${day}`;
  return [`the certificate for clients ${when}; renew tls.cert: the changed file is taken into use by itself`];
}

function urlOf(address: Endpoint, scheme: "http" | "https"): string {
  return "path" in address ? spellEndpoint(address) : `${scheme}://${spellEndpoint(address)}`;
}
