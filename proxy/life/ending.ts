/** The end of an eligible exchange, which comes once whatever became of it. */
import type { OfRequest } from "../caught.ts";
import type { Exchange, Settled } from "../exchange.ts";
import { reasonOf } from "../outcome.ts";
import type { JournalEnd } from "../journal.ts";
import type { Captured } from "../forward/capture.ts";
import type { PrimaryAnswered } from "../forward/forwarder.ts";
import { inSlices } from "../mirror/loop-share.ts";
import type { PipelineParts } from "../pipeline-parts.ts";

export type Finding = Omit<Settled, "exchange" | "requestBody" | "key" | "primary">;

export const NOTHING_FOUND: Omit<Finding, "outcome"> = {
  moreKeys: [],
  repair: null,
  notBefore: null,
  uncreated: false,
  error: null,
  failure: null,
  shadow: null,
  differences: [],
  moreDifferences: 0,
  build: null,
  taintedBy: null,
  answers: null,
};
export const NO_ANSWER: Settled["primary"] = { status: null, ms: null, bytes: null };

interface FinishOptions {
  /** What is known of the primary's answer where it is not whole. */
  readonly unanswered?: Settled["primary"];
  /** Called once it is written down: what it holds on to is given back then. */
  readonly recorded?: () => void;
}

/**
 * The one end of an eligible exchange. Most leave a count and nothing else; writing evidence down takes longer than all
 * that came before, and is put off where it would hold up a client.
 */
export function finish(
  parts: PipelineParts,
  exchange: Exchange,
  key: string | null,
  primary: PrimaryAnswered | null,
  found: Finding,
  { unanswered = NO_ANSWER, recorded }: FinishOptions = {},
): void {
  const isWrite = exchange.plan.requestClass === "write";
  if (isWrite) parts.turns.leave(exchange.id);
  const settled: Settled = {
    exchange,
    requestBody: primary === null ? null : bytesInMemory(primary.requestBody),
    key,
    moreKeys: found.moreKeys,
    primary: primary === null ? unanswered : { status: primary.status, ms: primary.ms, bytes: primary.body.length },
    outcome: found.outcome,
    repair: isWrite ? found.repair : null,
    notBefore: isWrite ? found.notBefore : null,
    uncreated: isWrite && found.uncreated,
    error: found.error,
    failure: found.failure,
    shadow: found.shadow,
    differences: found.differences,
    moreDifferences: found.moreDifferences,
    build: found.build,
    taintedBy: found.taintedBy,
    answers: found.answers,
    ...(found.hasErrors === true ? { hasErrors: true } : {}),
  };
  const record = (): void => {
    try {
      parts.recorder.settle(settled);
      guarded(parts, "evidence", () => parts.evidence.settled(settled), exchange);
      parts.readBacks.settled(settled);
      if (isWrite) parts.journal.settled(exchange.id, journalEnd(parts, settled));
      primary?.release();
      recorded?.();
    } finally {
      // What it leaves on the repair list is there.
      if (isWrite) parts.openWrites.leave(exchange.id);
      if (isWrite) parts.changes.ended(exchange.id, settled.notBefore);
      if (isWrite) parts.pins.ended(exchange.id, unsureForMs(settled));
    }
  };
  if (parts.recorder.leavesEvidence(settled)) inSlices(() => guarded(parts, "record", record, exchange));
  else record();
}

/**
 * null: the shadow has it for all that is known, or the primary has not. Otherwise what it left says what is in doubt, and where a
 * side has taken it to do it later (202), so does nothing for that time.
 */
function unsureForMs({ exchange, outcome, repair, notBefore, primary, shadow }: Settled): number | null {
  const isLater = primary.status === 202 || shadow?.status === 202;
  if (repair === null && notBefore === null && (outcome.kind === "skipped" || !isLater)) return null;
  if (!isLater) return 0;
  const { services } = exchange.snapshot.settings;
  return Math.max(
    ...Object.values(services).map(({ asShadow, asPrimary }) => Math.max(asShadow.maxWorkMs, asPrimary.maxWorkMs)),
  );
}

/** What of the outcome has to be counted again where the store has not kept it when the process dies. */
function journalEnd(parts: PipelineParts, settled: Settled): JournalEnd {
  const { outcome, repair, key, moreKeys } = settled;
  const end = { outcome: outcome.kind, reason: reasonOf(outcome) };
  if (repair === null) return { ...end, repairs: [] };
  const repairs = [key, ...moreKeys].map((one) => {
    const {
      type: _,
      route: __,
      exchangeId: ___,
      ...entry
    } = parts.recorder.repairEntry({ ...settled, key: one }, repair);
    return entry;
  });
  return { ...end, repairs };
}

/** `request`: what the work is for. */
export function guarded(
  parts: Pick<PipelineParts, "caught">,
  step: string,
  work: () => void,
  request?: OfRequest,
): void {
  try {
    work();
  } catch (error) {
    parts.caught(step, error, request);
  }
}

export function bytesInMemory(captured: Captured): Buffer | null {
  return captured.kind === "kept" && captured.copy.kind === "memory" ? captured.copy.bytes : null;
}
