/** What the repair list is told of an attempt: back-off, parking, and until when a late request may land. Pure. */
import type { RepairEnd, RepairEvidence, RepairWork } from "../evidence/evidence.ts";
import { MINUTE, SECOND } from "../config/units.ts";
import type { Mended } from "./mend.ts";

const FIRST_BACKOFF_MS = 5 * SECOND;
const LONGEST_BACKOFF_MS = 10 * MINUTE;
/** What nobody can do anything about without changing something. */
const SETTLED_MS = 10 * MINUTE;

export interface AfterParts {
  /** Epoch ms. */
  readonly now: number;
  /** How long the shadow may still work on what it was sent. */
  readonly maxWorkMs: number;
  /** After so many failures it is parked. */
  readonly attempts: number;
  /** Redacted. */
  readonly lastError: string;
  readonly evidence: RepairEvidence;
}

type Before = Pick<RepairWork, "state" | "attempts" | "notBefore">;

/** null: there is nothing to be kept. */
export function endOf(work: Before, mended: Mended, parts: AfterParts): RepairEnd | null {
  const { lastError, evidence } = parts;
  const inTime = (ms: number): string => new Date(parts.now + ms).toISOString();
  const same = { kind: "failed", state: work.state, attempts: work.attempts, notBefore: work.notBefore } as const;
  switch (mended.end) {
    case "equal":
      return { kind: "equal" };
    case "busy":
      return null;
    case "differs":
      return { ...same, nextTry: inTime(SETTLED_MS), lastError, evidence };
    case "waits":
      return { ...same, nextTry: inTime(FIRST_BACKOFF_MS), lastError, evidence };
    case "failed": {
      if (mended.kind === "unreached") return { ...same, nextTry: inTime(FIRST_BACKOFF_MS), lastError, evidence };
      const attempts = work.attempts + 1;
      const isParked = mended.kind === "hopeless" || attempts >= parts.attempts;
      const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** (attempts - 1), LONGEST_BACKOFF_MS);
      return {
        kind: "failed",
        state: isParked ? "parked" : "open",
        attempts,
        // What the shadow made of a POST under an id that nobody knows is never made a second time.
        notBefore:
          mended.kind === "late" || (mended.kind === "hopeless" && mended.seen.wrote === "POST")
            ? inTime(parts.maxWorkMs)
            : work.notBefore,
        nextTry: inTime(backoffMs),
        lastError,
        evidence,
      };
    }
    default: {
      const never: never = mended;
      throw new TypeError(`no such end: ${JSON.stringify(never)}`);
    }
  }
}

/** What is kept of it where an attempt has changed nothing. */
export function asItWas({
  state,
  attempts,
  notBefore,
  nextTry,
  lastError,
  evidence,
}: RepairWork): Extract<RepairEnd, { kind: "failed" }> {
  return { kind: "failed", state, attempts, notBefore, nextTry, lastError, evidence };
}

/** Of an entry that nobody can read. */
export function impossibleEnd(work: Before, why: string, now: number): RepairEnd {
  return {
    kind: "failed",
    state: work.state,
    attempts: work.attempts,
    notBefore: work.notBefore,
    nextTry: new Date(now + SETTLED_MS).toISOString(),
    lastError: why,
    evidence: null,
  };
}
