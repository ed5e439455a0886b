/** Suggestions for people: YAML to paste, what each rule would hide, and what to look at. Pure. */
import { plural, spellCount, spellShare } from "../admin/sentences.ts";
import type { Known } from "../suggest/counts.ts";
import type { Advice, Doubt, Sample, Suggestion } from "../suggest/suggest.ts";
import { spellCompare, spellRule } from "../suggest/yaml.ts";
import { cut, wrap } from "./columns.ts";
import type { Paint } from "./terminal.ts";
import { printable } from "../controls.ts";

/** What one route has to say, with how much there was to look at. */
export interface RouteAdvice extends Advice {
  readonly compared: number;
  readonly divergent: number;
  /** Kinds of which the route has rules already. */
  readonly kindsInUse: readonly string[];
}

/** Under `routes:`, beside `name:`. */
const YAML_INDENT = "    ";
const DOUBTS_LISTED = 50;
const VALUE_WIDTH = 40;

export function formatAdvice(advice: RouteAdvice, width: number, paint: Paint): readonly string[] {
  const { route, suggestions, doubts } = advice;
  const lines = [paint("bold", cut(`${printable(route)}  ${spellLookedAt(advice)}`, width))];
  if (suggestions.length === 0) lines.push("No rule suggests itself.");
  else lines.push(...spellSuggestions(advice, width, paint));
  if (doubts.length > 0) {
    lines.push("", paint("bold", "Look at these yourself; nothing is suggested for them:"));
    for (const doubt of doubts.slice(0, DOUBTS_LISTED)) lines.push(...spellDoubt(doubt, width));
    if (doubts.length > DOUBTS_LISTED)
      lines.push(`and ${plural(doubts.length - DOUBTS_LISTED, "more place")}; --json has them all`);
  }
  if (advice.left > 0) lines.push(`${plural(advice.left, "difference")} at more places than are looked at`);
  return [...lines, ""];
}

function spellLookedAt({ lookedAt, divergent, compared }: RouteAdvice): string {
  return `${spellCount(lookedAt)} of ${plural(divergent, "divergent exchange")} looked at; ${spellCount(compared)} were compared`;
}

function spellSuggestions(
  { route, suggestions, lookedAt, wouldAgree, kindsInUse }: RouteAdvice,
  width: number,
  paint: Paint,
): readonly string[] {
  const lines = wrap(
    `With these rules under the route ${printable(route)}, ${spellCount(lookedAt - wouldAgree)} of the ${spellCount(lookedAt)} would still differ:`,
    width,
  ).concat("");
  // Never cut: this is to be pasted.
  for (const line of spellCompare(suggestions)) lines.push(YAML_INDENT + line);
  lines.push("");
  const alreadyThere = kindsInUse.filter((kind) => suggestions.some(({ rule }) => rule.kind === kind));
  if (alreadyThere.length > 0) {
    const note = `The route has rules of kind ${alreadyThere.join(", ")}: add these lines to that list. A route's list takes the place of the one in defaults.`;
    lines.push(...wrap(note, width), "");
  }
  lines.push(paint("bold", "What each would hide:"));
  for (const suggestion of suggestions) lines.push(...spellHidden(suggestion, width));
  return lines;
}

function spellHidden({ rule, hides, leaves, known, samples }: Suggestion, width: number): readonly string[] {
  const left = leaves === 0 ? "" : `; ${plural(leaves, "other difference")} there ${leaves === 1 ? "stays" : "stay"}`;
  const head = `${rule.kind} ${printable(rule.at)}: ${plural(hides.differences, "difference")} in ${plural(hides.exchanges, "exchange")}, ${spellShare(hides.share)} of those that differ${left}`;
  return [
    ...indented(head, 2, width),
    ...spellKnown(known, width),
    ...samples.map((sample) => cut(`      ${spellSample(sample)}`, width)),
  ];
}

/** What was counted beside the divergences, as far as it was. */
function spellKnown(known: Known | null, width: number): readonly string[] {
  if (known === null) return [];
  const { askedTwice, differedWithItself, compared, differed, values, distinct, classes } = known;
  const facts = [
    ...(askedTwice === 0
      ? []
      : [
          `primary asked twice: differed with itself in ${spellCount(differedWithItself)} of ${spellCount(askedTwice)}`,
        ]),
    ...(compared === 0
      ? []
      : [`counted: differs in ${spellCount(differed)} of ${plural(compared, "compared exchange")}`]),
    ...(values === 0
      ? []
      : [`${spellCount(distinct)} different of ${plural(values, "value")} of the primary (${classes.join(", ")})`]),
  ];
  return facts.flatMap((fact) => indented(fact, 6, width));
}

function spellDoubt({ at, kinds, exchanges, why, known, sample, rule }: Doubt, width: number): readonly string[] {
  const place = at === "status" ? at : `${at === "" ? "(whole)" : printable(at)} ${kinds.join(", ")}`;
  const times = exchanges === 0 ? "not seen of late" : plural(exchanges, "exchange");
  const lines = [...indented(`${place}, ${times}: ${why}`, 2, width)];
  lines.push(...spellKnown(known, width));
  if (sample !== null) lines.push(cut(`      ${spellSample(sample)}`, width));
  if (rule !== null) lines.push(cut(`      if it does not matter: ${rule.kind}: [${spellRule(rule, null)}]`, width));
  return lines;
}

/** A sentence below what it is about; its later lines are two columns further in. */
function indented(sentence: string, columns: number, width: number): readonly string[] {
  return wrap(sentence, width - columns, 2).map((line) => " ".repeat(columns) + line);
}

function spellSample({ id, primary, shadow }: Sample): string {
  return `${spellValue(primary)} → ${spellValue(shadow)}  (${id})`;
}

function spellValue(value: string | null): string {
  return value === null ? "absent" : cut(printable(value), VALUE_WIDTH);
}
