/**
 * Comparisons of rows that the configuration wants every so often. Each is begun once its time has come, by one of the members:
 * a key of the store says whose it is. When it is due follows from when the last one began, which the store keeps; so it does not
 * matter who ran that, nor whether this process was there.
 */
import type { CollectionSettings, ReconcileSchedule } from "../config/collection-settings.ts";
import type { Claim } from "../members/claims.ts";
import type { Clock, Store } from "../ports.ts";
import { endsOf, type RowJobEnd } from "./row-jobs.ts";

export interface ReconcileOrder {
  readonly collection: string;
  /** Rows that are drawn from either side; null: all are compared. */
  readonly sample: number | null;
}

export interface ReconcileSchedulesParts {
  readonly collections: () => readonly CollectionSettings[];
  readonly store: Pick<Store, "rowJobs">;
  readonly claim: Claim;
  /** Resolves once it has ended, and the store knows how. In words: it has not come to an end. Ends early by the signal. */
  readonly run: (order: ReconcileOrder, adminUrl: string, signal: AbortSignal) => Promise<string | null>;
  readonly clock: Pick<Clock, "now">;
  readonly caught: (step: string, error: unknown) => void;
}

/** What this process knows of one. */
export interface ScheduleState {
  /** Epoch ms: it is not begun before by this process; null: it has not looked yet. */
  readonly nextAt: number | null;
  /** Epoch ms; null: this process does not run it. */
  readonly runningSince: number | null;
  /** Why the last run of this process came to nothing; null: it did not. */
  readonly problem: string | null;
}

export interface ReconcileSchedules {
  /** `adminUrl`: where this process takes what its commands tell. */
  begin(adminUrl: string): void;
  of(collection: string): ScheduleState;
  /** Resolves once none runs any more. */
  stop(): Promise<void>;
}

const LOOK_EVERY_MS = 1_000;
/** Longer than a process that is well is ever silent; whoever was killed is followed by another one after that. */
const CLAIM_MS = 30_000;
const RENEW_EVERY_MS = 10_000;
const RETRY_AFTER_MS = 5 * 60_000;

const UNKNOWN: ScheduleState = { nextAt: null, runningSince: null, problem: null };

export function createReconcileSchedules(parts: ReconcileSchedulesParts): ReconcileSchedules {
  const { clock } = parts;
  const states = new Map<string, ScheduleState>();
  const running = new Map<string, Promise<void>>();
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | null = null;
  let looking = false;
  let toldAt = "";

  const set = (collection: string, change: Partial<ScheduleState>): void => {
    states.set(collection, { ...(states.get(collection) ?? UNKNOWN), ...change });
  };

  async function look(): Promise<void> {
    const now = clock.now();
    const due = parts.collections().filter(({ name, reconcile }) => {
      return reconcile !== null && !running.has(name) && (states.get(name)?.nextAt ?? 0) <= now;
    });
    if (due.length === 0) return;
    const ends = await parts.store.rowJobs();
    for (const collection of due) {
      const { name, reconcile } = collection;
      if (reconcile === null) continue;
      const nextAt = dueAt(collection, reconcile, ends);
      if (nextAt > now) set(name, { nextAt });
      else if (stopping.signal.aborted || !(await parts.claim(`reconcile ${name}`, CLAIM_MS))) {
        // Another one runs it, and will have told of it by the time that is looked again.
        set(name, { nextAt: now + RENEW_EVERY_MS });
      } else running.set(name, runOnce(name, reconcile));
    }
  }

  async function runOnce(name: string, { everyMs, sample }: ReconcileSchedule): Promise<void> {
    set(name, { runningSince: clock.now() });
    const renewing = setInterval(() => {
      parts
        .claim(`reconcile ${name}`, CLAIM_MS)
        .catch(() => "the store says what is wrong; another one may run it too");
    }, RENEW_EVERY_MS);
    renewing.unref();
    try {
      const problem = await parts.run({ collection: name, sample }, toldAt, stopping.signal);
      const nextAt = problem === null ? null : clock.now() + Math.min(everyMs, RETRY_AFTER_MS);
      set(name, { runningSince: null, problem, nextAt });
    } catch (error) {
      parts.caught("reconcile", error);
      set(name, { runningSince: null, problem: String(error), nextAt: clock.now() + RETRY_AFTER_MS });
    } finally {
      clearInterval(renewing);
      running.delete(name);
    }
  }

  return {
    begin(adminUrl) {
      toldAt = adminUrl;
      timer = setInterval(() => {
        if (looking) return;
        looking = true;
        // Where the store has no answer its health says so; it is asked again.
        void look()
          .catch(() => "nothing is begun")
          .finally(() => (looking = false));
      }, LOOK_EVERY_MS);
      timer.unref();
    },
    of: (collection) => states.get(collection) ?? UNKNOWN,
    async stop() {
      if (timer !== null) clearInterval(timer);
      stopping.abort();
      await Promise.all(running.values());
    },
  };
}

/** Epoch ms. A comparison of all rows is as good as the sample that was due. */
export function dueAt(
  collection: CollectionSettings,
  { everyMs, sample }: ReconcileSchedule,
  ends: readonly RowJobEnd[],
): number {
  const found = endsOf(collection, ends);
  const begun = [found.reconcile, sample === null ? null : found.sample].map((end) => {
    return end === null ? Number.NEGATIVE_INFINITY : Date.parse(end.begunAt);
  });
  return Math.max(...begun) + everyMs;
}
