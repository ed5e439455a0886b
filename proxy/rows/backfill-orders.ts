/** What the member that a backfill talks to asks of all members, itself included, and what each of them answers. Values. */
import type { FreezeAnswer } from "./backfill-window.ts";

/** A backfill, as every member knows it. */
export interface BackfillJob {
  /** ULID: of two of one collection the later one counts. */
  readonly id: string;
  readonly collection: string;
  readonly entity: string;
  readonly route: string;
}

/** A member's own positions: when the window was opened there, and when all had been read. */
export interface Positions {
  readonly since: number;
  readonly read: number;
}

export interface FreezeHere extends Positions {
  /** The backfill's number of it, going up. */
  readonly number: number;
  readonly ids: readonly string[];
}

/** `over`: freezes of the backfill with this number and below have ended, or are not to begin. */
export type MemberOrder = { readonly job: BackfillJob; readonly over: number } & (
  | { readonly what: "window" | "mark" | "thaw" | "end" }
  | {
      readonly what: "freeze";
      readonly number: number;
      readonly ids: readonly string[];
      /** By the life of the process that answered to the window and the mark. */
      readonly positions: Readonly<Record<string, Positions>>;
    }
  | {
      readonly what: "confirm";
      readonly number: number;
      /** Of the processes that froze. */
      readonly lives: readonly string[];
    }
);

/** What one member says to a freeze. */
export type FrozenHere = Exclude<FreezeAnswer, { readonly end: "frozen" }> | Pick<Frozen, "end" | "touched">;
type Frozen = Extract<FreezeAnswer, { readonly end: "frozen" }>;

/** One member's answer to an order. */
export interface MemberReply {
  /** Equal where services and routes of the file are. */
  readonly settings: string;
  readonly said: Said;
}

export type Said =
  | { readonly what: "at"; readonly at: number }
  | { readonly what: "frozen"; readonly frozen: FrozenHere }
  | { readonly what: "confirmed"; readonly holds: boolean }
  | { readonly what: "heard" };
