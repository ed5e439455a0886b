/**
 * The moves between phases (docs/cutover.md). A move crosses the barrier where it changes the source of truth: then no write may be
 * under way. Pure.
 */
import type { Phase } from "../config/settings.ts";
import { PHASE_ROLES } from "./phases.ts";

export const STEPS = ["advance", "rollback"] as const;
export type Step = (typeof STEPS)[number];

/**
 * Where each step leads. `backfilling` is a dual-write that copies rows as well, so both advance to the cutover; only a backfill
 * enters it.
 */
export const MOVES = {
  "legacy-only": { advance: "dual-write" },
  "dual-write": { advance: "next-primary", rollback: "legacy-only" },
  backfilling: { advance: "next-primary", rollback: "dual-write" },
  "next-primary": { advance: "next-only", rollback: "dual-write" },
  "next-only": { rollback: "next-primary" },
} as const satisfies { readonly [P in Phase]: Partial<Record<Step, Exclude<Phase, P>>> };

type Moves = typeof MOVES;

/** The moves that there are, each with where it leads. Another one does not type-check. */
export type LegalMove = {
  [P in Phase]: {
    [S in keyof Moves[P]]: { readonly from: P; readonly step: S; readonly to: Moves[P][S] };
  }[keyof Moves[P]];
}[Phase];

export type Stepped =
  | ({ readonly legal: true } & LegalMove)
  | { readonly legal: false; readonly why: string; readonly instead: readonly Step[] };

export function step(from: Phase, wanted: Step): Stepped {
  const moves: Partial<Record<Step, Phase>> = MOVES[from];
  const to = moves[wanted];
  if (to !== undefined) return { legal: true, from, step: wanted, to } as { readonly legal: true } & LegalMove;
  const instead = STEPS.filter((one) => moves[one] !== undefined);
  const end = wanted === "advance" ? "the last phase" : "the first phase";
  const ways = instead.map((one) => `${one} leads to ${moves[one]}`).join(", ");
  return { legal: false, why: `${from} is ${end}, from which nothing ${wanted}s; ${ways}`, instead };
}

/** The step over the barrier to where that phase is. */
export function stepTowards(phase: Phase): Step {
  return PHASE_ROLES[phase].primary === "next" ? "advance" : "rollback";
}

/** Whether the move hands the requests over to another service. */
export function crossesBarrier(from: Phase, to: Phase): boolean {
  return PHASE_ROLES[from].primary !== PHASE_ROLES[to].primary;
}
