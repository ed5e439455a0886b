/**
 * Who repairs when. A run that somebody asked for goes through the whole list; by itself the list is gone through when a
 * breaker closes and on a timer: what has to be verified is read on both sides, and where the route says `automatic` it
 * is written too. One at a time: two would take each other's keys, and a run that is asked for comes first.
 */
import type { RepairReason } from "../evidence/evidence.ts";
import { serviceOf, type RouteSettings } from "../config/settings.ts";
import { makeUlid } from "../identity.ts";
import { PHASE_ROLES, serviceNameFor } from "../moves/phases.ts";
import type { Store } from "../ports.ts";
import type { JobRecord, RepairOrder } from "../repair-job.ts";
import { RepairJob } from "./job.ts";
import { type OneEntryParts, type RepairMode, repairOne } from "./one-entry.ts";
import { walkRepairs } from "./walk.ts";

export interface RepairsParts extends OneEntryParts {
  readonly store: Pick<Store, "repairWork" | "endRepair" | "openWork">;
  /** For the log of the process. */
  readonly audit: (entry: RepairAudit) => void;
  readonly caught: (step: string, error: unknown) => void;
  /** Between two times that the list is gone through by itself. */
  readonly everyMs: number;
}

export interface RepairAudit {
  readonly what: "started" | "cancelled" | "ended";
  readonly by: string;
  readonly reason: string | null;
  readonly job: Pick<JobRecord, "id" | "route" | "dryRun" | "state" | "total" | "done" | "results" | "error">;
}

export interface Repairs {
  /** Starts a run; null: one is under way, whose id `running` tells. @throws CrossfadeError of the store */
  start(order: RepairOrder): Promise<JobRecord | null>;
  running(): string | null;
  /** The newest first. */
  jobs(): readonly JobRecord[];
  job(id: string): JobRecord | null;
  /** What is under way ends with the entries that were begun. null: no such job. */
  cancel(id: string, by: string, reason: string | null): JobRecord | null;
  /** A shadow is back: goes through the list by itself, soon. */
  wake(): void;
  /** Nothing more is begun. Resolves when what was begun has ended. */
  stop(): Promise<void>;
}

/** Their state is in doubt, not known to be wrong: reading both sides may be all that is needed. */
const IN_DOUBT: readonly RepairReason[] = ["overlap", "late-attempt", "unknown", "not-copied", "read-back"];
const JOBS_KEPT = 20;
/** In a row, while the breaker is open: each of them takes as long as a turn may. */
const UNREACHED_MAX = 8;
/** Of a run that somebody asked for. */
const ROUNDS = 4;

export function createRepairs(parts: RepairsParts): Repairs {
  let jobs: RepairJob[] = [];
  let current: RepairJob | null = null;
  let isStarting = false;
  let stopped = false;
  /** Of what goes on by itself. */
  let alone = new AbortController();
  let working: Promise<void> = Promise.resolve();
  let isAlone = false;

  const rateOf = (name: string): number => routeOf(name)?.repair.ratePerSecond ?? 1;
  function routeOf(name: string): RouteSettings | undefined {
    return parts.snapshot().settings.routes.find((route) => route.name === name);
  }

  async function start(order: RepairOrder): Promise<JobRecord | null> {
    if (current !== null || isStarting || stopped) return null;
    isStarting = true;
    try {
      const open = await parts.store.openWork();
      if (stopped) return null;
      const asked = open.filter(({ route }) => order.route === null || route === order.route);
      const total = asked.reduce((sum, { repairs }) => sum + repairs, 0);
      const now = parts.clock.now();
      const job = new RepairJob(makeUlid(now), order, now, total);
      jobs = [job, ...jobs].slice(0, JOBS_KEPT);
      current = job;
      alone.abort();
      audit("started", order, job);
      working = working.then(() => run(job));
      return job.record();
    } finally {
      isStarting = false;
    }
  }

  async function run(job: RepairJob): Promise<void> {
    const { route, dryRun, ratePerSecond } = job.order;
    let error: string | null = null;
    let unreached = 0;
    const down = new AbortController();
    try {
      await walkRepairs(parts, {
        query: { ...(route === null ? {} : { route }), dueAt: null },
        rateOf: (name) => ratePerSecond ?? rateOf(name),
        rounds: ROUNDS,
        signal: AbortSignal.any([job.abort.signal, down.signal]),
        repair: (work, isLast) => repairOne(parts, work, dryRun ? "dry-run" : "repair", isLast),
        told(work, finding) {
          job.told(work, finding, parts.clock.now());
          unreached = finding.result === "failed" && !isShadowUp(work.route) ? unreached + 1 : 0;
          if (unreached === UNREACHED_MAX) down.abort();
        },
      });
      if (down.signal.aborted)
        error = "the shadow keeps failing and its breaker is open; what is left stays on the list";
    } catch (thrown) {
      error = thrown instanceof Error ? thrown.message : String(thrown);
    }
    job.end(parts.clock.now(), error);
    current = null;
    audit("ended", job.order, job);
  }

  function audit(what: RepairAudit["what"], { by, reason }: Pick<RepairAudit, "by" | "reason">, job: RepairJob): void {
    const { id, route, dryRun, state, total, done, results, error } = job.record();
    parts.audit({ what, by, reason, job: { id, route, dryRun, state, total, done, results, error } });
  }

  function wake(): void {
    if (isAlone || current !== null || stopped) return;
    isAlone = true;
    alone = new AbortController();
    working = working
      .then(() => goThroughAlone(alone.signal))
      .catch((error: unknown) => {
        // The store's own health says what is wrong with it.
        if (!(error instanceof Error && error.name === "CrossfadeError")) parts.caught("repair", error);
      })
      .finally(() => (isAlone = false));
  }

  async function goThroughAlone(signal: AbortSignal): Promise<void> {
    for (const { route: name, repairs } of await parts.store.openWork()) {
      if (signal.aborted || stopped) return;
      const route = routeOf(name);
      if (repairs === 0 || route === undefined || PHASE_ROLES[route.phase].shadow === null) continue;
      const mode: RepairMode = route.repair.automatic ? "repair" : "verify";
      const query = {
        route: name,
        dueAt: parts.clock.now(),
        ...(mode === "verify" ? { reasons: IN_DOUBT } : {}),
      };
      if (!isShadowUp(name)) {
        // Where no live write does, one entry tries whether the service is back.
        const [first] = await parts.store.repairWork({ ...query, after: 0, limit: 1 });
        if (first !== undefined) await repairOne(parts, first, mode);
        if (!isShadowUp(name)) continue;
      }
      await walkRepairs(parts, {
        query,
        rateOf,
        rounds: 0,
        signal,
        repair: (work) => repairOne(parts, work, mode),
        told: () => {},
      });
    }
  }

  function isShadowUp(name: string): boolean {
    const route = routeOf(name);
    const shadow = route === undefined ? null : PHASE_ROLES[route.phase].shadow;
    if (route === undefined || shadow === null) return true;
    const service = serviceOf(parts.snapshot().settings, serviceNameFor(shadow, route));
    return parts.gate(service).state() === "closed";
  }

  const timer = setInterval(wake, parts.everyMs);
  timer.unref();

  return {
    start,
    running: () => current?.id ?? null,
    jobs: () => jobs.map((job) => job.record()),
    job: (id) => jobs.find((job) => job.id === id)?.record() ?? null,
    cancel(id, by, reason) {
      const job = jobs.find((candidate) => candidate.id === id);
      if (job === undefined) return null;
      if (job === current && !job.abort.signal.aborted) {
        job.abort.abort();
        audit("cancelled", { by, reason }, job);
      }
      return job.record();
    },
    wake,
    stop() {
      stopped = true;
      clearInterval(timer);
      alone.abort();
      current?.abort.abort();
      return working;
    },
  };
}
