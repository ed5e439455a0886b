/** What a store is given to keep, as rows: cut into batches by backlog.ts. Plain data. */
import type { Missing, OutcomeCount, RepairReason, SealedPlace } from "../../proxy/evidence/evidence.ts";
import type { KeptGateEvidence } from "../../proxy/moves/gate-evidence.ts";
import type { Leaning } from "../../proxy/moves/leanings.ts";
import type { KeptPlace } from "../../proxy/evidence/places.ts";
import type { StoreWrite } from "../../proxy/ports.ts";
import type { RowJobEnd } from "../../proxy/rows/row-jobs.ts";
import type { PairsKept } from "../../proxy/evidence/stored-pair.ts";

export interface RepairRow {
  readonly route: string;
  readonly key: string | null;
  readonly reason: RepairReason;
  readonly exchangeId: string;
  readonly since: string;
  readonly times: number;
  readonly notBefore: string | null;
  readonly place: SealedPlace | null;
  readonly misses: Missing;
}

export type GapRow =
  | {
      readonly change: "opened";
      readonly id: string;
      readonly route: string;
      readonly from: string;
      readonly why: string;
      readonly misses: Missing;
    }
  | { readonly change: "closed"; readonly id: string; readonly to: string }
  | { readonly change: "withdrawn"; readonly id: string };

/** In the order in which they came: a later one takes the place of an earlier. */
export type ControlRow = Extract<StoreWrite, { type: "pin" | "unpin" | "audit" }>;

/** What must survive: small however much traffic there is, and kept in memory until it is durable. */
export interface EssentialRows {
  readonly outcomes: readonly OutcomeCount[];
  readonly totals: readonly { readonly route: string; readonly eligible: number; readonly comparedReads: number }[];
  readonly repairs: readonly RepairRow[];
  readonly gaps: readonly GapRow[];
  /** The journal's position that all of this, with what came before, counts up to; null: nothing was told of it. */
  readonly journalMark: number | null;
  readonly controls: readonly ControlRow[];
  /** No evidence, and bounded: what is known of each now. */
  readonly places: readonly KeptPlace[];
  /** One a route. */
  readonly gateEvidence: readonly KeptGateEvidence[];
  readonly shadows: readonly { readonly route: string; readonly service: Missing }[];
  /** One a route and kind: to be added. */
  readonly leanings: readonly Leaning[];
  /** One of each kind a collection. */
  readonly rowJobs: readonly RowJobEnd[];
}

export interface EvidenceRow {
  readonly id: string;
  /** Epoch ms of the arrival. */
  readonly at: number;
  readonly route: string;
  readonly method: string;
  readonly outcome: string;
  readonly group: string | null;
  /** JSON; null: the record does not count in its group, it follows from it. */
  readonly signature: string | null;
  /** `,value,type,` */
  readonly kinds: string;
  readonly build: string | null;
  /** Where it stands among all records, where whoever appended it has a say in that; else 0. */
  readonly position: number;
  readonly record: string;
}

export interface PairRow {
  readonly id: string;
  /** Epoch ms of the arrival. */
  readonly at: number;
  readonly route: string;
  readonly bucket: string;
  readonly group: string | null;
  readonly outcome: string;
  readonly key: string | null;
  /** As in `EvidenceRow`. */
  readonly position: number;
  readonly pair: string;
}

/** Of all that a store, or a partition of it, has. */
export type PairSizes = Pick<PairsKept, "kept" | "bytes">;

/** Committed whole or not at all. */
export interface Batch {
  /** Counts up by one within a run: a batch is recognised as committed after its thread died. */
  readonly number: number;
  /** Epoch ms: everything appended before is in this batch or one before it, evidence that waits or was lost aside. */
  readonly sealedAt: number;
  readonly essentials: EssentialRows;
  readonly evidence: readonly EvidenceRow[];
  readonly pairs: readonly PairRow[];
}

/** What tells the jobs apart of which the last one is kept. */
export function rowJobName({ job, collection }: RowJobEnd): string {
  return `${job} ${collection}`;
}

/** One unreadable time must not fail a whole batch for ever. */
export function epochMs(time: string, otherwise: number): number {
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? otherwise : ms;
}
