/**
 * What became of eligible exchanges, per route, in memory. Writes go on from the store's totals; reads count per process
 * life. At any moment eligible = pending + the sum of the outcomes, where `pending` is counted by itself.
 */
import type { OutcomeCount } from "../evidence/evidence.ts";
import type { RequestClass } from "../exchange.ts";
import {
  DROP_REASONS,
  OUTCOME_KINDS,
  reasonOf,
  SKIP_REASONS,
  type Outcome,
  type OutcomeKind,
  type OutcomeReason,
} from "../outcome.ts";

export interface Tally {
  readonly eligible: number;
  /** Eligible and without an outcome. */
  readonly pending: number;
  /** One entry for each outcome and reason that happened. */
  readonly outcomes: readonly Pick<OutcomeCount, "outcome" | "reason" | "count">[];
}

export interface RouteCounts extends Tally {
  readonly route: string;
  readonly writes: Tally;
  readonly reads: Tally;
  /** Whether an eligible exchange came since the process began. */
  readonly seen: boolean;
  readonly latency: LatencySums;
}

/** Exchanges that both sides answered since the process began, and how long each side took for all of them. */
export interface LatencySums {
  readonly counted: number;
  readonly primaryMs: number;
  readonly shadowMs: number;
}

export interface Counters {
  eligible(route: string, requestClass: RequestClass): void;
  settled(route: string, requestClass: RequestClass, outcome: Outcome): void;
  /** Both sides have answered an exchange. */
  timed(route: string, primaryMs: number, shadowMs: number): void;
  /** The store's totals of writes beside this process's own, in place of what was said before: at the start, and where others count too. */
  restore(
    outcomes: readonly OutcomeCount[],
    eligible: readonly { readonly route: string; readonly count: number }[],
  ): void;
  /** Writes of an earlier process, eligible there, whose outcomes will come in this one: beyond what `restore` adds. */
  resume(route: string, writes: number): void;
  /** Routes in the order in which they were first seen. */
  snapshot(): readonly RouteCounts[];
  /** Of all routes. */
  pending(): number;
}

interface Slot {
  readonly outcome: OutcomeKind;
  readonly reason: OutcomeReason | null;
}

/** Every outcome with each of its reasons. */
const SLOTS: readonly Slot[] = OUTCOME_KINDS.flatMap((outcome): readonly Slot[] => {
  if (outcome === "dropped") return DROP_REASONS.map((reason) => ({ outcome, reason }));
  if (outcome === "skipped") return SKIP_REASONS.map((reason) => ({ outcome, reason }));
  return [{ outcome, reason: null }];
});
const SLOT_OF: ReadonlyMap<string, number> = new Map(SLOTS.map(({ outcome, reason }, i) => [reason ?? outcome, i]));

class ClassCounts {
  eligible = 0;
  pending = 0;
  readonly slots = new Float64Array(SLOTS.length);

  tally(): Tally {
    const outcomes = SLOTS.map((slot, i) => ({ ...slot, count: this.slots[i] as number })).filter(
      ({ count }) => count > 0,
    );
    return { eligible: this.eligible, pending: this.pending, outcomes };
  }
}

function sumOf(one: ClassCounts, other: ClassCounts): ClassCounts {
  const sum = new ClassCounts();
  sum.eligible = one.eligible + other.eligible;
  sum.pending = one.pending + other.pending;
  for (let i = 0; i < SLOTS.length; i++) sum.slots[i] = (one.slots[i] as number) + (other.slots[i] as number);
  return sum;
}

interface OneRoute {
  readonly write: ClassCounts;
  readonly read: ClassCounts;
  /** Writes that the store counts beside. */
  beside: ClassCounts;
  seen: boolean;
  readonly latency: { counted: number; primaryMs: number; shadowMs: number };
}

export function createCounters(): Counters {
  const routes = new Map<string, OneRoute>();

  function countsOf(route: string): OneRoute {
    let counts = routes.get(route);
    if (counts === undefined) {
      const [write, read, beside] = [new ClassCounts(), new ClassCounts(), new ClassCounts()];
      counts = { write, read, beside, seen: false, latency: { counted: 0, primaryMs: 0, shadowMs: 0 } };
      routes.set(route, counts);
    }
    return counts;
  }

  return {
    eligible(route, requestClass) {
      const counts = countsOf(route);
      counts.seen = true;
      const ofClass = counts[requestClass];
      ofClass.eligible += 1;
      ofClass.pending += 1;
    },

    settled(route, requestClass, outcome) {
      const ofClass = countsOf(route)[requestClass];
      ofClass.pending -= 1;
      const slot = SLOT_OF.get(reasonOf(outcome) ?? outcome.kind) as number;
      ofClass.slots[slot] = (ofClass.slots[slot] as number) + 1;
    },

    timed(route, primaryMs, shadowMs) {
      const { latency } = countsOf(route);
      latency.counted += 1;
      latency.primaryMs += primaryMs;
      latency.shadowMs += shadowMs;
    },

    restore(outcomes, eligible) {
      for (const counts of routes.values()) counts.beside = new ClassCounts();
      for (const { route, outcome, reason, count } of outcomes) {
        const slot = SLOT_OF.get(reason ?? outcome);
        const { slots } = countsOf(route).beside;
        if (slot !== undefined) slots[slot] = (slots[slot] as number) + count;
      }
      for (const { route, count } of eligible) {
        const { beside } = countsOf(route);
        // What other processes have under way is theirs to settle, and no outcome of it is here; what an earlier life of
        // this one left in its journal is resumed.
        const settled = beside.slots.reduce((sum, one) => sum + one, 0);
        beside.eligible += Math.min(count, settled);
      }
    },

    resume(route, writes) {
      const { write } = countsOf(route);
      write.pending += writes;
      write.eligible += writes;
    },

    snapshot() {
      return [...routes].map(([route, { write, read, beside, seen, latency }]) => {
        const writes = sumOf(write, beside);
        const both = { writes: writes.tally(), reads: read.tally() };
        return { route, ...sumOf(writes, read).tally(), ...both, seen, latency: { ...latency } };
      });
    },

    pending() {
      let pending = 0;
      for (const { write, read } of routes.values()) pending += write.pending + read.pending;
      return pending;
    },
  };
}
