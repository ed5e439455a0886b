/** Builds the parts in the order in which data flows through them, starts them, and ends them. */
import { openStore, type OpenedStore } from "../adapters/store/open.ts";
import { phasesFileOf } from "../adapters/store/phases-file.ts";
import { standingFileOf } from "../adapters/store/standing-file.ts";
import { createTelemetry } from "../adapters/telemetry/telemetry.ts";
import { createAdmin } from "./admin/server.ts";
import { createAudit, createDesk } from "./compose/desk.ts";
import { type Door, openDoor } from "./compose/door.ts";
import { createMemberSelf } from "./compose/member.ts";
import { followFile, type FollowedFile } from "./compose/follow-file.ts";
import type { MemberPart } from "./barrier/member-part.ts";
import { OwnStanding } from "./barrier/standing.ts";
import { createMoving } from "./compose/moving.ts";
import { createMovingAlone, type MovingAlone } from "./compose/moving-alone.ts";
import { createMirroring } from "./compose/mirroring.ts";
import { createRecords } from "./compose/records.ts";
import { createScheduled } from "./compose/scheduled.ts";
import type { WaitingDoors } from "./compose/waiting.ts";
import { createServiceSide } from "./compose/service-side.ts";
import { ENDS_SOON_MS } from "./config/certificates.ts";
import type { ListenTlsSettings, Settings } from "./config/settings.ts";
import { createSwitchboard } from "./config/switchboard.ts";
import { drain, type StopReport } from "./life/drain.ts";
import { type Crossfade, DRAIN_BUDGET_MS, NEVER, type StartOptions } from "./crossfade.ts";
import { urlOf } from "./endpoint.ts";
import { startWhileAway } from "./start-while-away.ts";
import { createLeaningCounter } from "./moves/leaning-counter.ts";
import { NO_ROUTE } from "./moves/leanings.ts";
import { OpenTunnels } from "./forward/open-tunnels.ts";
import { holdHeapGrowth } from "./process/heap-growth.ts";
import { scavengeWhenIdle } from "./process/idle-scavenge.ts";
import { CountedWrites } from "./mirror/counted-writes.ts";
import { createMemoryJournal } from "./mirror/journal.ts";
import { streamPrimaries } from "./moves/phases.ts";
import { OpenWrites } from "./phase/open-writes.ts";
import { cutOverOf } from "./moves/kept-phase.ts";
import { openPhaseBook } from "./phase/phase-book.ts";
import { WriteHold } from "./phase/write-hold.ts";
import { deliveryKey, loadSecretKey, randomSecretKey } from "./record/secret-key.ts";
import { createRetireReport } from "./moves/retire-report.ts";
import { compileRouter } from "./route/router.ts";
import { createRowJobEnds } from "./rows/row-job-ends.ts";
import { createRowValues } from "./rows/row-value-map.ts";
import { createRunningJobs } from "./rows/running-jobs.ts";
import { createStatusSource } from "./life/status-source.ts";
import { systemClock } from "./process/system-clock.ts";
import { createClashCheck } from "./ids/value-clash.ts";
import { createValueList } from "./ids/value-list.ts";
import { readVersion } from "./version.ts";
import { shareOfQueue } from "./workers/shares.ts";

const REPAIR_EVERY_MS = 10_000;

/**
 * Starts one process and resolves once both listeners take connections. Services that cannot be reached do not stop it, nor does a
 * shared store that is away where this member's own copy of the phases is right.
 * @throws CrossfadeError: a port is taken, the store cannot be used
 */
export async function startCrossfade(options: StartOptions): Promise<Crossfade> {
  const { settings } = options;
  let opened: OpenedStore;
  try {
    opened = await (options.store ?? openStore(settings, systemClock, () => deliveryKey(settings)));
  } catch (thrown) {
    const begin = (later: OpenedStore, waiting: WaitingDoors, note: string): Promise<Crossfade> =>
      startWith({ ...later, notes: [...later.notes, note] }, options, waiting);
    return await startWhileAway(options, thrown, begin);
  }
  return await startWith(opened, options, null);
}

/** `waiting`: what clients and supervisors come to already. */
async function startWith(opened: OpenedStore, options: StartOptions, waiting: WaitingDoors | null): Promise<Crossfade> {
  const { settings } = options;
  const clock = systemClock;
  const version = readVersion();
  const desk = createDesk(options.logLevel ?? "info", options.warn);
  let following: FollowedFile | null = null;
  let stopping = false;
  let door: Door | null = null;

  const { durable, notes, members, secretKey: shared, countsBeside } = opened;
  for (const note of notes) desk.warn(note);
  const journal = durable?.journal ?? createMemoryJournal();
  const counted = new CountedWrites(opened.store, journal, clock);
  const store = durable === null ? opened.store : counted.readable(opened.store);
  const audit = createAudit(store, desk.log, clock);
  const overrides = await store.overrides();
  let part: MemberPart | null = null;
  let movingAlone: MovingAlone | null = null;
  const phases = await openPhaseBook({
    store,
    transitions: opened.transitions,
    clock,
    settings,
    adopt: options.flags?.adoptPhases === true,
    copy: phasesFileOf(settings),
    warn: desk.warn,
    caught: desk.caught,
    lookAgain: () => part?.wake(),
  }).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  const acting = createSwitchboard({ store, clock, settings, overrides, phases, audit, routerOf: compileRouter });
  const { snapshot } = acting;
  const telemetry = createTelemetry({ version, settings: settings.telemetry });
  desk.onLine((line) => telemetry.logLine(line));
  const secretKey = shared ?? ownSecretKey(settings);
  const leaning = createLeaningCounter({ store, clock });
  const watched = (): void => leaning.watch(snapshot().settings.routes.map(({ name }) => name));
  watched();
  acting.onChange(watched);
  const heard = leaning.heard(telemetry.telemetry);
  const cutOverAt = (route: string): number | null => cutOverOf(phases.rowOf(route));
  const retire = createRetireReport({ counter: leaning, store, cutOverAt, snapshot, clock });
  const every = { store, secretKey, telemetry: heard, clock, desk, audit };

  const records = await createRecords({
    ...every,
    settings,
    snapshot,
    counted: durable === null ? store : counted,
    members: settings.store.kind === "redis" ? members : null,
    open: durable?.open ?? [],
    version,
  });
  const [hold, openWrites, tunnels] = [new WriteHold(), new OpenWrites(journal), waiting?.tunnels ?? new OpenTunnels()];
  acting.onChange(() => tunnels.follow(streamPrimaries(snapshot().settings), Math.random));
  const services = createServiceSide(snapshot, clock, () => mirroring.repairs.wake());
  const mirroring = createMirroring({
    ...every,
    settings,
    acting,
    journal,
    turns: opened.turns,
    pins: opened.pins,
    members,
    calls: opened.calls,
    marker: durable?.marker ?? null,
    bodies: durable?.bodies ?? null,
    services,
    records,
    evidence: {
      settled(settled) {
        records.evidence.settled(settled);
        movingAlone?.settled(settled);
      },
    },
    cutOverAt,
    hold,
    openWrites,
    tunnels,
    repairEveryMs: options.repairEveryMs ?? REPAIR_EVERY_MS,
  });
  const { pipeline, repairs, backlog } = mirroring;

  const moving = createMoving({
    settings,
    acting,
    phases,
    store,
    journal,
    counted: durable === null ? null : counted,
    backlog,
    gate: records.cutoverGate,
    retire,
    clash: createClashCheck({ store, seal: mirroring.seal }),
    members,
    transitions: opened.transitions,
    hold,
    openWrites,
    tunnels,
    workers: () => door?.holds ?? null,
    standing: new OwnStanding(standingFileOf(settings)),
    secretKey,
    clock,
    audit,
    caught: desk.caught,
  });

  part = moving.part;
  const alone = createMovingAlone({
    acting,
    phases,
    move: (order) => moving.cutover.move(order),
    clock,
    desk,
    failingBlockMs: options.failingBlockMs,
  });
  movingAlone = alone;
  const startedAt = clock.now();
  const isStopping = (): boolean => stopping;
  const phasesChanged = (): void => part?.wake();
  await members.join(
    createMemberSelf({ settings, version, startedAt, acting, journal, secretKey, isStopping, phasesChanged }),
  );
  // What was moved between its first look and its registration: nobody has waited for it.
  await part?.catchUp();
  await mirroring.backfills.attend();
  const schedules = createScheduled({ ...every, snapshot, claim: opened.claim, env: options.env ?? process.env });
  const status = createStatusSource({
    clock,
    startedAt,
    members,
    snapshot,
    overrides: () => acting.overrides(),
    wanted: (route) => acting.file().routes.find(({ name }) => name === route)?.phase ?? null,
    heldWrites: (route) => (hold.holds(route) ? moving.own.held : null),
    tunnels: (route) => tunnels.count(route),
    notReady: () => (stopping ? "draining" : null),
    warnings: () => [
      ...desk.warnings,
      ...(following?.expiredRules() ?? []),
      ...certificateWarnings(snapshot().settings.tls, clock.now()),
      ...phases.warnings(acting.file()),
      ...alone.warnings(),
      ...mirroring.backfills.warnings(),
    ],
    configError: () => following?.refusal() ?? null,
    store,
    log: records.divergenceLog,
    counters: records.counters,
    followOthers:
      countsBeside === null
        ? null
        : async () => {
            const { outcomes, eligible } = await countsBeside();
            records.counters.restore(outcomes, eligible);
          },
    ruleCounters: records.ruleCounters,
    moduleHealth: mirroring.moduleHealth,
    noise: mirroring.noise,
    backlog,
    journal,
    queue: mirroring.queue,
    spool: mirroring.disk,
    inFlight: services.inFlight,
    gate: services.gate,
    cutoverGate: records.cutoverGate,
    clientMappings: mirroring.clientMappings,
    dialCounts: mirroring.dialCounts,
    fallbackCounts: mirroring.fallbackCounts,
    readBacks: mirroring.readBacks,
    reachability: services.reachability,
    schedules,
    pairs: records.pairs,
    workers: () => door?.workers() ?? { wanted: settings.workers, running: 0, replaced: 0 },
    webhook: () => records.webhook.health(),
    telemetry: () => telemetry.health(),
    caught: () => desk.caughtByStep,
  });
  telemetry.observe(() => status.gauges());

  const left = (): number => backlog.left + journal.waiting();
  const closeParts = async (): Promise<void> => {
    status.close();
    part?.stop();
    void repairs.stop();
    services.closeGates();
    await services.close();
    await mirroring.close();
    records.evidence.close();
    leaning.close();
    await records.recorder.close();
    counted.close();
    if (durable !== null) {
      // What is counted by now need not be kept for the next process.
      await store.flush();
      await durable.journal.close();
      await durable.marker.end();
    }
    await records.webhook.close();
    await records.divergenceLog.close();
    // Whoever holds writes without an outcome has not left: they wait for its next start.
    if (journal.depth() === 0 && (await part?.mayLeave()) !== false) await members.leave();
    await store.close();
    await telemetry.close();
  };

  try {
    const listener = await openDoor({
      acting,
      pipeline,
      noise: mirroring.noise,
      pairs: mirroring.values,
      clientMappings: mirroring.clientMappings,
      dial: mirroring.dial,
      dialCounts: mirroring.dialCounts,
      fallback: mirroring.fallback,
      fallbackCounts: mirroring.fallbackCounts,
      telemetry: heard,
      tunnels,
      waiting,
      clock,
      warn: (line) => desk.log.warn(line),
      caught: desk.caught,
    });
    door = listener;
    if (waiting !== null && waiting.unmatched() > 0) leaning.lean(NO_ROUTE, "unmatched", waiting.unmatched());
    const admin = await createAdmin({
      version,
      listen: waiting?.adminAddress ?? settings.admin.listen,
      store,
      snapshot,
      status: () => status.status(),
      lookAgain: () => status.lookAgain(),
      metricsText: () => telemetry.metricsText(),
      places: records.book,
      values: createValueList({ store, seal: mirroring.seal, routes: () => snapshot().settings.routes }),
      gate: (route) => records.cutoverGate.ask(route),
      retire: (route, quietMs) => retire.ask(route, quietMs),
      move: (order) => moving.cutover.move(order),
      subscribe: (listener) => records.feed.subscribe(listener),
      override: (change) => acting.change(change),
      members,
      audit,
      purge: records.purge,
      repairs,
      runningJobs: createRunningJobs({
        collections: () => snapshot().settings.collections,
        lagMs(name) {
          const route = status.status().routes.find((each) => each.name === name);
          return route === undefined || route.shadow === null ? null : route.lagMs;
        },
        clock,
        audit,
      }),
      backfills: mirroring.backfills,
      rowJobs: createRowJobEnds({ store, snapshot, clock, audit, leaning }),
      rowValues: createRowValues(mirroring.values),
      replay: mirroring.replay,
      onError: (error, what) => desk.log.error({ err: error, what }, "admin"),
    }).catch(async (error: unknown) => {
      await listener.close();
      await listener.end();
      throw error;
    });
    telemetry.begin();
    void services.reachability.first.then(() => {
      for (const { name, origin } of Object.values(snapshot().settings.services)) {
        const problem = services.reachability.problemOf(name);
        if (problem !== null) options.warn?.(`${name} at ${origin} cannot be reached (${problem}); started anyway`);
      }
    });

    if (settings.file !== null) {
      following = followFile({
        file: settings.file,
        running: settings,
        actingPhases: () => Object.fromEntries(snapshot().settings.routes.map(({ name, phase }) => [name, phase])),
        isMoving: moving.isMoving,
        files: options.files ?? [],
        flags: options.flags ?? {},
        env: options.env ?? process.env,
        take(next) {
          // First: what OpenSSL refuses refuses the whole file.
          if (next.tls !== null) listener.useCertificate(next.tls);
          acting.take(next);
          mirroring.queue.resize(shareOfQueue(next).parentBytes);
          mirroring.disk.resize(next.limits.spoolBytes);
        },
        revision: () => snapshot().revision,
        telemetry: telemetry.telemetry,
        desk,
      });
    }

    pipeline.resume(durable?.journal.leftOver ?? []);
    mirroring.readBacks.resume(durable?.journal.readBacksLeft ?? []);
    mirroring.beginDialling();
    const stopScavenging = scavengeWhenIdle();
    const letHeapGrow = holdHeapGrowth();
    alone.begin();
    schedules.begin(urlOf(admin.address, "http"));
    const end = async (budgetMs: number): Promise<StopReport> => {
      following?.close();
      alone.stop();
      await schedules.stop();
      stopScavenging();
      letHeapGrow();
      const report = await drain(
        {
          listener,
          pipeline,
          repaired: repairs.stop(),
          pending: () => records.counters.pending() - left(),
          left,
          closeGates: services.closeGates,
          closeShadows: services.closeShadows,
          monotonic: () => clock.monotonic(),
        },
        budgetMs,
      );
      await listener.end();
      await admin.close();
      await closeParts();
      const [kept, logged] = [store.health(), records.divergenceLog.health()];
      const unwritten = {
        storeWrites: kept.lostWrites + kept.pendingWrites,
        logLines: logged.lostLines + logged.pendingLines,
      };
      return { ...report, unwritten };
    };
    let stopped: Promise<StopReport> | null = null;
    return {
      proxyUrl: urlOf(listener.address, settings.tls === null ? "http" : "https"),
      adminUrl: urlOf(admin.address, "http"),
      failed: NEVER,
      async reload() {
        await following?.reload();
      },
      stop(budgetMs = DRAIN_BUDGET_MS) {
        stopping = true;
        stopped ??= end(budgetMs);
        return stopped;
      },
    };
  } catch (error) {
    await closeParts();
    throw error;
  }
}

/** Of a store that nobody shares. */
function ownSecretKey({ store }: Settings): Buffer {
  return store.kind === "sqlite" ? loadSecretKey(`${store.file}.key`) : randomSecretKey();
}

/** Once more than at the start and at check: a proxy runs for longer than a certificate may have left. */
function certificateWarnings(tls: ListenTlsSettings | null, now: number): readonly string[] {
  if (tls === null || tls.endsAt - now > ENDS_SOON_MS) return [];
  const day = new Date(tls.endsAt).toISOString().slice(0, 10);
  const when = tls.endsAt <= now ? `ended on ${day} and clients refuse it` : `ends on ${day}`;
  return [`the certificate for clients ${when}; renew tls.cert: the changed file is taken into use by itself`];
}
