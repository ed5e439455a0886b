/**
 * The journal's port: delivery data, the durable record of writes until they settle (docs/semantics.md, "Journal"). Never
 * evidence.
 */
import type { RepairReason, SealedPlace } from "./evidence/evidence.ts";
import type { About, Identity, RawHeaders, RequestHead } from "./exchange.ts";
import type { OutcomeKind, OutcomeReason } from "./outcome.ts";
import type { StoreWrite } from "./ports.ts";

/** What is known of a write before the primary is called. */
export interface Intent {
  readonly exchangeId: string;
  readonly route: string;
  readonly request: RequestHead;
  /** As known before the primary is called. */
  readonly key: string | null;
  readonly traceId: string;
  /** Epoch ms. */
  readonly arrivedAt: number;
}

export type PrimaryEnd = "accepted" | "refused" | "unknown";

/** A body as the journal keeps it: whole, in a file of its own, or past its bound only what tells whether another one equals it. */
export type JournaledBody =
  | { readonly kind: "memory"; readonly bytes: Buffer }
  /** In the spool, under a name that outlives the process. Whether it is whole only the file tells. */
  | ({ readonly kind: "spooled" } & LastingName)
  | { readonly kind: "digest"; readonly length: number; readonly sha256: string };

/** A body that lies in a file of its own beside the journal. */
export interface LastingName {
  readonly name: string;
  readonly length: number;
}

/** Where such bodies lie, and what earlier processes left there. */
export interface LastingBodies {
  /** Mode 0700; it is there. */
  readonly folder: string;
  readonly key: Buffer;
  /** power: a body counts as whole once the disk says that it would survive a power cut. */
  readonly survives: "process" | "power";
  /** What writes without an outcome still need; all else that lies there is nobody's. */
  readonly needed: readonly LastingName[];
}

/** All that delivering and comparing need of an accepted write, in another process life if need be. */
export interface AcceptedWrite {
  /** The entities that it is about. */
  readonly about: About;
  /** It overlapped another write of its key at the primary. */
  readonly overlapped: boolean;
  /** First part of its order stamp; absent: the store's generation. */
  readonly orderBase?: number;
  /** Which of the two services is the shadow. */
  readonly shadow: Identity;
  /** The request's; a digest where it does not outlive the process. */
  readonly body: JournaledBody;
  readonly answer: {
    readonly status: number;
    readonly headers: RawHeaders;
    readonly body: JournaledBody;
    readonly ms: number;
  };
  /** Epoch ms. */
  readonly answeredAt: number;
}

export interface DeliveredWrite extends AcceptedWrite {
  /**
   * Nothing is in its way to the shadow, so that its record stands for that of attempt 1 too: a crash behind it finds that
   * the attempt may have been made.
   */
  readonly sentAtOnce?: boolean;
}

/** Accepted, and nowhere but in the journal. */
export interface WaitingWrite {
  readonly intent: Intent;
  readonly write: AcceptedWrite;
  /** `generation.position`, as it was when the primary answered. */
  readonly order: string;
  /** Attempts that may have reached the shadow already. */
  readonly attempts: number;
}

export interface JournaledRepair {
  readonly key: string | null;
  readonly reason: RepairReason;
  /** ISO 8601, as the next. */
  readonly at: string;
  readonly notBefore: string | null;
  /** Where the entity stands; absent in records of an earlier version. */
  readonly place?: SealedPlace | null;
}

export interface JournalEnd {
  readonly outcome: OutcomeKind;
  readonly reason: OutcomeReason | null;
  /** The entries that it leaves on the repair list, redacted as they are there. */
  readonly repairs: readonly JournaledRepair[];
}

/** Both services are to be asked for the entity of a write that has settled (docs/reads.md, "Read back"). */
export interface DueReadBack {
  /** What stands for it on the repair list where it is not done: it names the write, and where its entity stands. */
  readonly mark: Extract<StoreWrite, { type: "repair" }>;
  /** Its answers left open whether it was applied. */
  readonly isOpen: boolean;
  /** Epoch ms. */
  readonly settledAt: number;
  readonly traceId: string;
}

export interface JournalHealth {
  /** null: well. Otherwise what is wrong, in words. */
  readonly problem: string | null;
  readonly bytes: number;
  /** Of these, what is not durable yet. */
  readonly pendingBytes: number;
  /** null: it has no bound of its own. */
  readonly limitBytes: number | null;
}

/**
 * Delivery data: the durable record of writes until they settle (docs/semantics.md, "Journal"). Never evidence.
 * No call throws. Each record has a position, one further than the record before it, over all lives of one journal.
 */
export interface Journal {
  readonly kind: "none" | "memory" | "durable";
  /** null where nothing needs to be waited for. Rejects where the intent is not taken. */
  intend(intent: Intent): Promise<void> | null;
  /** `write`: of an accepted one that is delivered from memory. Returns the record's position, where records have one. */
  answered(exchangeId: string, end: PrimaryEnd, key: string | null, write?: DeliveredWrite): number | undefined;
  /**
   * Keeps an accepted write for later: `nextWaiting` gives it back. Resolves to whether it is durable; where it is not, it
   * is still the caller's to settle. null: the journal cannot.
   */
  keep(exchangeId: string, write: AcceptedWrite): Promise<boolean> | null;
  /** Resolves, where there is something to wait for, when it is durable that the attempt is on the wire. */
  sent(exchangeId: string, attempt: number): Promise<void> | undefined;
  /**
   * false: a crash would send the write again, because that its first attempt was made can only be recorded once the
   * journal's disk takes something.
   */
  canTellOfFirst(exchangeId: string): boolean;
  /** It was to be sent at once and has to wait: no attempt has been made. Nothing where `answered` did not say so. */
  heldUp(exchangeId: string): void;
  /** The write, which settles in this turn, is to be read back, if need be in another process life. */
  readBackDue(exchangeId: string, due: DueReadBack): void;
  /** It is due no more; `mark`: what it left on the repair list. Nothing where it was not due. */
  readBackEnded(exchangeId: string, mark: DueReadBack["mark"] | null): void;
  settled(exchangeId: string, end: JournalEnd): void;
  /** Accepted writes that nothing but the journal holds; `route`: of this one alone. */
  waiting(route?: string): number;
  /** Epoch ms at which the primary had answered the oldest of them of this route, or a little before; null: none waits. */
  waitingSince(route: string): number | null;
  /** Some of them, in the order in which they were answered; each is to be taken before more are asked for. */
  nextWaiting(): Promise<readonly WaitingWrite[]>;
  /** It is delivered from memory from here on. */
  take(write: WaitingWrite): void;
  /** Whether the write could be delivered from the journal, should this process not come to it. */
  holds(exchangeId: string): boolean;
  /** Of the last record. */
  position(): number;
  /** A position of its own for what is not recorded. */
  nextPosition(): number;
  /** Whether everything up to that position survives what the journal is meant to survive. */
  reached(position: number): boolean;
  /** Resolves when it does, or when the disk refuses it; null: nothing is to be waited for. */
  whenReached(position: number): Promise<void> | null;
  /** Intents without `settled`. */
  depth(): number;
  health(): JournalHealth;
  close(): Promise<void>;
}

/** A write that the process life before left without an outcome, and without a copy that could be delivered. */
export interface LeftOver {
  readonly intent: Intent;
  /** null: the primary may have been called, and nobody knows what came of it. */
  readonly end: PrimaryEnd | null;
  readonly key: string | null;
}

/** What the journal can say of the process life before, for a store that has counted everything up to a position. */
export interface JournalAccount {
  /** The store's generation in that life, where the journal holds all of its records that the store has not counted. */
  readonly coversGeneration: number | null;
  /** Why not, in words. */
  readonly damage: string | null;
  /** The last position that it holds. */
  readonly upTo: number;
  /** What records that the store has not counted would have it count, each with its record's position. */
  readonly uncounted: readonly { readonly position: number; readonly write: StoreWrite }[];
  /** Writes without an outcome. */
  readonly open: readonly { readonly route: string; readonly count: number }[];
  /** Routes of which writes were not journaled when that life ended, and since when (epoch ms). */
  readonly unjournaled: readonly { readonly route: string; readonly from: number }[];
}

/** Makes durable, beside the store, which routes have writes that are in no journal. */
export interface GapMarker {
  /** Resolves when it is durable; rejects where it cannot be made so. */
  open(route: string, from: number): Promise<void>;
  close(route: string): void;
}
