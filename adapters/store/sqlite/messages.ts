/** What passes between the process and the thread that owns the file. Plain data: it is cloned. */
import type { AuditEntry } from "../../../proxy/evidence/audit.ts";
import type { ErrorCode } from "../../../proxy/errors.ts";
import type {
  GapRecord,
  GroupDecision,
  GroupEvent,
  GroupRecord,
  ListedGroup,
  OutcomeCount,
  RepairEnd,
  RepairRecord,
  RepairWork,
} from "../../../proxy/evidence/evidence.ts";
import type { KeptGateEvidence } from "../../../proxy/moves/gate-evidence.ts";
import type { JournalAccount } from "../../../proxy/journal.ts";
import type { Leaning } from "../../../proxy/moves/leanings.ts";
import type { Override } from "../../../proxy/moves/overrides.ts";
import type { KeptPhase, PhaseMove } from "../../../proxy/moves/kept-phase.ts";
import type { KeptPlace } from "../../../proxy/evidence/places.ts";
import type { DivergenceQuery, GroupQuery, OpenWork, Page, PairQuery, RepairWorkQuery } from "../../../proxy/ports.ts";
import type { PairSought, PairsQuery, PairTaught, ValuePairRow } from "../../../proxy/ids/value-pairs.ts";
import type { Retention } from "../retention.ts";
import type { RowJobEnd } from "../../../proxy/rows/row-jobs.ts";
import type { Batch, PairSizes } from "../rows.ts";

/** An error as it crosses between threads. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
}

export interface OpeningOrder {
  readonly file: string;
  /** Identity of this process life. */
  readonly run: string;
  readonly now: number;
  readonly retention: Retention;
  /** Routes that get a gap beside those the store knows. */
  readonly routes: readonly string[];
  /** Two words of shared memory, where a journal is to be asked what it knows of the run before: 1 once it has answered. */
  readonly journal?: SharedArrayBuffer;
  /** Set where the same run opens the file again because its thread died. */
  readonly again: {
    readonly generation: number;
    /** Epoch ms of the run's first opening. */
    readonly since: number;
    /** Found corrupt while in use: it is set aside without a further look. */
    readonly corrupt: boolean;
  } | null;
}

export interface Opened {
  readonly generation: number;
  readonly previousEnd: "none" | "clean" | "unclean";
  /** Where a corrupt file was put, or null. */
  readonly setAside: string | null;
  /** Batches of this run that are durable. */
  readonly lastBatch: number;
  /** The journal's position up to which everything is counted. */
  readonly journalMark: number;
  /** Tells whether the path still leads to the file that was opened. */
  readonly inode: number;
  /** What an operator should know, a sentence each. */
  readonly notes: readonly string[];
}

/** Every question, with its arguments and its answer. Records travel as their JSON. */
export interface Questions {
  outcomeCounts: { args: null; value: readonly OutcomeCount[] };
  eligibleCounts: { args: null; value: readonly { readonly route: string; readonly count: number }[] };
  divergences: { args: DivergenceQuery; value: { readonly records: readonly string[]; readonly more: string | null } };
  divergence: { args: string; value: string | null };
  groups: { args: GroupsAsked; value: Page<ListedGroup> };
  group: {
    args: { readonly id: string; readonly now: number };
    value: { readonly group: GroupRecord; readonly samples: readonly string[] } | null;
  };
  decideGroup: {
    args: { readonly id: string; readonly decision: GroupDecision; readonly now: number };
    value: GroupRecord | null;
  };
  /** Of the next so many rows below `before` those that have a key, newest first; `more`: the next `before`, or null. */
  shownKeys: {
    args: { readonly table: ErasedTable; readonly route?: string; readonly before: number };
    value: { readonly keys: readonly ShownKey[]; readonly more: number | null };
  };
  pairs: { args: PairQuery; value: { readonly pairs: readonly string[]; readonly more: string | null } };
  pair: { args: string; value: string | null };
  /** By their seqs. */
  erase: { args: { readonly table: ErasedTable; readonly seqs: readonly number[] }; value: null };
  /** Writes the file anew, without what was erased from it at any time. */
  overwrite: { args: null; value: null };
  repairs: { args: ListQuery; value: Page<RepairRecord> };
  repairWork: { args: RepairWorkQuery; value: readonly RepairWork[] };
  endRepair: {
    args: { readonly id: number; readonly revision: number; readonly end: RepairEnd };
    value: "done" | "changed";
  };
  gaps: { args: ListQuery; value: Page<GapRecord> };
  overrides: { args: null; value: readonly Override[] };
  audit: { args: ListQuery; value: Page<AuditEntry> };
  places: { args: null; value: readonly KeptPlace[] };
  gateEvidence: { args: null; value: readonly KeptGateEvidence[] };
  leanings: { args: null; value: readonly Leaning[] };
  rowJobs: { args: null; value: readonly RowJobEnd[] };
  phases: { args: null; value: readonly KeptPhase[] };
  movePhases: { args: readonly PhaseMove[]; value: "done" | "changed" };
  openWork: { args: null; value: readonly OpenWork[] };
  teachValues: {
    args: { readonly pairs: readonly ValuePairRow[]; readonly now: number };
    value: readonly PairTaught[];
  };
  findValues: {
    args: { readonly sought: readonly PairSought[]; readonly now: number };
    value: readonly (ValuePairRow | null)[];
  };
  valuePairs: { args: { readonly query: PairsQuery; readonly now: number }; value: Page<ValuePairRow> };
}

/** What an erasure looks into. */
export type ErasedTable = "divergence" | "pair";

export interface ShownKey {
  readonly seq: number;
  readonly key: string;
  /** 1: its group has it as a sample. */
  readonly isSample: 0 | 1;
}

/** `now`: epoch ms, which hours are the last 24. */
export type GroupsAsked = GroupQuery & { readonly now: number };

export interface ListQuery {
  readonly route?: string;
  readonly limit: number;
  readonly cursor?: string;
}

export type Question = {
  [Name in keyof Questions]: { readonly name: Name; readonly args: Questions[Name]["args"] };
}[keyof Questions];

export type ToWorker =
  | { readonly type: "commit"; readonly batch: Batch }
  | { readonly type: "ask"; readonly id: number; readonly question: Question }
  /** What the journal knows of the run before. */
  | { readonly type: "account"; readonly account: JournalAccount }
  | { readonly type: "close"; readonly clean: boolean; readonly now: number };

export interface Committed {
  /** What is new about groups. */
  readonly events: readonly GroupEvent[];
  readonly pairs: PairSizes;
}

export type FromWorker =
  /** The file is this process's; the thread stands still until it is told what the journal knows. */
  | { readonly type: "locked"; readonly journalMark: number }
  | { readonly type: "opened"; readonly opened: Opened; readonly pairs: PairSizes }
  | { readonly type: "refused"; readonly failure: Failure }
  | { readonly type: "committed"; readonly number: number; readonly committed: Committed }
  | { readonly type: "failed"; readonly number: number; readonly failure: Failure }
  | { readonly type: "answer"; readonly id: number; readonly value: Questions[keyof Questions]["value"] }
  | { readonly type: "no-answer"; readonly id: number; readonly failure: Failure }
  /** The file is damaged: the thread has closed it and ends, so that the next one sets it aside. */
  | { readonly type: "corrupt"; readonly failure: Failure }
  | { readonly type: "closed" };
