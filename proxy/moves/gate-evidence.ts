/** The evidence of the gate as it is counted, kept and shown: shapes that phase, store, API and CLI share. Pure. */

/** Units are judged all together, and apart by the class of the primary's status. */
export const STRATA = ["all", "2xx", "3xx", "4xx", "5xx"] as const;
export type StratumName = (typeof STRATA)[number];

/** Units of closed blocks. A unit is one entity key in one block of time, however many exchanges it had. */
export interface StratumEvidence {
  /** All of its exchanges were compared, and no difference was left. */
  readonly clean: number;
  /** At least one of them diverged, or was not compared. */
  readonly divergent: number;
  /** Among `clean`: a rule excused a difference. */
  readonly excused: number;
  /** Natural logarithm of the e-process (proxy/phase/e-process.ts). */
  readonly logE: number;
}

/**
 * Why an epoch began. spent: the evidence of the one before was gone, and its span was over. rollback: next was the source of truth
 * meanwhile.
 */
export const EPOCH_REASONS = ["first", "rules", "build", "spent", "rollback"] as const;
export type EpochReason = (typeof EPOCH_REASONS)[number];

/** Counts of exchanges beside the units. */
export interface GateTally {
  /** Those that made a unit divergent, by outcome and reason. */
  readonly against: Readonly<Record<string, number>>;
  /** Compared ones by method. */
  readonly methods: Readonly<Record<string, number>>;
  /** Of compared ones, how long each side took: proxy/phase/latency.ts. */
  readonly latency: { readonly primary: readonly number[]; readonly shadow: readonly number[] };
}

/** What one process knows of one route: counts alone, bounded. A store keeps it as it is, in place of what it had. */
export interface KeptGateEvidence {
  readonly route: string;
  /** Digest of the rules of the comparison and of the gate: others begin a new epoch. */
  readonly rules: string;
  /** The oldest build of next that still serves; null: not known. */
  readonly build: string | null;
  /** The route's moves over the barrier, as `KeptPhase.epoch` counts them, when it began; absent: none was made, or nobody noted it. */
  readonly barrier?: number;
  /** Counts up from 1 over the route's whole life: each has its share of the chance to be wrong. */
  readonly epoch: number;
  readonly why: EpochReason;
  /** Epoch ms. */
  readonly since: number;
  /** Epoch ms: the end of the last closed block that had units. */
  readonly until: number;
  readonly blockMs: number;
  /** Of closed blocks. */
  readonly strata: Readonly<Partial<Record<StratumName, StratumEvidence>>>;
  readonly tally: GateTally;
  /** The block that is not closed. */
  readonly block: {
    /** Epoch ms. */
    readonly from: number;
    /** Its divergent units so far. */
    readonly divergent: Readonly<Partial<Record<StratumName, number>>>;
    readonly tally: GateTally;
  };
}

/** Older rows have not noted it: of a route that was over the barrier since, they count no more. */
export function barrierOf({ barrier = 1 }: Pick<KeptGateEvidence, "barrier">): number {
  return barrier;
}

/** met, missing; not-asked: this version cannot tell, and it counts neither way. */
export const CONDITION_STATES = ["met", "missing", "not-asked"] as const;

export const GATE_CONDITIONS = [
  "phase",
  "evidence",
  "span",
  "must-match",
  "repairs",
  "gaps",
  "coverage",
  "latency",
  "members",
  "backfill",
  "reconcile",
] as const;

export interface GateCondition {
  readonly name: (typeof GATE_CONDITIONS)[number];
  readonly state: (typeof CONDITION_STATES)[number];
  readonly text: string;
}

/** A cause at a place that must match. */
export interface MustMatchCause {
  readonly at: string;
  readonly count: number;
  readonly firstBuild: string | null;
}

export interface GateStratum {
  readonly stratum: StratumName;
  readonly units: number;
  readonly divergent: number;
  readonly excused: number;
  /** 1: enough; less: so much of the way there; below 0: it speaks for a share at the bound or above it. */
  readonly evidence: number;
  /** Whether the gate asks it of this one by itself. */
  readonly asked: boolean;
}

/** What `GET /api/v1/routes/:name/gate` answers. */
export interface GateAnswer {
  readonly route: string;
  readonly open: boolean;
  /** The sentence that matters. */
  readonly sentence: string;
  readonly conditions: readonly GateCondition[];
  /** The bound, 0 to 1, and how sure the gate has to be. */
  readonly divergenceBelow: number;
  readonly confidence: number;
  readonly spanMs: number;
  readonly latencyRatioBelow: number;
  readonly epoch: number;
  readonly why: EpochReason;
  /** ISO 8601, UTC. */
  readonly since: string;
  readonly build: string | null;
  readonly blockMs: number;
  readonly strata: readonly GateStratum[];
  readonly against: Readonly<Record<string, number>>;
  readonly methods: Readonly<Record<string, number>>;
  /** Shadow's 95th percentile by the primary's; null: nothing was compared. */
  readonly latencyRatio: number | null;
  /** Units that are still needed if none of them diverges. */
  readonly unitsNeeded: number;
  readonly unitsPerDay: number;
  /** Until all that only time can bring is there, at the present rate and share; null: it will not come so. */
  readonly etaMs: number | null;
}
