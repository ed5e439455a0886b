/** Whether legacy can be switched off for a route, and Crossfade taken out: one condition after the other. Pure. */
import type { RouteSettings } from "../config/settings.ts";
import type { GapRecord } from "../evidence/evidence.ts";
import type { Leaning, LeaningKind } from "../moves/leanings.ts";
import { PHASE_ROLES } from "../moves/phases.ts";
import type { RetireAnswer, RetireCondition } from "../moves/retire.ts";
import { plural, spellCount, spellTime } from "./words.ts";

export interface RetireQuestion {
  readonly route: Pick<RouteSettings, "name" | "phase" | "sharedDatabase">;
  readonly quietMs: number;
  /** Epoch ms. */
  readonly now: number;
  /** Epoch ms: since when next is the source of truth; null: nobody knows. */
  readonly cutOverAt: number | null;
  /** Of the route, and of requests that no route takes. */
  readonly leanings: readonly Leaning[];
  readonly openRepairs: number;
  readonly gaps: readonly GapRecord[];
  /** null: nobody looked for changes in legacy past Crossfade. */
  readonly looked: LookedForChanges | null;
}

/** Comparisons of all rows of the route, with marks: what they covered, epoch ms. */
export interface LookedForChanges {
  readonly from: number;
  readonly to: number;
  /** One that is older says nothing of now. */
  readonly freshForMs: number;
}

/** A condition as it is judged; `waitMs`: what time alone brings, null: it does not. */
type Judged = RetireCondition & { readonly waitMs: number | null };

export function askRetire(question: RetireQuestion): RetireAnswer {
  const { route, quietMs } = question;
  const judged: readonly Judged[] = [
    phaseCondition(question),
    quietCondition(question, "fallbacks", "legacy", "fallback", [
      "read answered by legacy",
      "reads answered by legacy",
    ]),
    quietCondition(question, "unmatched", "legacy", "unmatched", [
      "request that no route takes",
      "requests that no route takes",
    ]),
    directWritesCondition(question),
    repairsCondition(question),
    gapsCondition(question),
    quietCondition(question, "translations", "crossfade", "translation", [
      "request translated for its client",
      "requests translated for their clients",
    ]),
  ];
  const missing = judged.filter(({ state }) => state === "missing");
  const legacyCanGo = missing.every(({ leansOn }) => leansOn !== "legacy");
  const etaMs = missing.some(({ waitMs }) => waitMs === null)
    ? null
    : Math.max(0, ...missing.map(({ waitMs }) => waitMs ?? 0));
  return {
    route: route.name,
    phase: route.phase,
    clean: missing.length === 0,
    legacyCanGo,
    sentence: sentenceOf(question, judged, missing, legacyCanGo, etaMs),
    quietMs,
    conditions: judged.map(({ waitMs: _, ...condition }) => condition),
    etaMs,
  };
}

/** `CLEAN.`, `LEGACY CAN GO.`, `NOT YET.`, and why. */
function sentenceOf(
  { route, quietMs }: RetireQuestion,
  judged: readonly Judged[],
  missing: readonly Judged[],
  legacyCanGo: boolean,
  etaMs: number | null,
): string {
  const notAsked = judged.filter(({ state }) => state === "not-asked").map(({ name }) => name);
  const beside = notAsked.length === 0 ? "" : `; not asked: ${notAsked.join(", ")}`;
  const quiet = spellTime(quietMs);
  if (missing.length === 0)
    return `CLEAN. Nothing of ${route.name} leant on legacy or on Crossfade for ${quiet}${beside}`;
  // While legacy answers, that nothing else leant on it says nothing.
  const first = missing.find(({ name, waitMs }) => name === "phase" && waitMs === null);
  if (first !== undefined) return `NOT YET. ${first.text}`;
  const why = missing.map(({ text }) => text).join("; ");
  const wait = etaMs === null ? "" : `: about ${spellTime(etaMs)} more if nothing else happens`;
  if (legacyCanGo) {
    return `LEGACY CAN GO: nothing of ${route.name} leant on it for ${quiet}${beside}. Crossfade NOT YET: ${why}${wait}`;
  }
  return `NOT YET. ${why}${wait}`;
}

function phaseCondition({ route, cutOverAt, now, quietMs }: RetireQuestion): Judged {
  const about = { name: "phase", leansOn: "legacy", figure: null } as const;
  if (PHASE_ROLES[route.phase].primary !== "next") {
    const text = `${route.phase}: legacy answers ${route.name}`;
    return { ...about, state: "missing", text, since: null, waitMs: null };
  }
  const forMs = cutOverAt === null ? 0 : Math.max(0, now - cutOverAt);
  const isMet = forMs >= quietMs;
  const asked = isMet ? "" : `; ${spellTime(quietMs)} are asked for`;
  return {
    ...about,
    state: isMet ? "met" : "missing",
    text: `${route.phase}: next has answered for ${spellTime(forMs)}${asked}`,
    since: cutOverAt === null ? null : isoOf(cutOverAt),
    waitMs: Math.max(0, quietMs - forMs),
  };
}

/** How often, when last, and since when it can be said that it was not. */
interface Quiet {
  readonly times: number;
  readonly last: number | null;
  /** Epoch ms; null: it is not counted yet. */
  readonly since: number | null;
}

function quietOf({ leanings, cutOverAt }: RetireQuestion, on: LeaningKind): Quiet {
  const counted = leanings.find((leaning) => leaning.on === on && leaning.times > 0);
  const watched = leanings.find((leaning) => leaning.on === "watched");
  if (watched === undefined) return { times: counted?.times ?? 0, last: counted?.last ?? null, since: null };
  // A zero of before the cutover says nothing.
  const from = Math.max(watched.first, cutOverAt ?? 0);
  return { times: counted?.times ?? 0, last: counted?.last ?? null, since: Math.max(from, counted?.last ?? 0) };
}

function quietCondition(
  question: RetireQuestion,
  name: RetireCondition["name"],
  leansOn: RetireCondition["leansOn"],
  on: LeaningKind,
  [one, many]: readonly [string, string],
): Judged {
  const { now, quietMs } = question;
  const { times, last, since } = quietOf(question, on);
  const quietFor = since === null ? 0 : Math.max(0, now - since);
  const isMet = since !== null && quietFor >= quietMs;
  const so =
    times === 0 || last === null
      ? `no ${one}${since === null ? "; not counted yet" : ` in ${spellTime(quietFor)}`}`
      : `${spellCount(times)} ${times === 1 ? one : many}, the last ${spellTime(Math.max(0, now - last))} ago`;
  const asked = isMet ? "" : `; ${spellTime(quietMs)} without are asked for`;
  return {
    name,
    leansOn,
    state: isMet ? "met" : "missing",
    text: `${so}${asked}`,
    figure: times,
    since: since === null ? null : isoOf(since),
    waitMs: Math.max(0, quietMs - quietFor),
  };
}

/** Crossfade sees what passes it; comparisons of rows see what left no mark, up to when they were made. */
function directWritesCondition(question: RetireQuestion): Judged {
  const name = "direct-writes";
  if (question.looked !== null) return lookedCondition(question, question.looked);
  if (question.leanings.some(({ on }) => on === "direct-write")) {
    return quietCondition(question, name, "legacy", "direct-write", [
      "change in legacy past Crossfade",
      "changes in legacy past Crossfade",
    ]);
  }
  const text = question.route.sharedDatabase
    ? "not asked: both services write to one database"
    : "not asked: what is written to legacy past Crossfade is not seen; crossfade reconcile finds what came of it, legacy's own log who does it";
  return { name, leansOn: "legacy", state: "not-asked", text, figure: null, since: null, waitMs: 0 };
}

function lookedCondition(question: RetireQuestion, { from, to, freshForMs }: LookedForChanges): Judged {
  const { now, quietMs, cutOverAt, route } = question;
  const found = question.leanings.find(({ on, times }) => on === "direct-write" && times > 0);
  const since = Math.max(from, cutOverAt ?? 0, found?.last ?? 0);
  const quietFor = Math.max(0, to - since);
  const isFresh = now - to <= freshForMs;
  const isMet = quietFor >= quietMs && isFresh;
  const so =
    found === undefined
      ? `no change in legacy past Crossfade in ${spellTime(quietFor)}`
      : `${spellCount(found.times)} ${found.times === 1 ? "change" : "changes"} in legacy past Crossfade, the last found ${spellTime(Math.max(0, now - found.last))} ago`;
  const asked = quietFor >= quietMs ? "" : `; ${spellTime(quietMs)} without are asked for`;
  const compared = `, by a comparison ${spellTime(Math.max(0, now - to))} ago`;
  const again = isFresh ? "" : `, which is too long: crossfade reconcile of the rows of ${route.name}`;
  return {
    name: "direct-writes",
    leansOn: "legacy",
    state: isMet ? "met" : "missing",
    text: `${so}${compared}${again}${asked}`,
    figure: found?.times ?? 0,
    since: isoOf(since),
    waitMs: isFresh ? Math.max(0, quietMs - quietFor) : null,
  };
}

function repairsCondition(question: RetireQuestion): Judged {
  const { openRepairs } = question;
  const quiet = quietCondition(question, "repairs", "legacy", "repair", [
    "key put on the repair list",
    "keys put on the repair list",
  ]);
  if (openRepairs === 0) return quiet;
  const text = `${plural(openRepairs, "key")} on the repair list: crossfade repair --route ${question.route.name}`;
  return { ...quiet, state: "missing", text, since: null, waitMs: null };
}

/** What next misses only legacy has; what legacy misses says that accounts were incomplete a while ago. */
function gapsCondition({ gaps, now, quietMs, route }: RetireQuestion): Judged {
  const about = { name: "gaps", leansOn: "legacy", figure: gaps.length } as const;
  if (gaps.length === 0) {
    return { ...about, state: "met", text: "no gap", since: null, waitMs: 0 };
  }
  const lasting = gaps.filter(({ to, misses }) => to === null || misses !== "legacy");
  if (lasting.length > 0) {
    const text = `${plural(lasting.length, "gap")} in which next may miss what legacy has: crossfade reconcile of the rows of ${route.name}`;
    return { ...about, state: "missing", text, since: null, waitMs: null };
  }
  const last = Math.max(...gaps.map(({ to }) => Date.parse(to ?? "")));
  const quietFor = Math.max(0, now - last);
  const isMet = quietFor >= quietMs;
  const asked = isMet ? "" : `; ${spellTime(quietMs)} without are asked for`;
  return {
    ...about,
    state: isMet ? "met" : "missing",
    text: `${plural(gaps.length, "gap")} in which legacy alone may miss writes, the last until ${spellTime(quietFor)} ago${asked}`,
    since: isoOf(last),
    waitMs: Math.max(0, quietMs - quietFor),
  };
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
