/** How evidence goes from block to block, and when it begins anew. Pure. */
import type { GateSettings } from "../config/settings.ts";
import {
  type EpochReason,
  type GateTally,
  type KeptGateEvidence,
  STRATA,
  type StratumEvidence,
  type StratumName,
} from "../moves/gate-evidence.ts";
import type { Outcome, SkipReason } from "../outcome.ts";
import { betOn, isSpent, logThreshold } from "./e-process.ts";
import type { BlockCounts, UnitVerdict } from "./unit-block.ts";

const SECOND = 1000;
const HOUR = 60 * 60 * SECOND;
/** So many blocks fit into a short span at least. */
const BLOCKS_OF_SPAN = 24;

/** An hour: longer than a client retries, so that what it repeats is one unit; less where the span is shorter than a day. */
export function blockMsOf({ spanMs }: GateSettings): number {
  return Math.min(HOUR, Math.max(SECOND, Math.floor(spanMs / BLOCKS_OF_SPAN)));
}

export function beginEpoch(
  route: string,
  gate: GateSettings,
  given: Pick<KeptGateEvidence, "rules" | "build" | "epoch" | "why" | "since" | "barrier">,
): KeptGateEvidence {
  const blockMs = blockMsOf(gate);
  return {
    route,
    ...given,
    until: given.since,
    blockMs,
    strata: {},
    tally: NO_TALLY,
    block: { from: blockStart(given.since, blockMs), divergent: {}, tally: NO_TALLY },
  };
}

export interface ClosedBlock {
  readonly counts: BlockCounts;
  readonly tally: GateTally;
  /** As they were first seen in it; empty: nothing told a build. */
  readonly builds: readonly string[];
}

export const NO_TALLY: GateTally = { against: {}, methods: {}, latency: { primary: [], shadow: [] } };

export function mergeTallies(a: GateTally, b: GateTally): GateTally {
  return {
    against: addCounts(a.against, b.against),
    methods: addCounts(a.methods, b.methods),
    latency: {
      primary: addLists(a.latency.primary, b.latency.primary),
      shadow: addLists(a.latency.shadow, b.latency.shadow),
    },
  };
}

function addCounts(
  a: Readonly<Record<string, number>>,
  b: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const sum: Record<string, number> = { ...a };
  for (const [name, count] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

function addLists(a: readonly number[], b: readonly number[]): readonly number[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, i) => (a[i] ?? 0) + (b[i] ?? 0));
}

export function blockStart(at: number, blockMs: number): number {
  return Math.floor(at / blockMs) * blockMs;
}

/**
 * A block is over. Its units count in the epoch that was; or in a new one where the build of that epoch has stopped serving,
 * or where the evidence was lost for good and the span, in which no epoch follows another for this reason, is over.
 * Neither asks how this block's units came out. `claims`: as in `logThreshold`; it decides where the capital is held.
 */
export function closeBlock(
  kept: KeptGateEvidence,
  { counts, tally, builds }: ClosedBlock,
  gate: GateSettings,
  claims = 0,
): KeptGateEvidence {
  const named = kept.build ?? builds[0] ?? null;
  const gone = named !== null && builds.length > 0 && !builds.includes(named);
  const spent = isSpent(kept.strata.all?.logE ?? 0) && kept.block.from - kept.since >= gate.spanMs;
  let epoch: KeptGateEvidence = { ...kept, build: named };
  if (gone) epoch = nextEpoch(kept, gate, "build", builds[0] ?? null);
  else if (spent) epoch = nextEpoch(kept, gate, "spent", named);
  const units = counts.all.clean + counts.all.divergent;
  return {
    ...epoch,
    until: units === 0 ? epoch.until : kept.block.from + kept.blockMs,
    strata: withBlock(epoch, counts, gate, claims),
    tally: mergeTallies(epoch.tally, tally),
  };
}

function nextEpoch(
  { route, rules, epoch, block, barrier = 1 }: KeptGateEvidence,
  gate: GateSettings,
  why: EpochReason,
  build: string | null,
): KeptGateEvidence {
  return beginEpoch(route, gate, { rules, build, epoch: epoch + 1, why, since: block.from, barrier });
}

function withBlock(
  { strata, epoch }: KeptGateEvidence,
  counts: BlockCounts,
  { divergenceBelow, confidence }: GateSettings,
  claims: number,
): KeptGateEvidence["strata"] {
  const threshold = logThreshold(confidence, epoch, claims);
  const next: Partial<Record<StratumName, StratumEvidence>> = {};
  for (const name of STRATA) {
    const before = strata[name] ?? { clean: 0, divergent: 0, excused: 0, logE: 0 };
    const more = counts[name];
    if (before.clean + before.divergent + more.clean + more.divergent === 0) continue;
    next[name] = {
      clean: before.clean + more.clean,
      divergent: before.divergent + more.divergent,
      excused: before.excused + more.excused,
      logE: betOn(before.logE, more, divergenceBelow, threshold),
    };
  }
  return next;
}

/** What is not copied is on the repair list, which shuts the gate too: evidence for a key starts once it is copied. */
const NO_EVIDENCE: ReadonlySet<SkipReason> = new Set(["not-accepted", "sampled-out", "not-copied"]);

/**
 * What an outcome makes of its unit; null: it is no evidence either way. What could not be compared counts against: a service
 * that times out exactly where it is wrong must not pass by it.
 */
export function verdictOf(outcome: Outcome): UnitVerdict | null {
  switch (outcome.kind) {
    case "match":
      return "clean";
    case "ignored":
      return "excused";
    case "divergent":
    case "shadow-error":
    case "shadow-timeout":
    case "dropped":
    case "unknown":
      return "divergent";
    case "skipped":
      return NO_EVIDENCE.has(outcome.reason) ? null : "divergent";
    default: {
      const never: never = outcome;
      throw new TypeError(`no such outcome: ${JSON.stringify(never)}`);
    }
  }
}
