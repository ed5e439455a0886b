/** What is written down about exchanges: differences, divergence records, groups, repairs, gaps. Shapes of log, store and API. */
import type { Phase } from "../config/settings.ts";
import type { OutcomeKind, OutcomeReason } from "../outcome.ts";

export const DIFFERENCE_KINDS = [
  "status",
  "header",
  "type",
  "value",
  "missing",
  "extra",
  "order",
  "length",
  "precision",
  "body",
  "conflict",
] as const;
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number];

/** One place where two answers disagree. Values are JSON texts or raw header values, redacted once recorded; null: absent. */
export interface Difference {
  /** JSON pointer, `header:NAME`, or empty for the whole body or the status. */
  readonly at: string;
  readonly kind: DifferenceKind;
  readonly primary: string | null;
  readonly shadow: string | null;
}

export interface LegRecord {
  readonly service: string;
  /** null: no complete answer. */
  readonly status: number | null;
  readonly ms: number | null;
  readonly bytes: number | null;
}

/** One line of the divergence log: redacted evidence, the same in log, store and API. */
export interface DivergenceRecord {
  readonly id: string;
  /** ISO 8601, UTC, of the arrival. */
  readonly time: string;
  readonly route: string;
  readonly phase: Phase;
  readonly outcome: OutcomeKind;
  readonly reason: OutcomeReason | null;
  readonly key: string | null;
  readonly method: string;
  readonly path: string;
  /** As sent, without its `?`, with stand-ins for what is secret; null: there was none. */
  readonly query: string | null;
  readonly traceId: string;
  readonly group: string | null;
  readonly taintedBy: string | null;
  readonly build: string | null;
  readonly primary: LegRecord;
  readonly shadow: (LegRecord & { readonly attempts: number }) | null;
  readonly differences: readonly Difference[];
  /** Differences beyond those listed. */
  readonly moreDifferences: number;
  /** What went wrong on the shadow's side, in words, or null. */
  readonly error: string | null;
  /** It is no exchange of a client's: the entity of this write was read at both services. */
  readonly readBack?: ReadBackOf;
}

/** Which write was read back, and how long after it had come. */
export interface ReadBackOf {
  readonly of: string;
  readonly ageMs: number;
}

export const GROUP_STATES = ["new", "acknowledged", "fixed", "regressed"] as const;
export type GroupState = (typeof GROUP_STATES)[number];
/** Causes that nobody has dealt with: what status and page are loud about. */
export const OPEN_STATES: readonly GroupState[] = ["new", "regressed"];

/** A place and a way in which the divergences of a group differ; or, of kind `failure`, how the shadow failed to answer. */
export interface SignaturePart {
  /** As in `Difference`, with `*` for an index or an id. */
  readonly at: string;
  readonly kind: DifferenceKind | "failure";
  /** Of kind `status` both statuses; of other kinds what class of value each side had, where the two differ. */
  readonly primary?: string;
  /** Of kind `failure` the error's code. */
  readonly shadow?: string;
}

/** What an operator said of a group. */
export interface GroupDecision {
  /** `new`: it is open again. */
  readonly state: "new" | "acknowledged" | "fixed";
  /** The token's name. */
  readonly by: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly reason: string | null;
  /** Of an acknowledgement: seen after this instant, the group has regressed. */
  readonly until: string | null;
  /** Of an acknowledgement: seen in another build of next than this one, the group has regressed. */
  readonly build: string | null;
}

export const TREND_DIRECTIONS = ["rising", "steady", "falling", "quiet"] as const;

export interface GroupTrend {
  readonly direction: (typeof TREND_DIRECTIONS)[number];
  /** How often it was seen in each of the last 24 hours (UTC), the present one last. */
  readonly hours: readonly number[];
}

/**
 * One cause: divergences of one route and method with the same pointers (`*` for an index or id), kinds and classes of
 * values; or copies that the shadow failed to answer, of one route, method and error.
 */
export interface GroupRecord {
  readonly id: string;
  readonly route: string;
  readonly method: string;
  readonly signature: readonly SignaturePart[];
  readonly count: number;
  /** Divergences that follow from a failed or refused write of this group, of the same key: not in `count`. */
  readonly tainted: number;
  /** Of the route's compared exchanges (match, ignored, divergent) and, of a failure, its own; 0 to 1. */
  readonly share: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly firstBuild: string | null;
  readonly lastBuild: string | null;
  readonly trend: GroupTrend;
  readonly state: GroupState;
  /** The last one; what was seen since may have made the group `regressed`. */
  readonly decision: GroupDecision | null;
}

/** Something about a group that somebody may want to be told at once. */
export interface GroupEvent {
  readonly event: "new" | "regressed";
  readonly group: string;
}

/** A group as lists show it. */
export interface ListedGroup extends GroupRecord {
  /** Ids of its samples, at most 10, in the order of their arrival. */
  readonly samples: readonly string[];
}

/**
 * Which service may miss what the other has: the shadow of that time. null: nobody noted it, or it was one and then the other; it
 * counts for both.
 */
export type Missing = "legacy" | "next" | null;

export function bothMissing(one: Missing, other: Missing): Missing {
  return one === other ? one : null;
}

/** Whether it counts for that service. */
export function isMissingAt(service: NonNullable<Missing>, misses: Missing): boolean {
  return misses === null || misses === service;
}

export const REPAIR_REASONS = [
  "unknown",
  "body-too-large",
  "shadow-error",
  "shadow-timeout",
  "shadow-refused",
  "dropped",
  "overlap",
  "late-attempt",
  "credentials-expired",
  "keys-not-followed",
  "unmapped-value",
  "not-copied",
  "read-back",
] as const;
export type RepairReason = (typeof REPAIR_REASONS)[number];

/** Where the entity stands: exact, so encrypted; delivery data. */
export interface SealedPlace {
  /** `proxy/sealed.ts` opens it, with the key file beside the store. */
  readonly sealed: string;
  /** A write went to a part of the entity (`/users/42/avatar`): reading the entity itself may not show it. */
  readonly part: boolean;
  /** The write that made it did not reach the shadow, for certain: there it is under no id. Until the entry is off the list. */
  readonly uncreated?: true;
}

export const REPAIR_STATES = ["open", "parked"] as const;

/** What was seen at the last attempt to repair a key; redacted, and without values. */
export interface RepairEvidence {
  /** ISO 8601, UTC. */
  readonly at: string;
  /** The path that was read, on both sides. */
  readonly path: string;
  /** The method of the last write to the shadow; null: none was sent. */
  readonly wrote: string | null;
  /** What the shadow answered to it; null: nothing, or nothing was sent. */
  readonly answered: number | null;
  /** What each side answers when it is asked for the entity; null: no answer. */
  readonly primary: number | null;
  readonly shadow: number | null;
  readonly differences: readonly Pick<Difference, "at" | "kind">[];
}

/** A key (or, with `key` null, a whole collection) whose shadow state is not known to equal the primary's. */
export interface RepairRecord {
  readonly route: string;
  readonly key: string | null;
  readonly reason: RepairReason;
  readonly exchangeId: string;
  readonly since: string;
  readonly times: number;
  /** Raised each time the key is marked again: what was found out of an earlier revision says nothing of this one. */
  readonly revision: number;
  /** A request that may still land is over by then: the key is not looked at earlier. ISO 8601, UTC; null: at any time. */
  readonly notBefore: string | null;
  /** parked: it kept failing and is tried again when somebody asks for it, or the key is marked again. */
  readonly state: (typeof REPAIR_STATES)[number];
  /** Attempts to repair this revision that failed. */
  readonly attempts: number;
  /** By itself it is not tried again before. ISO 8601, UTC; null: at any time. */
  readonly nextTry: string | null;
  /** Of the last attempt, redacted; null: none failed. */
  readonly lastError: string | null;
  readonly evidence: RepairEvidence | null;
  readonly misses: Missing;
}

/** An entry as whoever repairs it needs it. */
export interface RepairWork extends RepairRecord {
  /** Of one entry's life on the list: never given to another. */
  readonly id: number;
  readonly place: SealedPlace | null;
}

/** What came of an attempt at one revision of an entry. */
export type RepairEnd =
  /** Both sides are equal: the entry goes. */
  | { readonly kind: "equal" }
  | ({ readonly kind: "failed" } & Pick<
      RepairRecord,
      "state" | "attempts" | "notBefore" | "nextTry" | "lastError" | "evidence"
    >);

/** An interval of a route in which accounting may be incomplete. */
export interface GapRecord {
  readonly id: string;
  readonly route: string;
  readonly from: string;
  /** null: still open. */
  readonly to: string | null;
  readonly why: string;
  readonly misses: Missing;
}

export interface OutcomeCount {
  readonly route: string;
  readonly outcome: OutcomeKind;
  readonly reason: OutcomeReason | null;
  readonly count: number;
}

/** Path and query, as people name a request. */
export function askedFor({ path, query }: Pick<DivergenceRecord, "path" | "query">): string {
  return query === null ? path : `${path}?${query}`;
}
