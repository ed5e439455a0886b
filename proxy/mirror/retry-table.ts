/**
 * What is tried again, what is a verdict, and what is left to repair by state: one table, the same one that
 * docs/delivery.md shows. A row is chosen by what happened to an attempt; the first that fits counts.
 */
import type { RepairReason } from "../evidence/evidence.ts";

/** What happened to one attempt at the shadow. */
export const HAPPENINGS = [
  "not-connected",
  "cut-before-sent",
  "timeout-before-sent",
  "cut-after-sent",
  "timeout",
  "nonsense",
  "own-failure",
  "too-many-requests",
  "unavailable",
  "credentials-late",
  "refused",
  "answered",
] as const;
export type Happening = (typeof HAPPENINGS)[number];

/** In the words of the page. */
export const HAPPENING_WORDS: Readonly<Record<Happening, string>> = {
  "not-connected": "no connection",
  "cut-before-sent": "connection cut before a byte was sent",
  "timeout-before-sent": "time-out before a byte was sent",
  "cut-after-sent": "connection cut after bytes were sent",
  timeout: "time-out after bytes were sent",
  nonsense: "the answer was no HTTP",
  "own-failure": "the copy could not be read or sent by us",
  "too-many-requests": "429",
  unavailable: "503 with `retry-after`",
  "credentials-late": "401, 403: late",
  refused: "another 4xx, or 401, 403 in time",
  answered: "any other answer (5xx too)",
};

export interface Facts {
  readonly happened: Happening;
  /** Whether applying it twice does no harm: an idempotent method, or a service that honours the idempotency key. */
  readonly harmless: boolean;
  /** An earlier attempt of this copy ended without an answer after bytes were sent: it may have been applied. */
  readonly earlierUnknown: boolean;
  /** When this attempt began, writes that were answered earlier had not settled; and it was not tried again for that. */
  readonly earlierUnsettled: boolean;
}

export type NextStep =
  /** On a fresh connection. */
  | { readonly step: "retry-at-once" }
  | { readonly step: "retry-with-back-off" }
  /** After the time that the answer names. */
  | { readonly step: "retry-as-told" }
  /** Once more, when everything that was answered earlier has settled. */
  | { readonly step: "retry-after-earlier" }
  /** The answer is compared as it is. */
  | { readonly step: "verdict" }
  | { readonly step: "repair"; readonly reason: RepairReason };

export interface RetryRow {
  readonly happened: Happening;
  /** What else has to be so; a fact that is left out may be either way. */
  readonly when: Partial<Omit<Facts, "happened">>;
  readonly next: NextStep;
}

const AT_ONCE = { step: "retry-at-once" } as const;
const BACK_OFF = { step: "retry-with-back-off" } as const;
const AS_TOLD = { step: "retry-as-told" } as const;
const AFTER_EARLIER = { step: "retry-after-earlier" } as const;
const VERDICT = { step: "verdict" } as const;
const repair = (reason: RepairReason): NextStep => ({ step: "repair", reason });

export const RETRY_TABLE: readonly RetryRow[] = [
  { happened: "not-connected", when: {}, next: BACK_OFF },
  // A kept connection that the service had closed meanwhile.
  { happened: "cut-before-sent", when: {}, next: AT_ONCE },
  { happened: "timeout-before-sent", when: {}, next: BACK_OFF },
  { happened: "cut-after-sent", when: { earlierUnknown: true }, next: repair("shadow-error") },
  { happened: "cut-after-sent", when: { harmless: true }, next: BACK_OFF },
  { happened: "cut-after-sent", when: {}, next: repair("shadow-error") },
  // The service may be at work on it still: another request would only add to what made it slow.
  { happened: "timeout", when: {}, next: repair("shadow-timeout") },
  { happened: "nonsense", when: {}, next: repair("shadow-error") },
  { happened: "own-failure", when: {}, next: repair("shadow-error") },
  // Both say that the request was not dealt with (RFC 6585, 4; RFC 9110, 15.6.4), but a gateway's 503 may be mistaken.
  { happened: "too-many-requests", when: {}, next: AS_TOLD },
  { happened: "unavailable", when: { harmless: true }, next: AS_TOLD },
  { happened: "unavailable", when: {}, next: VERDICT },
  { happened: "credentials-late", when: {}, next: repair("credentials-expired") },
  // A DELETE whose first attempt was applied is answered 404 the second time: that says nothing.
  { happened: "refused", when: { earlierUnknown: true }, next: repair("late-attempt") },
  // What was refused was not applied, whatever its method.
  { happened: "refused", when: { earlierUnsettled: true }, next: AFTER_EARLIER },
  { happened: "refused", when: {}, next: VERDICT },
  { happened: "answered", when: {}, next: VERDICT },
];

export function nextStep(facts: Facts): NextStep {
  for (const { happened, when, next } of RETRY_TABLE) {
    if (happened !== facts.happened) continue;
    if (when.harmless !== undefined && when.harmless !== facts.harmless) continue;
    if (when.earlierUnknown !== undefined && when.earlierUnknown !== facts.earlierUnknown) continue;
    if (when.earlierUnsettled !== undefined && when.earlierUnsettled !== facts.earlierUnsettled) continue;
    return next;
  }
  throw new TypeError(`no row for ${facts.happened}`);
}

export interface AnsweredFacts {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly primaryAccepted: boolean;
  /** The copy's credentials may have run out: it waited for long, or an earlier attempt may have used them up. */
  readonly late: boolean;
}

/** What an answer of the shadow is, beside what the primary answered. */
export function happenedOn({ status, retryAfter, primaryAccepted, late }: AnsweredFacts): Happening {
  // Refused by both: they agree.
  if (!primaryAccepted) return "answered";
  if (status === 429) return "too-many-requests";
  if (status === 503 && retryAfter !== null) return "unavailable";
  if (status < 400 || status > 499) return "answered";
  return late && (status === 401 || status === 403) ? "credentials-late" : "refused";
}

/** Ms to wait as `Retry-After` tells (RFC 9110, 10.2.3: seconds, or a date), or `elseMs` where it tells nothing. */
export function waitToldMs(retryAfter: string | null, now: number, elseMs: number): number {
  if (retryAfter === null) return elseMs;
  const text = retryAfter.trim();
  if (/^\d{1,9}$/.test(text)) return Math.max(Number(text) * 1_000, elseMs);
  const at = Date.parse(text);
  return Number.isNaN(at) ? elseMs : Math.max(at - now, elseMs);
}
