/**
 * What became of copies, and how long both sides took, over the life of the process: for charts. It looks at the counts every
 * now and then; when its places are full every second look is dropped and it looks half as often, so that it always spans the
 * whole life and never grows.
 */
import { OUTCOME_KINDS, type OutcomeKind } from "../outcome.ts";
import type { RouteState } from "./parts.ts";

export interface HistoryPoint {
  /** ISO 8601, UTC. */
  readonly from: string;
  readonly to: string;
  /** What was counted between the two. */
  readonly outcomes: Readonly<Record<OutcomeKind, number>>;
  /** How long each side took, in the mean, where both answered; null: that did not happen. */
  readonly primaryMs: number | null;
  readonly shadowMs: number | null;
}

export interface RouteHistory {
  readonly route: string;
  readonly points: readonly HistoryPoint[];
}

type Counted = Pick<RouteState, "name" | "outcomes" | "latency">;

interface Look {
  /** Epoch ms. */
  readonly at: number;
  /** By route, totals: one number an outcome, then of `latency`. Routes that had nothing yet are absent. */
  readonly totals: ReadonlyMap<string, Float64Array>;
}

/** 17 KiB a route, and one look in 5 s to begin with. */
export const MOST_LOOKS = 192;
export const FIRST_STEP_MS = 5_000;

const COUNTED = OUTCOME_KINDS.length;
const PRIMARY = COUNTED + 1;
const SHADOW = COUNTED + 2;
const NOTHING = new Float64Array(COUNTED + 3);

export class History {
  #looks: Look[] = [];
  #stepMs = FIRST_STEP_MS;

  /** Between two looks. */
  get stepMs(): number {
    return this.#stepMs;
  }

  /** `at`: epoch ms. A look that comes too early is none. */
  look(at: number, routes: readonly Counted[]): void {
    const last = this.#looks.at(-1);
    // Timers come a little early or late.
    if (last !== undefined && at >= last.at && at - last.at < this.#stepMs / 2) return;
    // A clock that was set back begins a new history: points are intervals.
    if (last !== undefined && at < last.at) this.#looks = [];
    if (this.#looks.length >= MOST_LOOKS) {
      this.#looks = this.#looks.filter((_, i) => i % 2 === 0);
      this.#stepMs *= 2;
    }
    this.#looks.push({ at, totals: totalsOf(routes) });
  }

  of(route: string): RouteHistory {
    const points = this.#looks.slice(1).map((look, i) => pointBetween(this.#looks[i] as Look, look, route));
    return { route, points };
  }
}

function totalsOf(routes: readonly Counted[]): ReadonlyMap<string, Float64Array> {
  const totals = new Map<string, Float64Array>();
  for (const { name, outcomes, latency } of routes) {
    if (outcomes.length === 0) continue;
    const row = new Float64Array(NOTHING.length);
    for (const { outcome, count } of outcomes) {
      const slot = OUTCOME_KINDS.indexOf(outcome);
      row[slot] = (row[slot] as number) + count;
    }
    row.set([latency.counted, latency.primaryMs, latency.shadowMs], COUNTED);
    totals.set(name, row);
  }
  return totals;
}

function pointBetween(one: Look, other: Look, route: string): HistoryPoint {
  const [before, after] = [one.totals.get(route) ?? NOTHING, other.totals.get(route) ?? NOTHING];
  // Members that share a store may tell less than before, for a moment.
  const grown = (at: number): number => Math.max(0, (after[at] as number) - (before[at] as number));
  const counted = grown(COUNTED);
  return {
    from: new Date(one.at).toISOString(),
    to: new Date(other.at).toISOString(),
    outcomes: Object.fromEntries(OUTCOME_KINDS.map((kind, i) => [kind, grown(i)])) as Record<OutcomeKind, number>,
    primaryMs: counted === 0 ? null : grown(PRIMARY) / counted,
    shadowMs: counted === 0 ? null : grown(SHADOW) / counted,
  };
}
