/** The one sentence that says whether a route may be cut over. Pure. */
import type { GateAnswer, GateCondition, MustMatchCause } from "../moves/gate-evidence.ts";
import { plural, spellCount, spellPercent, spellTime } from "./words.ts";

type Judged = Omit<GateAnswer, "open" | "sentence">;

export function judgeSentence(answer: Judged, open: boolean, causes: readonly MustMatchCause[]): string {
  const { divergent, units } = allOf(answer);
  const seen = `${spellCount(divergent)} divergent in ${plural(units, "distinct key")}`;
  const sure = `< ${spellPercent(answer.divergenceBelow)}`;
  if (open) {
    const notAsked = answer.conditions.filter(({ state }) => state === "not-asked").map(({ name }) => name);
    return `OPEN. ${seen}: ${sure}, ${spellPercent(answer.confidence)} sure; not asked: ${notAsked.join(", ")}`;
  }
  const missing = answer.conditions.filter(({ state }) => state === "missing");
  const [first] = causes;
  if (first !== undefined) return causesSentence(answer, causes, first, without(missing, "must-match"));
  if (isMissing(missing, "phase")) return `NOT YET. ${textOf(missing, "phase")}`;
  if (isMissing(missing, "evidence")) return `NOT YET. ${seen}; ${neededSentence(answer, sure)}`;
  const rest = missing.map(({ text }) => text).join("; ");
  const wait = missing.every(({ name }) => name === "span") && answer.etaMs !== null;
  return `NOT YET. ${seen}; ${rest}${wait ? `: about ${spellTime(answer.etaMs)} more` : ""}`;
}

/** `29,956 needed for < 0.01 %: about 11 days at 2,500 a day` */
function neededSentence(answer: Judged, sure: string): string {
  const { divergent, units } = allOf(answer);
  if (answer.etaMs === null && units > 0) {
    return `at this share (${spellPercent(divergent / units)}) it will not come to ${sure}`;
  }
  const needed = `${spellCount(units + answer.unitsNeeded)} needed for ${sure}`;
  if (answer.etaMs === null) return needed;
  return `${needed}: about ${spellTime(answer.etaMs)} at ${spellCount(answer.unitsPerDay)} a day`;
}

/** `Not safe to cut over users: 1 cause changes what must match (/total, 3 times since build 9f3c); everything else is ready` */
function causesSentence(
  { route }: Judged,
  causes: readonly MustMatchCause[],
  first: MustMatchCause,
  others: readonly GateCondition[],
): string {
  const build = first.firstBuild === null ? "" : ` since build ${first.firstBuild}`;
  const place = first.at === "" ? "the whole answer" : first.at;
  const what = `${plural(causes.length, "cause")} ${causes.length === 1 ? "changes" : "change"} what must match`;
  const rest =
    others.length === 0 ? "everything else is ready" : `missing beside: ${others.map(({ name }) => name).join(", ")}`;
  return `Not safe to cut over ${route}: ${what} (${place}, ${plural(first.count, "time")}${build}); ${rest}`;
}

function allOf({ strata }: Judged): { readonly divergent: number; readonly units: number } {
  return strata.find(({ stratum }) => stratum === "all") ?? { divergent: 0, units: 0 };
}

function isMissing(missing: readonly GateCondition[], name: GateCondition["name"]): boolean {
  return missing.some((each) => each.name === name);
}

function without(missing: readonly GateCondition[], name: GateCondition["name"]): readonly GateCondition[] {
  return missing.filter((each) => each.name !== name);
}

function textOf(missing: readonly GateCondition[], name: GateCondition["name"]): string {
  return missing.find((each) => each.name === name)?.text ?? "";
}
