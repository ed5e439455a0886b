/** Numbers, spans and sums as people read them; shared by the dashboard and the CLI. */
import { DROP_REASONS, OUTCOME_KINDS, SKIP_REASONS, type OutcomeKind, type OutcomeReason } from "../outcome.ts";
import type { RouteStatus } from "./route-status.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `18,204` */
export function spellCount(count: number): string {
  return Math.round(count)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `1 route`, `3 routes` */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${spellCount(count)} ${count === 1 ? one : many}`;
}

/** Two units at most, the smaller one dropped where it is 0: `340 ms`, `12 s`, `1 h 09 min`, `3 d 4 h`. */
export function spellSpan(ms: number): string {
  if (ms < SECOND) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10 * SECOND) return `${(Math.floor(ms / 100) / 10).toString()} s`;
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return two(ms, MINUTE, "min", SECOND, "s", 2);
  if (ms < DAY) return two(ms, HOUR, "h", MINUTE, "min", 2);
  return two(ms, DAY, "d", HOUR, "h", 1);
}

function two(ms: number, big: number, bigUnit: string, small: number, smallUnit: string, digits: number): string {
  const rest = Math.floor((ms % big) / small);
  const head = `${Math.floor(ms / big)} ${bigUnit}`;
  return rest === 0 ? head : `${head} ${rest.toString().padStart(digits, "0")} ${smallUnit}`;
}

/** `0 B`, `12 KiB`, `1.5 MiB` */
export function spellBytes(bytes: number): string {
  let value = bytes;
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (value < 1024) return `${unit === "B" ? value : Number(value.toPrecision(3))} ${unit}`;
    value /= 1024;
  }
  return `${Number(value.toPrecision(3))} TiB`;
}

/** A share of 0 to 1; what is small is never rounded to nothing: `0 %`, `< 0.01 %`, `0.17 %`, `12.4 %`. */
export function spellShare(share: number): string {
  if (share === 0) return "0 %";
  if (share < 0.0001) return "< 0.01 %";
  const percent = share * 100;
  // Floored, so that 99.96 % is not shown as the whole.
  return percent >= 10 ? `${Math.floor(percent * 10) / 10} %` : `${Math.floor(percent * 100) / 100} %`;
}

/** How much of what the gate asks for there is: `12 %`; 100 % is enough. */
export function spellEvidence(evidence: number): string {
  return evidence < 0 ? "against" : `${Math.floor(Math.min(1, evidence) * 100)} %`;
}

/** Words for outcomes in sentences; `ignored` reads as what it is: excused by a rule. */
const OUTCOME_WORDS: Readonly<Record<OutcomeKind, string>> = {
  match: "match",
  ignored: "excused",
  divergent: "divergent",
  "shadow-error": "shadow-error",
  "shadow-timeout": "shadow-timeout",
  dropped: "dropped",
  skipped: "skipped",
  unknown: "unknown",
};

export interface OutcomePart {
  readonly outcome: OutcomeKind | "pending";
  readonly words: string;
  readonly count: number;
}

/** The parts that sum to eligible, those that are 0 left out; dropped and skipped are split by reason. */
export function outcomeParts(route: Pick<RouteStatus, "outcomes" | "reasons" | "pending">): readonly OutcomePart[] {
  const parts: OutcomePart[] = [];
  const push = (outcome: OutcomePart["outcome"], words: string, count: number): void => {
    if (count > 0) parts.push({ outcome, words, count });
  };
  for (const kind of OUTCOME_KINDS) {
    if (kind !== "dropped" && kind !== "skipped") {
      push(kind, OUTCOME_WORDS[kind], route.outcomes[kind]);
      continue;
    }
    const reasons: readonly OutcomeReason[] = kind === "dropped" ? DROP_REASONS : SKIP_REASONS;
    for (const reason of reasons) push(kind, `${OUTCOME_WORDS[kind]}(${reason})`, route.reasons[reason] ?? 0);
  }
  push("pending", "pending", route.pending);
  return parts;
}

/** `18,204 writes = 18,011 match + 150 excused + 31 divergent + 12 dropped(queue-full)` */
export function outcomeSum(route: Pick<RouteStatus, "eligible" | "unit" | "outcomes" | "reasons" | "pending">): string {
  const whole = plural(route.eligible, route.unit.slice(0, -1));
  const parts = outcomeParts(route);
  if (parts.length === 0) return whole;
  return `${whole} = ${parts.map((part) => `${spellCount(part.count)} ${part.words}`).join(" + ")}`;
}
