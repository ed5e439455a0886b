/** What a running proxy tells and gives a backfill that runs beside live writes. Shapes of API and CLI, and the port of the API. */

/** A freeze lifts itself so long after it was begun, or confirmed, last. */
export const FREEZE_MS = 5_000;
/** However often it is confirmed: what takes longer is written in smaller parts. */
export const FREEZE_MOST_MS = 30_000;
/** A chunk that was confirmed is committed within so long, or the database itself undoes it. */
export const COMMIT_WITHIN_MS = 2_000;
/** Ids in one freeze. */
export const FREEZE_MOST_IDS = 20_000;

export interface OpenedBackfill {
  readonly id: string;
  /** The entity of the collection's keys. */
  readonly entity: string;
}

export interface Marked {
  /** A position among all that mirrored writes do. */
  readonly at: number;
}

export interface FreezeOrder {
  /** The position from which on everything had to be known: as the window was opened, before anything was read. */
  readonly since: number;
  /** The position at which all had been read. */
  readonly read: number;
  /** As entity keys spell them, without the entity. */
  readonly ids: readonly string[];
}

export type FreezeAnswer =
  /** Rows of these ids are not to be written: something touched them, or may have. The others are held back. */
  | { readonly end: "frozen"; readonly freeze: number; readonly touched: readonly string[] }
  /** Any row may have been changed: none is to be written. */
  | { readonly end: "dirty"; readonly why: string }
  /** Not now. Nothing is frozen. */
  | { readonly end: "later"; readonly why: string }
  /** Not any more: the rows are no longer brought over this way. */
  | { readonly end: "over"; readonly why: string };

export interface Confirmed {
  /** It has held without a break, and holds for FREEZE_MS from now. */
  readonly holds: boolean;
}

export type BackfillOpening =
  | { readonly end: "opened"; readonly opened: OpenedBackfill }
  | { readonly end: "unknown" }
  | { readonly end: "refused"; readonly why: string };

/** What is asked of a backfill: null where there is none of that id; `replaced`: another one took its collection over. */
export type OfBackfill<T> = { readonly answer: T } | "replaced" | null;

export interface Backfills {
  open(collection: string, by: string): BackfillOpening;
  window(id: string): OfBackfill<Promise<number>>;
  mark(id: string): OfBackfill<Promise<number>>;
  freeze(id: string, order: FreezeOrder): OfBackfill<Promise<FreezeAnswer>>;
  /** Whether it has held without a break; then it does for FREEZE_MS more. */
  confirm(id: string, freeze: number): OfBackfill<Promise<boolean>>;
  thaw(id: string, freeze: number): OfBackfill<Promise<void>>;
  leaveToRepair(id: string, ids: readonly string[]): OfBackfill<number>;
  end(id: string, how: "done" | "stopped"): OfBackfill<Promise<void>>;
  /** From here on this process has its part in what other members' backfills ask. Resolves once it has heard of what stands. */
  attend(): Promise<void>;
  /** Those that nothing is heard of, a sentence each. */
  warnings(): readonly string[];
}

/** Of `Backfills`, what the path of a request asks. */
export interface Copying {
  /** Rows of the entity are being copied: what the shadow has not may be on its way. */
  isCopying(entity: string | null): boolean;
}
