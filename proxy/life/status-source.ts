import type { CollectionState, RouteState, StatusInput } from "../admin/parts.ts";
import type { ByteBudget } from "../process/byte-budget.ts";
import type { ModuleHealth } from "../compare/module-health.ts";
import type { Phase, RouteSettings, ServiceSettings } from "../config/settings.ts";
import type { ClientMappings } from "../ids/client-mappings.ts";
import type { DialCounts } from "../reads/dial-counts.ts";
import type { FallbackCounts } from "../reads/fallback-counts.ts";
import type { ReadBackCounts } from "../read-back-results.ts";
import type { CutoverGate } from "../moves/cutover-gate.ts";
import { serviceOf } from "../config/settings.ts";
import type { Snapshot } from "../exchange.ts";
import { Headroom } from "../process/headroom.ts";
import { lagMsOf } from "../process/lag.ts";
import type { Backlog } from "../mirror/backlog.ts";
import type { InFlight } from "../mirror/in-flight.ts";
import type { BreakerState } from "../mirror/breaker.ts";
import type { ShadowGate } from "../mirror/shadow-gate.ts";
import { killSwitch, type Override, overridesOf } from "../moves/overrides.ts";
import type { Noise } from "../noise/noise.ts";
import { rollbackPrice } from "../phase/rollback-price.ts";
import { PHASE_ROLES, serviceNameFor } from "../moves/phases.ts";
import type { Journal } from "../journal.ts";
import { variantsOf } from "../members/member-variants.ts";
import type { Member, Members, PresentState } from "../members/members.ts";
import type { CauseCounts, Clock, Gauges, OpenWork, Store } from "../ports.ts";
import type { Counters, RouteCounts } from "../record/counters.ts";
import type { DivergenceLog } from "../record/divergence-log.ts";
import type { PairKeeper } from "../record/pair-keeper.ts";
import type { RuleCounters } from "../record/rule-counters.ts";
import type { ReconcileSchedules } from "../rows/reconcile-schedule.ts";
import { countsOf, endsOf, type RowJobEnd } from "../rows/row-jobs.ts";
import type { Reachability } from "../upstream/reachability.ts";
import type { TelemetryHealth } from "../process/telemetry-health.ts";
import type { WebhookHealth } from "../process/webhook-health.ts";

export interface StatusSourceParts {
  readonly clock: Clock;
  readonly startedAt: number;
  readonly members: Pick<Members, "list" | "problem">;
  readonly snapshot: () => Snapshot;
  readonly overrides: () => readonly Override[];
  /** The phase that the file asks for. */
  readonly wanted: (route: string) => Phase | null;
  /** null: none are held back. */
  readonly heldWrites: (route: string) => number | null;
  /** Open connections that changed their protocol. */
  readonly tunnels: (route: string) => number;
  readonly notReady: () => string | null;
  readonly warnings: () => readonly string[];
  readonly configError: () => string | null;
  readonly store: Store;
  readonly log: DivergenceLog;
  readonly counters: Counters;
  /** Brings what others count into `counters`; null: nobody else does. */
  readonly followOthers: (() => Promise<void>) | null;
  readonly ruleCounters: RuleCounters;
  readonly moduleHealth: ModuleHealth;
  readonly noise: Pick<Noise, "of">;
  readonly backlog: Backlog;
  readonly journal: Journal;
  readonly queue: ByteBudget;
  readonly spool: ByteBudget;
  readonly inFlight: InFlight;
  readonly gate: (service: ServiceSettings) => ShadowGate;
  readonly cutoverGate: Pick<CutoverGate, "evidence">;
  readonly clientMappings: Pick<ClientMappings, "of">;
  readonly dialCounts: Pick<DialCounts, "of">;
  readonly fallbackCounts: Pick<FallbackCounts, "of">;
  readonly readBacks: { of(route: string): ReadBackCounts };
  readonly reachability: Reachability;
  readonly schedules: Pick<ReconcileSchedules, "of">;
  readonly pairs: Pick<PairKeeper, "losses">;
  readonly workers: () => StatusInput["workers"];
  readonly webhook: () => WebhookHealth | null;
  readonly telemetry: () => TelemetryHealth | null;
  readonly caught: () => Readonly<Record<string, number>>;
}

export interface StatusSource {
  status(): StatusInput;
  gauges(): Gauges;
  /** Asks the store now. Resolves when it has answered, or after LOOK_PATIENCE_MS. */
  lookAgain(): Promise<void>;
  close(): void;
}

const LOOK_EVERY_MS = 1_000;
const LOOK_PATIENCE_MS = 500;
/** A shadow that is this far behind may be in trouble; below it, copies are merely on their way. */
const LAGGING_MS = 1_000;
const NO_CAUSES: CauseCounts = { new: 0, acknowledged: 0, fixed: 0, regressed: 0 };
const BREAKER_GAUGE: Readonly<Record<BreakerState, number>> = { closed: 0, "half-open": 1, open: 2 };

/** Puts together, on demand, what the process is and does. What has to be asked of the store is asked every second. */
export function createStatusSource(parts: StatusSourceParts): StatusSource {
  const headroom = new Headroom();
  /** Then it is its limit, and not memory's, at which writes drop. */
  const isDurable = parts.journal.kind === "durable";
  /** null: the store has not answered yet. */
  let openWork: ReadonlyMap<string, OpenWork> | null = null;
  /** As the store last told. */
  let members: readonly Member[] = [];
  let rowJobs: readonly RowJobEnd[] = [];
  let asking: Promise<void> | null = null;
  let afterThis: Promise<void> | null = null;

  function look(): void {
    headroom.observe(parts.clock.monotonic(), isDurable ? parts.journal.health().bytes : parts.queue.usedBytes);
    if (asking === null) void ask();
  }

  function ask(): Promise<void> {
    // Where one fails, the store's health says why; what was last known stands.
    const asked = Promise.allSettled([
      parts.store.openWork().then((routes) => {
        openWork = new Map(routes.map((route) => [route.route, route]));
      }),
      parts.members.list().then((listed) => {
        members = listed;
      }),
      parts.snapshot().settings.collections.length === 0
        ? undefined
        : parts.store.rowJobs().then((ends) => {
            rowJobs = ends;
          }),
      parts.followOthers?.(),
    ]).then(() => {
      if (asking === asked) asking = null;
    });
    asking = asked;
    return asked;
  }

  async function lookAgain(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LOOK_PATIENCE_MS);
    });
    // A question that is under way may have been asked before what is to be seen was written; all who come meanwhile
    // share the next one.
    afterThis ??= (asking ?? Promise.resolve()).then(() => {
      afterThis = null;
      return ask();
    });
    await Promise.race([afterThis, late]).finally(() => clearTimeout(timer));
  }
  look();
  const timer = setInterval(look, LOOK_EVERY_MS);
  timer.unref();

  function routeStates(): RouteState[] {
    const counted = new Map(parts.counters.snapshot().map((counts) => [counts.route, counts]));
    return parts.snapshot().settings.routes.map((route) => routeState(route, counted.get(route.name)));
  }

  function routeState(route: RouteSettings, counted: RouteCounts | undefined): RouteState {
    const { settings } = parts.snapshot();
    const roles = PHASE_ROLES[route.phase];
    const shadow = roles.shadow === null ? null : serviceOf(settings, serviceNameFor(roles.shadow, route));
    const open = openWork?.get(route.name);
    return {
      name: route.name,
      phase: route.phase,
      wanted: parts.wanted(route.name) ?? route.phase,
      heldWrites: parts.heldWrites(route.name),
      rollback: rollbackPrice(route, open?.legacyMisses.repairs ?? 0, open?.legacyMisses.gaps ?? 0),
      primary: serviceNameFor(roles.primary, route),
      shadow: shadow?.name ?? null,
      eligible: counted?.eligible ?? 0,
      pending: counted?.pending ?? 0,
      outcomes: counted?.outcomes ?? [],
      latency: counted?.latency ?? { counted: 0, primaryMs: 0, shadowMs: 0 },
      tunnels: parts.tunnels(route.name),
      lagMs: Math.round(lagMsOf(parts, route.name)),
      breaker: shadow === null ? null : parts.gate(shadow).state(),
      repairs: open?.repairs ?? 0,
      parked: open?.parked ?? 0,
      gaps: open?.gaps ?? 0,
      causes: openWork === null ? null : (open?.causes ?? NO_CAUSES),
      seen: counted?.seen ?? false,
      overrides: overridesOf(parts.overrides(), route.name),
      rules: parts.ruleCounters.of(route),
      module: parts.moduleHealth.of(route.compare),
      noise: parts.noise.of(route.name),
      gateEvidence: parts.cutoverGate.evidence(route.name),
      mappedForClients: parts.clientMappings.of(route.name),
      dialledReads: parts.dialCounts.of(route.name),
      fallbackReads: parts.fallbackCounts.of(route.name),
      readBacks: parts.readBacks.of(route.name),
    };
  }

  function collectionStates(): readonly CollectionState[] {
    return parts.snapshot().settings.collections.map((collection) => {
      const { name, route, reconcile: schedule } = collection;
      const { reconcile, sample } = endsOf(collection, rowJobs);
      return {
        name,
        route,
        schedule: schedule === null ? null : { ...schedule, ...parts.schedules.of(name) },
        reconcile,
        sample,
      };
    });
  }

  function waiting(): number {
    return parts.backlog.size() + parts.journal.waiting();
  }

  /** Whichever comes first: journal or queue is full, or the oldest copy is given up. null while the shadows keep up. */
  function headroomSeconds(): number | null {
    if (waiting() === 0) return null;
    const { settings } = parts.snapshot();
    const limitBytes = parts.journal.health().limitBytes ?? parts.queue.limitBytes;
    let seconds = headroom.secondsLeft(limitBytes) ?? Infinity;
    for (const route of settings.routes) {
      const { shadow } = PHASE_ROLES[route.phase];
      const lagMs = lagMsOf(parts, route.name);
      if (shadow === null || lagMs < LAGGING_MS) continue;
      const { maxAgeMs } = serviceOf(settings, serviceNameFor(shadow, route)).asShadow;
      seconds = Math.min(seconds, Math.max(0, maxAgeMs - lagMs) / 1000);
    }
    return seconds === Infinity ? null : seconds;
  }

  function pairsState(): StatusInput["pairs"] {
    const { lost, ...kept } = parts.store.pairsKept();
    const losses = parts.pairs.losses();
    return { ...kept, notKept: { ...losses, "no-room": losses["no-room"] + lost } };
  }

  return {
    status() {
      const { settings, revision } = parts.snapshot();
      const logHealth = parts.log.health();
      const { isKeeping: _, ...store } = parts.store.health();
      return {
        now: parts.clock.now(),
        startedAt: parts.startedAt,
        notReady: parts.notReady(),
        warnings: parts.warnings(),
        routes: routeStates(),
        collections: collectionStates(),
        killSwitch: killSwitch(parts.overrides()),
        config: { file: settings.file, revision, error: parts.configError() },
        store,
        members,
        memberProblem: parts.members.problem(),
        workers: parts.workers(),
        services: Object.values(settings.services).map(({ name, origin }) => ({
          name,
          origin,
          problem: parts.reachability.problemOf(name),
        })),
        queue: {
          bytes: parts.queue.usedBytes,
          limitBytes: parts.queue.limitBytes,
          waiting: waiting(),
          inFlight: parts.inFlight.used,
          inFlightLimit: settings.limits.inFlight,
          spoolBytes: parts.spool.usedBytes,
          spoolLimitBytes: parts.spool.limitBytes,
          headroomSeconds: headroomSeconds(),
        },
        journal: {
          kind: parts.journal.kind,
          depth: parts.journal.depth(),
          waiting: parts.journal.waiting(),
          ...parts.journal.health(),
        },
        log: { file: settings.divergenceLog.file, problem: logHealth.problem, lostLines: logHealth.lostLines },
        pairs: pairsState(),
        webhook: parts.webhook(),
        telemetry: parts.telemetry(),
        caught: parts.caught(),
      };
    },
    gauges() {
      const inState = (state: PresentState): number => members.filter((member) => member.state === state).length;
      const { settings: different, version } = variantsOf(members);
      const bounds = new Map(parts.snapshot().settings.routes.map(({ name, gate }) => [name, gate.divergenceBelow]));
      return {
        journalDepth: parts.journal.depth(),
        journalBytes: parts.journal.health().bytes,
        isStoreWell: parts.store.health().problem === null,
        members: { serving: inState("serving"), draining: inState("draining"), silent: inState("silent") },
        variants: { settings: different.size, version: version.size },
        queueBytes: parts.queue.usedBytes,
        routes: routeStates().map((state) => ({
          name: state.name,
          phase: state.phase,
          lagSeconds: state.lagMs / 1000,
          breakerState: BREAKER_GAUGE[state.breaker ?? "closed"],
          repairsOpen: state.repairs,
          repairsParked: state.parked,
          gapsOpen: state.gaps,
          gateEvidence: state.gateEvidence,
          gateBound: bounds.get(state.name) ?? 0,
        })),
        collections: collectionStates().map(({ name, reconcile, sample }) => ({
          name,
          reconciled: [reconcile, sample].flatMap((end) => (end === null ? [] : [countsOf(end)])),
          cleanAgeSeconds:
            reconcile?.cleanAt === undefined ? null : (parts.clock.now() - Date.parse(reconcile.cleanAt)) / 1000,
        })),
        headroomSeconds: headroomSeconds(),
      };
    },
    lookAgain,
    close: () => clearInterval(timer),
  };
}
