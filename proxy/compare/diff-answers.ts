import type { CompareSettings, ModuleSettings } from "../config/compare-settings.ts";
import type { RawHeaders, Verdict } from "../exchange.ts";
import { asBuffer } from "./decode.ts";
import { type BodySide, type ComparableBody, diffBodies, sameBytes } from "./diff-bodies.ts";
import { diffHeaders } from "./diff-headers.ts";
import { Findings } from "./findings.ts";
import type { Oversight } from "./oversight.ts";

/** One complete answer, as far as compare looks at it. */
export interface ComparableAnswer {
  readonly status: number;
  readonly headers: RawHeaders;
  readonly body: ComparableBody;
  /** The headers that say how to read the body, where a module has written it anew; else `headers` do. */
  readonly readAs?: RawHeaders;
}

/** Functions of the user's own that a pair is compared with, and what they are told of it. */
export interface HookUse {
  readonly module: ModuleSettings;
  readonly route?: string;
  readonly method?: string;
}

export interface AnswerPair {
  readonly primary: ComparableAnswer;
  readonly shadow: ComparableAnswer;
  readonly rules: CompareSettings;
  /** Epoch ms: decides which rules have expired. */
  readonly now: number;
  /** Absent: rules alone decide. */
  readonly hooks?: HookUse;
}

/** Up to this size, per side, a body is decoded and read as JSON; beyond it, it is compared as bytes and that is said. */
export const DECODED_MAX_BYTES = 32 * 1024 * 1024;

/**
 * Finds every difference between two answers that the rules look at, status first, then headers, then bodies.
 * Never throws for anything an answer may hold.
 */
export function compareAnswers(
  primary: ComparableAnswer,
  shadow: ComparableAnswer,
  rules: CompareSettings,
  now: number,
  oversight: Oversight | null = null,
): Verdict {
  const findings = new Findings(rules, now, Number.POSITIVE_INFINITY, primary, oversight);
  if (compareHeads(primary, shadow, rules, findings)) {
    const [a, b] = [bodySide(primary), bodySide(shadow)];
    if (!sameBytes(a, b)) diffBodies(a, b, findings, DECODED_MAX_BYTES, "as-bytes");
  }
  return findings.verdict();
}

function bodySide({ headers, readAs, body }: ComparableAnswer): BodySide {
  return { headers: readAs ?? headers, body };
}

/** Whether nothing that is compared differs, and the bodies are the same to the byte: functions of a module are not asked. */
export function areSame({ primary, shadow, rules, now }: AnswerPair): boolean {
  const findings = new Findings(rules, now, Number.POSITIVE_INFINITY, primary);
  compareHeads(primary, shadow, rules, findings);
  if (primary.body.kind === "digest" && shadow.body.kind === "digest") {
    diffBodies(primary, shadow, findings, 0, "as-bytes");
  } else if (!sameBytes(primary, shadow)) return false;
  return findings.verdict().outcome === "match";
}

/** Lengths up to which two bodies are checked for equal bytes on the event loop: below 1 ms (measured: 0.3 ms for 4 MiB). */
const EQUAL_BYTES_MAX = 4 * 1024 * 1024;
/** Decoded size, per side, up to which bodies are compared on the event loop: about 0.5 ms for the pair (measured). */
const INLINE_MAX_BYTES = 16 * 1024;
/** Bodies that differ in thousands of places take ten times longer than bodies that differ in a few. */
const INLINE_MAX_FINDINGS = 32;

/** The same verdict where it is sure to be cheap, about a millisecond at most; else null. */
export function compareCheaply(pair: AnswerPair): Verdict | null {
  const { primary, shadow, rules, now } = pair;
  if (pair.hooks !== undefined && !(isCheapToTell(pair) && areSame(pair))) return null;
  const findings = new Findings(rules, now, INLINE_MAX_FINDINGS, primary);
  if (!compareHeads(primary, shadow, rules, findings)) return findings.verdict();
  const a = primary.body;
  const b = shadow.body;
  if (a.kind === "digest" && b.kind === "digest") {
    diffBodies(primary, shadow, findings, 0, "as-bytes");
    return findings.verdict();
  }
  if (a.kind === "digest" || b.kind === "digest") return null;
  if (a.bytes.length === b.bytes.length && a.bytes.length <= EQUAL_BYTES_MAX && sameBytes(primary, shadow)) {
    return findings.verdict();
  }
  if (a.bytes.length > INLINE_MAX_BYTES || b.bytes.length > INLINE_MAX_BYTES) return null;
  const done = diffBodies(primary, shadow, findings, INLINE_MAX_BYTES, "give-up");
  return done && !findings.isBeyondLimit ? findings.verdict() : null;
}

function isCheapToTell({ primary, shadow }: AnswerPair): boolean {
  return [primary, shadow].every(({ body }) => body.kind === "digest" || body.bytes.length <= EQUAL_BYTES_MAX);
}

/**
 * Status and headers. False: the statuses are of different classes and that was told, so everything else follows from it and
 * is not told again.
 */
function compareHeads(
  primary: ComparableAnswer,
  shadow: ComparableAnswer,
  rules: CompareSettings,
  findings: Findings,
): boolean {
  const sameClass = Math.trunc(primary.status / 100) === Math.trunc(shadow.status / 100);
  const same = rules.status === "class" ? sameClass : primary.status === shadow.status;
  if (!same) findings.status(primary.status, shadow.status);
  if (!sameClass && findings.unexcused > 0) return false;
  diffHeaders(rules.headers, primary.headers, shadow.headers, () => haveSameBytes(primary, shadow), findings);
  return true;
}

function haveSameBytes({ body: a }: ComparableAnswer, { body: b }: ComparableAnswer): boolean {
  if (a.kind === "digest") return b.kind === "digest" && a.length > 0 && a.sha256 === b.sha256;
  if (b.kind === "digest") return false;
  return a.bytes.length > 0 && asBuffer(a.bytes).equals(b.bytes);
}
