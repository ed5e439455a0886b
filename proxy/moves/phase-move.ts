/** What a move of a group of routes asks for, and what is said of it. Pure. */
import type { Phase } from "../config/settings.ts";
import type { Step } from "./phase-steps.ts";

export interface MoveOrder {
  readonly route: string;
  /** unpin: back to what the file says. */
  readonly step: Step | "unpin";
  /** Where it was decided that it leads; it is refused where, by now, it would lead elsewhere. Absent: wherever it does. */
  readonly to?: Phase;
  /** Past the gate, and what is on the repair list or in gaps. Needs a reason. */
  readonly force: boolean;
  readonly reason: string | null;
  /** Everything but the move. */
  readonly dryRun: boolean;
  readonly by: string;
}

export const CHECK_NAMES = [
  "step",
  "group",
  "gate",
  "retire",
  "effects",
  "values",
  "repairs",
  "gaps",
  "journal",
  "lag",
  "long",
  "processes",
  "tunnels",
] as const;

export interface MoveCheck {
  readonly name: (typeof CHECK_NAMES)[number];
  /** forced: it is missing, and somebody said to go on all the same. */
  readonly state: "met" | "missing" | "forced";
  readonly text: string;
}

/** moved · would-move: a dry run, nothing stands in the way · refused: before any write was held · aborted: while writes were held. */
export const MOVE_ENDS = ["moved", "would-move", "refused", "aborted"] as const;

export interface MoveReport {
  readonly end: (typeof MOVE_ENDS)[number];
  /** The sentence that matters. */
  readonly sentence: string;
  readonly dryRun: boolean;
  /** All that move together. */
  readonly routes: readonly string[];
  readonly from: Phase;
  readonly to: Phase;
  /** Whether the source of truth changes. */
  readonly crosses: boolean;
  readonly checks: readonly MoveCheck[];
  /** Of the routes, afterwards. */
  readonly epoch: number;
  /** How long writes were held back, ms; null: none were. */
  readonly pauseMs: number | null;
  /** Of a dry run: how long they would be, by the present lag. */
  readonly estimatedPauseMs: number | null;
  /** Writes that got 503 and were sent nowhere. */
  readonly refusedWrites: number;
}

/** What the way back to dual-write costs. */
export interface RollbackPrice {
  /** free: both hold the same · keys: some are to be repaired first · gone: what is missing at legacy is on no list. */
  readonly price: "free" | "keys" | "gone";
  readonly text: string;
}
