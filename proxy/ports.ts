/**
 * What the core asks of the outside. Adapters implement these; the core never imports an adapter.
 */
import type { Readable } from "node:stream";
import type { AuditEntry } from "./evidence/audit.ts";
import type { Phase } from "./config/settings.ts";
import type { CrossfadeError } from "./errors.ts";
import type {
  DifferenceKind,
  DivergenceRecord,
  GapRecord,
  GroupDecision,
  GroupEvent,
  GroupRecord,
  GroupState,
  ListedGroup,
  Missing,
  OutcomeCount,
  RepairEnd,
  RepairReason,
  RepairRecord,
  RepairWork,
  SealedPlace,
} from "./evidence/evidence.ts";
import type { DialResult } from "./reads/dial-results.ts";
import type { RawHeaders, Role } from "./exchange.ts";
import type { CopyResult, FallbackResult } from "./reads/fallback-results.ts";
import type { KeptGateEvidence } from "./moves/gate-evidence.ts";
import type { Leaning } from "./moves/leanings.ts";
import type { OutcomeKind, OutcomeReason } from "./outcome.ts";
import type { EndedSpan } from "./tracing/spans.ts";
import type { Override, OverrideSetting } from "./moves/overrides.ts";
import type { KeptPhase, PhaseMove } from "./moves/kept-phase.ts";
import type { PresentState } from "./members/members.ts";
import type { KeptPlace, NotTwiceReason } from "./evidence/places.ts";
import type { PairOutcome, PairsKept, StoredPair } from "./evidence/stored-pair.ts";
import type { PairSought, PairsQuery, PairTaught, ValuePairRow } from "./ids/value-pairs.ts";
import type { ReadBackResult } from "./read-back-results.ts";
import type { RepairResult } from "./repair-job.ts";
import type { ReconciledCounts, RowJobEnd } from "./rows/row-jobs.ts";

// ---------------------------------------------------------------- upstream

/** A body that is sent as it comes. */
export interface StreamedBody {
  readonly stream: Readable;
  /** Read when the stream has ended, where the body is chunked. */
  readonly trailers: () => RawHeaders;
  /** Called at most once, where not all of the stream was read: the writer has let go of it. */
  readonly abandon: () => void;
}

export interface UpstreamRequest {
  readonly method: string;
  /** Request target, sent byte for byte. */
  readonly target: string;
  /** Sent as they are, in order; `Transfer-Encoding` or `Content-Length` among them frames the body. */
  readonly headers: RawHeaders;
  /** Complete bytes, a stream (its head is sent at once), or null for none. */
  readonly body: Buffer | StreamedBody | null;
  /** From the request's last byte to the answer's head. 0: any time, as in the next two. */
  readonly headersTimeoutMs: number;
  /** Silence within the answer. */
  readonly bodyTimeoutMs: number;
  /** From the first byte sent to the last received. */
  readonly totalTimeoutMs: number;
  /** true: never on a kept-alive connection. */
  readonly freshConnection: boolean;
  /** true: 101 is an answer; then the connection is a tunnel. */
  readonly upgrade: boolean;
}

/** Told what happens to one upstream request, in this order; exactly one of `onEnd` and `onError` is last. */
export interface AnswerSink {
  /** The request is about to be written: from here on the service may have seen it. */
  onSending(): void;
  /** A 1xx answer other than 101. */
  onInformation(status: number, statusText: string, headers: RawHeaders): void;
  /** Headers as they came, framing included. After a 101 to an upgrade, data is what the tunnel brings. */
  onHead(status: number, statusText: string, headers: RawHeaders): void;
  /** Return false to pause until the call's `resume`; what was read by then may still come. The chunk is the sink's. */
  onData(chunk: Buffer): boolean;
  onEnd(trailers: RawHeaders): void;
  onError(error: CrossfadeError): void;
}

export interface UpstreamCall {
  /** Ends the exchange with this service; `onError` follows with code `aborted` unless it has ended already. */
  abort(why: string): void;
  /** Goes on with an answer that was paused. */
  resume(): void;
  /** The client has ended its side: once the request is written, so is the service told. */
  endSide(): void;
  /** After a 101: sends what the other side of the tunnel writes, its end included, as it comes. */
  relay(from: Readable): void;
}

/** One service's connections. */
export interface Upstream {
  send(request: UpstreamRequest, sink: AnswerSink): UpstreamCall;
  /** Ends all connections; what is on the wire is aborted. */
  close(): Promise<void>;
}

// ---------------------------------------------------------------- evidence and state: the store

/** Sent to the owner of the store in batches, in order. */
export type StoreWrite =
  | {
      readonly type: "count";
      readonly route: string;
      readonly outcome: OutcomeKind;
      readonly reason: OutcomeReason | null;
    }
  | { readonly type: "eligible"; readonly route: string }
  /** A read that was compared (match, ignored, divergent): reads are not counted durably, but groups' shares need them. */
  | { readonly type: "compared-read"; readonly route: string }
  | {
      readonly type: "divergence";
      readonly record: DivergenceRecord;
      /** The record as the log has it. */
      readonly json: string;
      /** Present where the record counts in its group; a record with a group and without this one follows from it. */
      readonly signature: GroupRecord["signature"] | null;
    }
  /** An exchange that is kept whole. It is evidence of the least weight: a store that is behind leaves it out. */
  | {
      readonly type: "pair";
      readonly id: string;
      /** Epoch ms of the arrival. */
      readonly at: number;
      readonly route: string;
      /** Pairs of one bucket are of one cause (or match alike), and few of them are kept. */
      readonly bucket: string;
      readonly group: string | null;
      readonly outcome: PairOutcome;
      /** As it is shown. */
      readonly key: string | null;
      /** A StoredPair. */
      readonly json: string;
    }
  | {
      readonly type: "repair";
      readonly route: string;
      readonly key: string | null;
      readonly reason: RepairReason;
      readonly exchangeId: string;
      readonly at: string;
      /** ISO 8601, UTC; null: at any time. Of two marks the later one holds. */
      readonly notBefore: string | null;
      /** null: not known. */
      readonly place: SealedPlace | null;
      readonly misses?: Missing;
      /** Marks that it stands for; absent: one. */
      readonly times?: number;
    }
  | {
      readonly type: "gap-opened";
      readonly id: string;
      readonly route: string;
      readonly from: string;
      readonly why: string;
      readonly misses?: Missing;
    }
  | { readonly type: "gap-closed"; readonly id: string; readonly to: string }
  /** Nothing was missing in it after all. */
  | { readonly type: "gap-withdrawn"; readonly id: string }
  /** Everything that the journal's records up to this position count has been appended before. */
  | { readonly type: "journal-mark"; readonly position: number }
  /** Takes the place of what was set before of the same thing. */
  | { readonly type: "pin"; readonly override: Override }
  | { readonly type: "unpin"; readonly route: string | null; readonly setting: OverrideSetting }
  | { readonly type: "audit"; readonly entry: AuditEntry }
  /** What is known of these places now, in place of what was known of them. */
  | { readonly type: "places"; readonly places: readonly KeptPlace[] }
  /** What is known of these routes now, in place of what was known of them. */
  | { readonly type: "gate-evidence"; readonly rows: readonly KeptGateEvidence[] }
  /** Who gets the copies of a route from now on, as far as this process goes: a gap that the store itself records misses them there. */
  | { readonly type: "shadow"; readonly route: string; readonly service: Missing }
  /** Added to what was counted before. */
  | { readonly type: "leaned"; readonly leaning: Leaning }
  /** Takes the place of the last one of its kind of its collection. */
  | { readonly type: "row-job"; readonly end: RowJobEnd };

export interface DivergenceQuery {
  readonly route?: string;
  readonly kind?: DifferenceKind;
  /** Exact pointer as listed, or a prefix of it followed by `/`. */
  readonly at?: string;
  readonly outcome?: OutcomeKind;
  /** Epoch ms. */
  readonly since?: number;
  readonly group?: string;
  /** Only of a group that is in one of these states now. */
  readonly states?: readonly GroupState[];
  /** 1 to 1000. */
  readonly limit: number;
  /** Opaque, from `next` of the page before. */
  readonly cursor?: string;
}

export interface GroupQuery {
  readonly route?: string;
  /** Only in one of these states. */
  readonly states?: readonly GroupState[];
  readonly limit: number;
  readonly cursor?: string;
}

export interface PairQuery {
  readonly route?: string;
  readonly group?: string;
  readonly outcome?: PairOutcome;
  readonly limit: number;
  readonly cursor?: string;
}

/** How many groups of divergences (not of shadow failures) are in each state. */
export type CauseCounts = Readonly<Record<GroupState, number>>;

export interface ErasureQuery {
  readonly route?: string;
  /** Tells of a record's key, as it is shown, whether its record has to go. */
  readonly isKey: (shown: string) => boolean;
  /** Counts what would go, and changes nothing. */
  readonly dryRun: boolean;
}

export interface ErasedRecords {
  readonly records: number;
  /** Among them: samples of groups. */
  readonly samples: number;
  /** Exchanges that were kept whole. */
  readonly pairs: number;
  /** Files that an earlier run set aside: nobody reads or erases what is in them. */
  readonly setAside: readonly string[];
}

export interface OpenWork {
  readonly route: string;
  readonly repairs: number;
  /** Among them. */
  readonly parked: number;
  readonly gaps: number;
  /** Among them, those in which legacy may miss something: what the way back to it costs. */
  readonly legacyMisses: { readonly repairs: number; readonly gaps: number };
  readonly causes: CauseCounts;
}

export interface RepairWorkQuery {
  readonly route?: string;
  /** Entries with a greater id. 0: from the first. */
  readonly after: number;
  /** Epoch ms: only open ones that may be looked at by then, and are to be tried by then. null: all. */
  readonly dueAt: number | null;
  /** Only marked last for one of these. */
  readonly reasons?: readonly RepairReason[];
  readonly limit: number;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

export interface StoreHealth {
  readonly kind: "sqlite" | "redis" | "memory";
  /** null: well. Otherwise what is wrong, or went wrong since the process began, in words. */
  readonly problem: string | null;
  /** What is appended becomes durable: a problem is one of the past. */
  readonly isKeeping: boolean;
  /** Writes that could not be kept since the process began. */
  readonly lostWrites: number;
  /** Writes not yet durable. */
  readonly pendingWrites: number;
}

/**
 * State and evidence. `append` never throws and never blocks: a store that is slow or gone loses evidence, counts it in
 * `health` and says so; it never stops traffic (G2). Queries reject with a CrossfadeError (`store-unavailable`).
 */
export interface Store {
  /** One more at each opening of the same store; first part of the order stamp. */
  readonly generation: number;
  append(writes: readonly StoreWrite[]): void;
  /**
   * Resolves when everything appended so far is durable or has been counted as lost, or when an attempt to make it
   * durable has failed or takes too long: then `health` says so, and it is still tried.
   */
  flush(): Promise<void>;
  health(): StoreHealth;
  /** The journal's position up to which counts are durable; 0 where none was ever told. */
  journalMark(): number;
  /** Counts of writes over the store's whole life. */
  outcomeCounts(): Promise<readonly OutcomeCount[]>;
  eligibleCounts(): Promise<readonly { readonly route: string; readonly count: number }[]>;
  divergences(query: DivergenceQuery): Promise<Page<DivergenceRecord>>;
  divergence(id: string): Promise<DivergenceRecord | null>;
  /** The most frequent first. */
  groups(query: GroupQuery): Promise<Page<ListedGroup>>;
  group(id: string): Promise<{ readonly group: GroupRecord; readonly samples: readonly DivergenceRecord[] } | null>;
  /** Keeps what an operator said; null: no such group. */
  decideGroup(id: string, decision: GroupDecision): Promise<GroupRecord | null>;
  /** Exchanges that were kept whole, the newest first. */
  pairs(query: PairQuery): Promise<Page<StoredPair>>;
  pair(id: string): Promise<StoredPair | null>;
  pairsKept(): PairsKept;
  /**
   * Erases records and pairs: they are overwritten where they were kept, not only unlisted. Counts and groups stay, with the samples
   * that are left to them; so do repairs and gaps. Of what is appended meanwhile some may stay. Commits go on in between,
   * but wait while the file is written anew. Once it has failed it may be called again.
   */
  eraseDivergences(query: ErasureQuery): Promise<ErasedRecords>;
  /**
   * Tells of groups that are seen for the first time, or again after they were fixed or no longer acknowledged; once they
   * are kept, and at most once. A listener that throws is ignored. Returns the unsubscribe.
   */
  onGroupEvent(listener: (event: GroupEvent) => void): () => void;
  repairs(query: {
    readonly route?: string;
    readonly limit: number;
    readonly cursor?: string;
  }): Promise<Page<RepairRecord>>;
  /** By id. */
  repairWork(query: RepairWorkQuery): Promise<readonly RepairWork[]>;
  /**
   * Takes the end of an attempt for this revision of the entry and no other: whatever was marked meanwhile, appended or
   * kept, stays on the list. `changed`: it was marked again, or is gone, and nothing was done.
   */
  endRepair(work: Pick<RepairWork, "id" | "route" | "revision">, end: RepairEnd): Promise<"done" | "changed">;
  gaps(query: { readonly route?: string; readonly limit: number; readonly cursor?: string }): Promise<Page<GapRecord>>;
  /** What operators have set over the file. */
  overrides(): Promise<readonly Override[]>;
  /** The phases of routes, as far as they are kept. Empty over a store that several processes share: there files alone decide. */
  phases(): Promise<readonly KeptPhase[]>;
  /**
   * All of them or none, and for good once it resolves, a power cut included. `changed`: a route was set meanwhile, or lost, and
   * nothing was done.
   */
  movePhases(moves: readonly PhaseMove[]): Promise<"done" | "changed">;
  /** What was changed by API or CLI, the newest first; the last 10,000. */
  audit(query: { readonly limit: number; readonly cursor?: string }): Promise<Page<AuditEntry>>;
  /** Open repair entries, gaps and the states of its causes for each route that has any, in one call. */
  openWork(): Promise<readonly OpenWork[]>;
  /** Every place that is kept, at most `keepPlaces` of them, the newest first. */
  places(): Promise<readonly KeptPlace[]>;
  /**
   * Keeps pairs of values, one by one in their order, each whole or not at all and for good: of two that disagree the first
   * stands. Once it resolves they are durable.
   */
  teachValues(pairs: readonly ValuePairRow[]): Promise<readonly PairTaught[]>;
  /** For each that is sought its pair, or null. */
  findValues(sought: readonly PairSought[]): Promise<readonly (ValuePairRow | null)[]>;
  /** The newest first. */
  valuePairs(query: PairsQuery): Promise<Page<ValuePairRow>>;
  /** What this one counted for the gate, of every route that ever had any: it is never evicted. */
  gateEvidence(): Promise<readonly KeptGateEvidence[]>;
  /** The same of every other member that ever counted; empty where nobody shares the store. */
  othersGateEvidence(): Promise<readonly KeptGateEvidence[]>;
  /** What leaned on legacy or on Crossfade over the store's whole life, of all who share it: one a route and kind. */
  leanings(): Promise<readonly Leaning[]>;
  /** How jobs over rows ended last, one of each kind a collection; never evicted. */
  rowJobs(): Promise<readonly RowJobEnd[]>;
  /** Marks a clean end and frees the store. */
  close(): Promise<void>;
}

// ---------------------------------------------------------------- telemetry

/** Called on the hot path: implementations must not allocate much and must not throw. */
export interface Telemetry {
  serverRequest(route: string, method: string, status: number, ms: number): void;
  clientRequest(leg: Role, route: string, status: number | null, ms: number): void;
  outcome(route: string, phase: Phase, outcome: OutcomeKind, reason: OutcomeReason | null): void;
  /** reason: connect-failed, timeout, connection-lost, invalid-answer, status-5xx, … */
  shadowFailure(route: string, reason: string): void;
  difference(route: string, kind: DifferenceKind): void;
  compared(ms: number): void;
  /** An attempt to repair a key ended; `ageMs`: how long it had been on the list, where it is repaired. */
  repaired(route: string, result: RepairResult, ageMs: number | null): void;
  /** A safe read that was chosen to be asked twice. */
  secondRead(route: string, result: NotTwiceReason | "compared"): void;
  /** A client's request, or the answer to it, that had to be made the primary's, or the client's; unmapped: it could not be. */
  mappedForClient(route: string, of: "request" | "answer", result: "mapped" | "unmapped", times: number): void;
  /** A read that fell to next while legacy was the primary. */
  dialledRead(route: string, result: DialResult, times: number): void;
  /** A read that next, as the primary, had nothing for. */
  fallbackRead(route: string, result: FallbackResult, times: number): void;
  /** What became of an entity that legacy had and next had not. */
  copiedForward(route: string, result: CopyResult): void;
  /** A mirrored write was read back. */
  readBack(route: string, result: ReadBackResult): void;
  configReload(result: "applied" | "refused"): void;
  /** Of a request that is traced; nobody calls it for any other. */
  span(span: EndedSpan): void;
  /** So many more there were, which nobody has any more. */
  spansLost(count: number): void;
  /** What the divergence log gets a line of. */
  divergence(record: DivergenceRecord): void;
}

/** What gauges read when they are scraped. */
export interface Gauges {
  readonly journalDepth: number;
  readonly queueBytes: number;
  readonly routes: readonly {
    readonly name: string;
    readonly phase: Phase;
    readonly lagSeconds: number;
    /** 0 closed, 1 half-open, 2 open. */
    readonly breakerState: number;
    readonly repairsOpen: number;
    readonly repairsParked: number;
    readonly gapsOpen: number;
    /** Of what the gate asks for: 1 is enough. */
    readonly gateEvidence: number;
    /** The share of units that its gate lets diverge, 0 to 1. */
    readonly gateBound: number;
  }[];
  readonly collections: readonly {
    readonly name: string;
    /** The last comparison of all rows, and the last sample, as far as there were any. */
    readonly reconciled: readonly ReconciledCounts[];
    /** Since the begin of the last comparison of all rows that found both sides the same; null: none did. */
    readonly cleanAgeSeconds: number | null;
  }[];
  readonly journalBytes: number;
  /** Whether the store takes and tells what it is asked to. */
  readonly isStoreWell: boolean;
  /** How many there are in each state; those that left aside. */
  readonly members: Readonly<Record<PresentState, number>>;
  /** How many different ones the members run; 1: they agree. */
  readonly variants: Readonly<Record<"settings" | "version", number>>;
  /** Seconds until writes drop at the present rate, or null while nothing queues. */
  readonly headroomSeconds: number | null;
}

// ---------------------------------------------------------------- clock

export interface Clock {
  /** Epoch ms. May jump; never used to order or to time out. */
  now(): number;
  /** Monotonic ms. */
  monotonic(): number;
}
