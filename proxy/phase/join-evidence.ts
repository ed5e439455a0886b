/**
 * The evidence of several members about one route, put together. Pure.
 *
 * Each member bets on the units that it saw, with a capital of its own. A key that comes to two of them within a block is a unit
 * at both, so what they saw is not apart, and their capitals must not be multiplied. So one of them has to pass by itself: the
 * one with the most. Since the choice is free, of M members that ever counted each may be wrong with probability
 * alpha / (M (M + 1)) (e-process.ts): whoever came as the m-th never had more than alpha / (m (m + 1)), and the sum over all m is
 * alpha. Beyond that, capitals below 1 are multiplied in, so that what was seen anywhere is not outvoted; lowering is sound.
 */
import type { GateSettings } from "../config/settings.ts";
import {
  barrierOf,
  type KeptGateEvidence,
  STRATA,
  type StratumEvidence,
  type StratumName,
} from "../moves/gate-evidence.ts";
import { isSpent } from "./e-process.ts";
import { mergeTallies } from "./epochs.ts";

export interface JoinedEvidence {
  readonly evidence: KeptGateEvidence;
  /** Members that ever counted for the route. */
  readonly claims: number;
  /** Of them, those whose evidence is about the rules and the build that act: it is in `evidence`. */
  readonly counted: number;
}

/** `own`: of the process that is asked, under the rules that act, its open block's tally among the rest. */
export function joinEvidence(
  own: KeptGateEvidence,
  others: readonly KeptGateEvidence[],
  gate: GateSettings,
): JoinedEvidence {
  const claims = 1 + others.length;
  const isAlike = (other: KeptGateEvidence): boolean =>
    other.rules === own.rules && barrierOf(other) === barrierOf(own);
  const ofRules = [own, ...others.filter(isAlike).map(withOpenTally)];
  const build = servingBuild(ofRules);
  const same = ofRules.filter((one) => one.build === build && !isOver(one, own.block.from, gate));
  const [first, ...more] = same.map((one) => loweredBy(one, same));
  // All there was is over: what comes next begins anew.
  if (first === undefined) return { evidence: own, claims, counted: 1 };
  const best = more.reduce((a, b) => (logEOf(b) > logEOf(a) ? b : a), first);
  const tally = same.map((one) => one.tally).reduce(mergeTallies);
  return { evidence: { ...best, tally }, claims, counted: same.length };
}

function withOpenTally(one: KeptGateEvidence): KeptGateEvidence {
  return { ...one, tally: mergeTallies(one.tally, one.block.tally) };
}

/** The one that was seen last; of two that serve, the oldest counts. null: no member was told any. */
function servingBuild(rows: readonly KeptGateEvidence[]): string | null {
  const [last] = rows
    .filter(({ build }) => build !== null)
    .toSorted((a, b) => b.until - a.until || a.since - b.since || (String(a.build) < String(b.build) ? -1 : 1));
  return last?.build ?? null;
}

/** Lost, and nobody has added to it for a span: its member, were it there, would have begun a new epoch (epochs.ts). */
function isOver(one: KeptGateEvidence, now: number, { spanMs }: GateSettings): boolean {
  return isSpent(logEOf(one)) && now - one.until >= spanMs;
}

/** One member's evidence, lowered by what the others saw against; their divergent units are shown among its own. */
function loweredBy(one: KeptGateEvidence, all: readonly KeptGateEvidence[]): KeptGateEvidence {
  const strata: Partial<Record<StratumName, StratumEvidence>> = {};
  for (const name of STRATA) {
    const others = all.flatMap((other) => (other === one ? [] : (other.strata[name] ?? [])));
    const { clean, divergent, excused, logE } = one.strata[name] ?? NOTHING;
    const lowered = others.reduce((sum, other) => sum + Math.min(0, other.logE), logE);
    const seen = others.reduce((sum, other) => sum + other.divergent, divergent);
    if (clean + seen > 0) strata[name] = { clean, divergent: seen, excused, logE: lowered };
  }
  return { ...one, strata };
}

const NOTHING: StratumEvidence = { clean: 0, divergent: 0, excused: 0, logE: 0 };

function logEOf({ strata }: KeptGateEvidence): number {
  return strata.all?.logE ?? 0;
}
