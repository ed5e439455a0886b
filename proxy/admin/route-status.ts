/** One route's counts, as API, page and CLI show them. Pure. */
import type { RollbackPrice } from "../moves/phase-move.ts";
import type { MappedForClients } from "../ids/client-mappings.ts";
import type { DialledReads } from "../reads/dial-counts.ts";
import type { FallbackReads } from "../reads/fallback-counts.ts";
import type { ReadBackCounts } from "../read-back-results.ts";
import type { Phase } from "../config/settings.ts";
import { OUTCOME_KINDS, type OutcomeKind, type OutcomeReason } from "../outcome.ts";
import type { Override } from "../moves/overrides.ts";
import type { CauseCounts } from "../ports.ts";
import type { BreakerState, RouteState } from "./parts.ts";

/** Invariant: the sum of `outcomes` plus `pending` is `eligible`; where it is not, a warning names the route. */
export interface RouteStatus {
  readonly name: string;
  readonly phase: Phase;
  readonly wanted: Phase;
  readonly rollback: RollbackPrice | null;
  readonly heldWrites: number | null;
  readonly primary: string;
  readonly shadow: string | null;
  /** What is counted: `exchanges` where reads are mirrored too. */
  readonly unit: "writes" | "exchanges";
  readonly eligible: number;
  readonly pending: number;
  readonly outcomes: Readonly<Record<OutcomeKind, number>>;
  /** Of dropped and skipped; reasons that never came up are absent. */
  readonly reasons: Readonly<Partial<Record<OutcomeReason, number>>>;
  /** Divergent share of what was compared, 0 to 1; null while nothing was. */
  readonly divergenceRate: number | null;
  /** The share that its gate asks to be below. */
  readonly divergenceBelow: number;
  /** Open connections that changed their protocol: what goes through them is not seen. */
  readonly tunnels: number;
  readonly lagMs: number;
  readonly breaker: BreakerState | null;
  readonly repairs: number;
  /** Among them: tried too often. */
  readonly parked: number;
  readonly gaps: number;
  /** Its groups of divergences by state; null: not known yet. */
  readonly causes: CauseCounts | null;
  /** Of what the gate asks for: 1 is enough, below 0 it speaks against a cutover. */
  readonly gateEvidence: number;
  /** Since the process began: requests and answers that lean on what the primary calls otherwise. */
  readonly mappedForClients: MappedForClients;
  /** Since the process began: reads that fell to next while legacy was the primary. */
  readonly dialledReads: DialledReads;
  /** Since the process began: reads that next, as the primary, had nothing for. */
  readonly fallbackReads: FallbackReads;
  /** Since the process began: mirrored writes that were read back. */
  readonly readBacks: ReadBackCounts;
  /** What operators have set over the file. */
  readonly overrides: readonly Override[];
}

export function buildRouteStatus(
  state: RouteState,
  { unit, divergenceBelow }: Pick<RouteStatus, "unit" | "divergenceBelow">,
): RouteStatus {
  const outcomes = Object.fromEntries(OUTCOME_KINDS.map((kind) => [kind, 0])) as Record<OutcomeKind, number>;
  const reasons: Partial<Record<OutcomeReason, number>> = {};
  for (const { outcome, reason, count } of state.outcomes) {
    outcomes[outcome] += count;
    if (reason !== null && count > 0) reasons[reason] = (reasons[reason] ?? 0) + count;
  }
  const compared = outcomes.match + outcomes.ignored + outcomes.divergent;
  return {
    name: state.name,
    phase: state.phase,
    wanted: state.wanted,
    rollback: state.rollback,
    heldWrites: state.heldWrites,
    primary: state.primary,
    shadow: state.shadow,
    unit,
    eligible: state.eligible,
    pending: state.pending,
    outcomes,
    reasons,
    divergenceRate: compared === 0 ? null : outcomes.divergent / compared,
    divergenceBelow,
    tunnels: state.tunnels,
    lagMs: state.lagMs,
    breaker: state.breaker,
    repairs: state.repairs,
    parked: state.parked,
    gaps: state.gaps,
    causes: state.causes,
    gateEvidence: state.gateEvidence,
    mappedForClients: state.mappedForClients,
    dialledReads: state.dialledReads,
    fallbackReads: state.fallbackReads,
    readBacks: state.readBacks,
    overrides: state.overrides,
  };
}

/** How far the outcomes are from summing up: 0 unless accounting is broken. */
export function unaccountedFor(route: Pick<RouteStatus, "eligible" | "pending" | "outcomes">): number {
  return route.eligible - route.pending - OUTCOME_KINDS.reduce((sum, kind) => sum + route.outcomes[kind], 0);
}

/**
 * Whether it diverges in a way that nobody has dealt with. So it does, for all that is known, where the store has not said
 * yet, or has no cause for what diverged.
 */
export function hasOpenCause({ outcomes, causes }: Pick<RouteStatus, "outcomes" | "causes">): boolean {
  if (outcomes.divergent === 0) return false;
  return causes === null || causes.new + causes.regressed > 0 || causes.acknowledged + causes.fixed === 0;
}

/** What disagrees first, then what has gaps, then what could not be compared; the rest in the order of the config. */
export function worstFirst(routes: readonly RouteStatus[]): readonly RouteStatus[] {
  return routes.toSorted((a, b) => badness(b) - badness(a));
}

function badness(route: RouteStatus): number {
  const { outcomes, gaps, repairs } = route;
  const failed = outcomes["shadow-error"] + outcomes["shadow-timeout"] + outcomes.dropped + outcomes.unknown;
  return (hasOpenCause(route) ? 4 : 0) + (gaps > 0 ? 2 : 0) + (failed + repairs > 0 ? 1 : 0);
}
