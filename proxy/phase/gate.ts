/** Whether a route may be cut over, and what is missing: one condition after the other. Pure. */
import type { GateSettings, RouteSettings } from "../config/settings.ts";
import {
  type GateAnswer,
  type GateCondition,
  type GateStratum,
  type KeptGateEvidence,
  type MustMatchCause,
  STRATA,
  type StratumEvidence,
} from "../moves/gate-evidence.ts";
import { type CollectionFound, type EndedOf, isClean } from "../rows/row-jobs.ts";
import { logThreshold, unitsNeeded, unitsNeededAt } from "./e-process.ts";
import { judgeSentence } from "./gate-sentence.ts";
import { latencyRatio } from "./latency.ts";
import { plural, spellCount, spellPercent, spellTime } from "./words.ts";

export interface GateQuestion {
  readonly route: Pick<RouteSettings, "name" | "phase" | "gate" | "match" | "mirror" | "sharedDatabase">;
  readonly evidence: KeptGateEvidence;
  readonly repairs: number;
  readonly gaps: number;
  /** Open causes alone. */
  readonly mustMatch: readonly MustMatchCause[];
  /** null: nobody shares the store. */
  readonly members: GateMembers | null;
  /** Of the collections that hold the route's rows; none: nobody can compare them. */
  readonly rows: readonly CollectionFound[];
  /** Epoch ms. */
  readonly now: number;
}

/** Of those that share the store. */
export interface GateMembers {
  /** That ever counted for the route; `counted`: of them, those whose evidence is in it. */
  readonly claims: number;
  readonly counted: number;
  /** Those that serve do not all run the same settings. */
  readonly differ: boolean;
  readonly silent: number;
}

const DAY = 24 * 60 * 60 * 1000;
/** A class of statuses that has so much of the units has to be shown by itself; of rarer ones nobody could wait for it. */
const ASKED_SHARE = 0.1;
/** Compared exchanges of a method that say that it was looked at. */
const COVERED_FROM = 20;
/** Asked for where a route takes every method. HEAD and OPTIONS tell nothing that GET does not. */
const ALWAYS_COVERED = "GET";
const NOT_COVERED: ReadonlySet<string> = new Set(["HEAD", "OPTIONS", "TRACE", "CONNECT"]);
const NOTHING: StratumEvidence = { clean: 0, divergent: 0, excused: 0, logE: 0 };

export function askGate(question: GateQuestion): GateAnswer {
  const { route, evidence } = question;
  const { gate } = route;
  const threshold = logThreshold(gate.confidence, evidence.epoch, question.members?.claims);
  const all = evidence.strata.all ?? NOTHING;
  const units = all.clean + all.divergent;
  const elapsed = Math.max(evidence.block.from - evidence.since, evidence.blockMs);
  const perDay = (units / elapsed) * DAY;
  const ratio = latencyRatio(evidence.tally.latency.primary, evidence.tally.latency.shadow);
  const strata = strataOf(evidence, threshold);
  const spanLeft = Math.max(0, gate.spanMs - (evidence.until - evidence.since));
  const answer: Omit<GateAnswer, "open" | "sentence"> = {
    route: route.name,
    conditions: [
      phaseCondition(route),
      evidenceCondition(strata, gate),
      spanCondition(evidence, gate),
      mustMatchCondition(question.mustMatch),
      repairsCondition(question.repairs),
      gapsCondition(question.gaps),
      coverageCondition(route, evidence),
      latencyCondition(ratio, gate),
      membersCondition(question.members),
      rowsCondition("backfill", question, backfillOf),
      rowsCondition("reconcile", question, reconcileOf),
    ],
    divergenceBelow: gate.divergenceBelow,
    confidence: gate.confidence,
    spanMs: gate.spanMs,
    latencyRatioBelow: gate.latencyRatioBelow,
    epoch: evidence.epoch,
    why: evidence.why,
    since: new Date(evidence.since).toISOString(),
    build: evidence.build,
    blockMs: evidence.blockMs,
    strata,
    against: evidence.tally.against,
    methods: evidence.tally.methods,
    latencyRatio: ratio,
    unitsNeeded: Math.max(0, ...asked(strata, evidence).map(({ logE }) => needed(logE, gate, threshold))),
    unitsPerDay: perDay,
    etaMs: etaOf(strata, evidence, gate, threshold, elapsed, spanLeft),
  };
  const open = answer.conditions.every(({ state }) => state !== "missing");
  return { ...answer, open, sentence: judgeSentence(answer, open, question.mustMatch) };
}

/** 1: enough. `claims`: as in `logThreshold`. */
export function evidenceShare(
  { strata, epoch }: KeptGateEvidence,
  { confidence }: GateSettings,
  claims: number,
): number {
  return (strata.all?.logE ?? 0) / logThreshold(confidence, epoch, claims);
}

function needed(logE: number, { divergenceBelow }: GateSettings, threshold: number): number {
  return unitsNeeded(logE, divergenceBelow, threshold);
}

function strataOf({ strata }: KeptGateEvidence, threshold: number): readonly GateStratum[] {
  const all = strata.all ?? NOTHING;
  const units = all.clean + all.divergent;
  return STRATA.flatMap((name) => {
    const found = name === "all" ? all : strata[name];
    if (found === undefined) return [];
    const own = found.clean + found.divergent;
    const isAsked = name === "all" || own >= units * ASKED_SHARE;
    const { divergent, excused, logE } = found;
    return [{ stratum: name, units: own, divergent, excused, evidence: logE / threshold, asked: isAsked }];
  });
}

function asked(strata: readonly GateStratum[], { strata: kept }: KeptGateEvidence): readonly StratumEvidence[] {
  return strata.filter((each) => each.asked).map(({ stratum }) => kept[stratum] ?? NOTHING);
}

/** The slowest of what is asked, each at its own rate and share; null: at its share it is never there. */
function etaOf(
  strata: readonly GateStratum[],
  evidence: KeptGateEvidence,
  gate: GateSettings,
  threshold: number,
  elapsed: number,
  spanLeft: number,
): number | null {
  let eta = spanLeft;
  for (const { clean, divergent, logE } of asked(strata, evidence)) {
    const units = clean + divergent;
    const share = units === 0 ? 0 : divergent / units;
    const left = unitsNeededAt(share, logE, gate.divergenceBelow, threshold);
    if (left === null || (left > 0 && units === 0)) return null;
    if (left > 0) eta = Math.max(eta, (left / units) * elapsed);
  }
  return eta;
}

function condition(name: GateCondition["name"], met: boolean, text: string): GateCondition {
  return { name, state: met ? "met" : "missing", text };
}

/** What is said of one collection. */
interface RowsSaid {
  readonly met: boolean;
  readonly words: string;
}

function rowsCondition(
  name: "backfill" | "reconcile",
  { route, rows, now }: GateQuestion,
  say: (found: CollectionFound, now: number, gate: GateSettings) => RowsSaid,
): GateCondition {
  if (route.sharedDatabase) return condition(name, true, "both services use one database: there is one set of rows");
  if (rows.length === 0) {
    const text = "not asked: no collection holds this route's rows, so that nobody can look at them (collections)";
    return { name, state: "not-asked", text };
  }
  const said = rows.map((found) => ({ name: found.name, ...say(found, now, route.gate) }));
  const told = said.some(({ met }) => !met) ? said.filter(({ met }) => !met) : said;
  const text = told.map((one) => `${one.name}: ${one.words}`).join("; ");
  return condition(name, told.length === said.length && said.every(({ met }) => met), text);
}

/** Rows that were found equal need not have been copied by us. */
function backfillOf({ name, backfill, reconcile }: CollectionFound): RowsSaid {
  if (backfill !== null && backfill.setAside + backfill.conflicts === 0) {
    return { met: true, words: `${plural(backfill.read, "row")} brought over` };
  }
  if (reconcile !== null && isClean(reconcile)) return { met: true, words: "both sides were found equal" };
  if (backfill === null) return { met: false, words: `its rows were not brought over; crossfade backfill ${name}` };
  const { setAside, conflicts } = backfill;
  return { met: false, words: `${plural(setAside, "row")} set aside, ${spellCount(conflicts)} in conflict` };
}

function reconcileOf({ name, reconcile }: CollectionFound, now: number, gate: GateSettings): RowsSaid {
  if (reconcile === null) return { met: false, words: `its rows were not compared; crossfade reconcile ${name}` };
  const ageMs = Math.max(0, now - Date.parse(reconcile.begunAt));
  const ago = `${spellTime(ageMs)} ago`;
  const { missing, mismatched, extra, unmade, sourceRows } = reconcile;
  if (!isClean(reconcile)) {
    const unknown = extra === null ? "extra rows not looked for" : `${spellCount(extra)} extra`;
    const more = unmade === 0 ? "" : `, ${spellCount(unmade)} unmade`;
    const words = `${spellCount(missing)} missing, ${spellCount(mismatched)} mismatched, ${unknown}${more} (begun ${ago})`;
    return { met: false, words };
  }
  const around = aroundOf(reconcile);
  if (around !== null) return { met: false, words: `${around} (begun ${ago})` };
  const equal = `${plural(sourceRows, "row")} equal (begun ${ago})`;
  if (ageMs <= gate.reconcileFresherThanMs) return { met: true, words: equal };
  return { met: false, words: `${equal}; less than ${spellTime(gate.reconcileFresherThanMs)} is asked` };
}

/** What goes around the proxy is in no log: equal today says nothing of tomorrow. null: nothing did, or nobody counts. */
function aroundOf({ around }: EndedOf<"reconcile">): string | null {
  if (around === null || around.legacy + around.next === 0) return null;
  return `${plural(around.legacy, "row")} of legacy and ${spellCount(around.next)} of next changed around the proxy`;
}

function phaseCondition({ phase, sharedDatabase }: GateQuestion["route"]): GateCondition {
  const mirrors = phase === "dual-write" || phase === "backfilling";
  const copies = sharedDatabase ? "copies of reads" : "copies";
  const text = mirrors
    ? `${phase}: legacy answers, next gets ${copies}`
    : `${phase}: next gets no copies to be judged by`;
  return condition("phase", mirrors, text);
}

function evidenceCondition(strata: readonly GateStratum[], gate: GateSettings): GateCondition {
  const bound = `fewer than ${spellPercent(gate.divergenceBelow)}, ${spellPercent(gate.confidence)} sure`;
  const words = strata.map(({ stratum, units, divergent, evidence, asked: isAsked }) => {
    const share = `${spellCount(divergent)} of ${plural(units, "distinct key")} divergent`;
    const state = isAsked
      ? `${Math.floor(Math.max(0, evidence) * 100)} % of the evidence`
      : "too rare to be asked by itself";
    return `${stratum === "all" ? "" : `${stratum}: `}${share} (${state})`;
  });
  const met = strata.every((each) => !each.asked || each.evidence >= 1);
  return condition("evidence", met, `${bound}: ${words.join("; ")}`);
}

function spanCondition({ since, until }: KeptGateEvidence, { spanMs }: GateSettings): GateCondition {
  const text = `evidence of ${spellTime(until - since)}; at least ${spellTime(spanMs)} asked for`;
  return condition("span", until - since >= spanMs, text);
}

function mustMatchCondition(causes: readonly MustMatchCause[]): GateCondition {
  if (causes.length === 0) return condition("must-match", true, "no open cause at a place that must match");
  const places = [...new Set(causes.map(({ at }) => (at === "" ? "the whole answer" : at)))].join(", ");
  return condition("must-match", false, `${plural(causes.length, "open cause")} at places that must match: ${places}`);
}

function repairsCondition(repairs: number): GateCondition {
  const text = repairs === 0 ? "the repair list is empty" : `${plural(repairs, "key")} on the repair list`;
  return condition("repairs", repairs === 0, text);
}

function gapsCondition(gaps: number): GateCondition {
  const text = gaps === 0 ? "no gap" : `${plural(gaps, "gap")} in which accounting may be incomplete`;
  return condition("gaps", gaps === 0, text);
}

function coverageCondition(
  { match, mirror, sharedDatabase }: GateQuestion["route"],
  { tally }: KeptGateEvidence,
): GateCondition {
  const wanted = new Set(match.methods ?? [ALWAYS_COVERED, ...Object.keys(tally.methods)]);
  const methods = [...wanted]
    .filter((method) => !NOT_COVERED.has(method) && (!sharedDatabase || isComparedAlone(method, tally)))
    .toSorted();
  const few = methods.filter((method) => (tally.methods[method] ?? 0) < COVERED_FROM);
  if (few.length === 0) return condition("coverage", true, `compared: ${methods.join(", ")}`);
  const words = few.map((method) => {
    const off = method === "GET" && mirror.readShare === 0 ? ", and mirror.reads is 0%" : "";
    return `${method} ${tally.methods[method] ?? 0} of ${COVERED_FROM} times${off}`;
  });
  return condition("coverage", false, `compared too seldom: ${words.join("; ")}`);
}

/** With one database writes are never compared: only reads, by GET or by what the route takes for one. */
function isComparedAlone(method: string, { methods }: KeptGateEvidence["tally"]): boolean {
  return method === ALWAYS_COVERED || (methods[method] ?? 0) > 0;
}

function latencyCondition(ratio: number | null, { latencyRatioBelow }: GateSettings): GateCondition {
  if (ratio === null) return condition("latency", false, "too few answers to say how fast next is");
  const text = `next takes ${Number(ratio.toPrecision(2))} times as long as legacy (95th percentile), less than ${latencyRatioBelow} is asked`;
  return condition("latency", ratio < latencyRatioBelow, text);
}

function membersCondition(members: GateMembers | null): GateCondition {
  if (members === null) return condition("members", true, "one process has seen all of it");
  const { counted, differ, silent } = members;
  if (silent > 0) {
    const text = `${plural(silent, "member")} silent: start again or crossfade instances forget what does not come back`;
    return condition("members", false, text);
  }
  if (differ) return condition("members", false, "members run different settings: crossfade status says which");
  const text =
    counted === 1
      ? "one member has seen all of it"
      : `of ${counted} members one has to have seen enough, and none too much`;
  return condition("members", true, text);
}
