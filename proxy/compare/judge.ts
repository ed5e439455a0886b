import { hash } from "node:crypto";
import type { ByteBudget } from "../process/byte-budget.ts";
import type { CompareSettings } from "../config/compare-settings.ts";
import type { Difference } from "../evidence/evidence.ts";
import type { Answer, BodyCopy, RuleTimes } from "../exchange.ts";
import { DIVERGENT, dropped, IGNORED, MATCH, type Outcome } from "../outcome.ts";
import type { Clock, Telemetry } from "../ports.ts";
import type { CompareEnd, Comparer } from "./comparer.ts";
import type { AnswerPair, ComparableAnswer, HookUse } from "./diff-answers.ts";
import type { HeldBody, HeldPair } from "./held-pair.ts";
import type { ModuleHealth } from "./module-health.ts";

export interface JudgeParts {
  readonly comparer: Comparer;
  readonly moduleHealth: ModuleHealth;
  /** Pays for spooled bodies while they are back in memory. */
  readonly budget: ByteBudget;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

export interface Judged {
  readonly outcome: Outcome;
  readonly differences: readonly Difference[];
  readonly moreDifferences: number;
  /** How often each rule excused a difference; null: nothing was compared. */
  readonly excusedBy: readonly RuleTimes[] | null;
  readonly error: string | null;
}

const OUTCOMES = { match: MATCH, ignored: IGNORED, divergent: DIVERGENT } as const;

/**
 * Compares two complete answers: at once where that is surely cheap, else in a worker. Never throws for what the answers
 * hold; where there is no room or time for the comparison the outcome is `dropped(compare-overload)` and says why.
 * `asked` is what functions of the user's are told of the request.
 */
export function judgeAnswers(
  parts: JudgeParts,
  rules: CompareSettings,
  primary: Answer,
  shadow: Answer,
  asked: AskedFor = {},
): Judged | Promise<Judged> {
  if (primary.body.kind !== "memory" || shadow.body.kind !== "memory") {
    return judgeKept(parts, rules, primary, shadow, asked);
  }
  return judgePair(parts, {
    primary: { status: primary.status, headers: primary.headers, body: { kind: "bytes", bytes: primary.body.bytes } },
    shadow: { status: shadow.status, headers: shadow.headers, body: { kind: "bytes", bytes: shadow.body.bytes } },
    rules,
    now: parts.clock.now(),
    ...hooksOf(parts, rules, asked),
  });
}

type AskedFor = Omit<HookUse, "module">;

function hooksOf({ moduleHealth }: JudgeParts, rules: CompareSettings, asked: AskedFor): Pick<AnswerPair, "hooks"> {
  const module = moduleHealth.moduleOf(rules);
  return module === null ? {} : { hooks: { module, ...asked } };
}

/** At least one body is in the spool, or only its digest is known. */
async function judgeKept(
  parts: JudgeParts,
  rules: CompareSettings,
  primary: Answer,
  shadow: Answer,
  asked: AskedFor,
): Promise<Judged> {
  for (const { body } of [primary, shadow]) {
    const broken = body.kind === "spooled" ? await body.file.whole() : null;
    if (broken !== null) return notCompared("spool-full", broken);
    if (body.kind === "digest" && (await body.sha256) === "") {
      return notCompared("spool-full", "the primary's answer is no longer in the spool, and no digest of it was kept");
    }
  }
  const loaded = loadBytes(primary.body, shadow.body);
  if (loaded > 0 && !parts.budget.take(loaded)) {
    return notCompared("compare-overload", `no room to read back ${loaded} spooled bytes`);
  }
  try {
    const [primaryBody, shadowBody] = await bodiesToCompare(primary.body, shadow.body);
    return await judgePair(parts, {
      primary: { status: primary.status, headers: primary.headers, body: primaryBody },
      shadow: { status: shadow.status, headers: shadow.headers, body: shadowBody },
      rules,
      now: parts.clock.now(),
      ...hooksOf(parts, rules, asked),
    });
  } finally {
    if (loaded > 0) parts.budget.give(loaded);
  }
}

function judgePair(parts: JudgeParts, pair: HeldPair): Judged | Promise<Judged> {
  const begunAt = parts.clock.monotonic();
  const told = (end: CompareEnd): Judged => {
    parts.telemetry.compared(parts.clock.monotonic() - begunAt);
    if (pair.hooks !== undefined && !("overloaded" in end)) {
      parts.moduleHealth.ran(pair.rules, end.hookFailure ?? null, parts.clock.now());
    }
    return judgedAs(end);
  };
  const verdict = parts.comparer.compareInline(pair);
  return verdict === null ? parts.comparer.compare(pair).then(told) : told(verdict);
}

function judgedAs(verdict: CompareEnd): Judged {
  if ("overloaded" in verdict) return notCompared("compare-overload", "more comparisons wait than the queue holds");
  if ("failed" in verdict) return notCompared("compare-overload", verdict.failed);
  const { differences, moreDifferences, excusedBy } = verdict;
  return { outcome: OUTCOMES[verdict.outcome], differences, moreDifferences, excusedBy, error: null };
}

function notCompared(reason: "compare-overload" | "spool-full", error: string): Judged {
  return { outcome: dropped(reason), differences: [], moreDifferences: 0, excusedBy: null, error };
}

/** Bytes that the comparison brings back from the spool; digests are enough where they agree or one side has no more. */
function loadBytes(primary: BodyCopy, shadow: BodyCopy): number {
  if (digestsSuffice(primary, shadow)) return 0;
  return (primary.kind === "spooled" ? primary.length : 0) + (shadow.kind === "spooled" ? shadow.length : 0);
}

function digestsSuffice(primary: BodyCopy, shadow: BodyCopy): boolean {
  if (primary.kind === "digest" || shadow.kind === "digest") return true;
  return primary.kind === "spooled" && shadow.kind === "spooled" && primary.file.sha256 === shadow.file.sha256;
}

async function bodiesToCompare(primary: BodyCopy, shadow: BodyCopy): Promise<[HeldBody, HeldBody]> {
  if (digestsSuffice(primary, shadow)) return [await digestOf(primary), await digestOf(shadow)];
  return [await heldBody(primary), await heldBody(shadow)];
}

async function digestOf(body: BodyCopy): Promise<ComparableAnswer["body"]> {
  if (body.kind === "spooled") return { kind: "digest", sha256: body.file.sha256, length: body.length };
  if (body.kind === "digest") return { kind: "digest", sha256: await body.sha256, length: body.length };
  return { kind: "digest", sha256: hash("sha256", body.bytes, "hex"), length: body.bytes.length };
}

/** What lies in the spool is read where it is compared: it is much, and would be memory of this thread. */
async function heldBody(body: BodyCopy): Promise<HeldBody> {
  if (body.kind === "memory") return { kind: "bytes", bytes: body.bytes };
  return body.kind === "digest" ? digestOf(body) : await body.file.stored();
}
