/** What `crossfade recompare` found, for people and for programs. Pure. */
import { plural, spellCount } from "../admin/sentences.ts";
import { askedFor } from "../evidence/evidence.ts";
import { spellSignature } from "../evidence/group-sentence.ts";
import type { Appeared, RecompareReport, Vanished } from "../pairs/recompare.ts";
import { cut, wrap } from "./columns.ts";
import { spellDifference } from "./divergence-text.ts";
import { describeDifferences, sidesOf } from "./finding-clauses.ts";
import type { Paint } from "./terminal.ts";
import { printable } from "../controls.ts";

const DIFFERENCES_SHOWN = 3;

export function formatRecompared(report: RecompareReport, width: number, paint: Paint): readonly string[] {
  const { sums, vanished, appeared, headsOnly, notCompared } = report;
  const parts = [
    `${spellCount(sums.unchanged)} unchanged`,
    `${spellCount(sums.vanished)} vanished`,
    ...(sums.fewer === 0 ? [] : [`${spellCount(sums.fewer)} with fewer differences`]),
    `${spellCount(sums.appeared)} appeared`,
    ...(sums.undecided === 0 ? [] : [`${spellCount(sums.undecided)} undecided`]),
    ...(sums.notCompared === 0 ? [] : [`${spellCount(sums.notCompared)} not compared`]),
  ];
  const lines = [paint("bold", `${plural(sums.pairs, "pair")} = ${parts.join(" + ")}`)];
  for (const { why, pairs } of notCompared)
    lines.push(...wrap(`  not compared: ${spellCount(pairs)}, ${printable(why)}`, width, 4));
  if (headsOnly > 0) {
    lines.push(...wrap(`  ${plural(headsOnly, "pair")} by status and headers alone: a body was not kept`, width, 4));
  }
  if (sums.undecided > 0) {
    const why = "they differ where a value is redacted and a rule looks at values; only traffic can tell";
    lines.push(...wrap(`  undecided: ${why}`, width, 4));
  }
  if (appeared.length > 0) lines.push("", paint("bold", "Appears:"));
  for (const cause of appeared) lines.push(...formatAppeared(cause, width));
  if (vanished.length > 0) lines.push("", paint("bold", "Vanishes:"));
  for (const cause of vanished) lines.push(cut(formatVanished(cause), width));
  return lines;
}

/** One value a line: the sums, then each cause. */
export function* jsonOfRecompared({ appeared, vanished, ...rest }: RecompareReport): Generator<object> {
  yield { type: "sums", ...rest };
  for (const cause of appeared) yield { type: "appeared", what: whatOf(cause), ...cause };
  for (const cause of vanished) yield { type: "vanished", ...cause };
}

function formatAppeared(cause: Appeared, width: number): readonly string[] {
  const { group, pairs, were, sample } = cause;
  const before = Object.entries(were)
    .map(([outcome, count]) => `${spellCount(count)} ${outcome}`)
    .join(", ");
  const lines = [
    cut(`${group}  ${plural(pairs, "pair")} (${before} before)  ${printable(whatOf(cause))}`, width),
    cut(`    e.g. ${sample.id} ${printable(`${sample.method} ${askedFor(sample)}`)}`, width),
  ];
  for (const difference of sample.differences.slice(0, DIFFERENCES_SHOWN))
    lines.push(cut(`    ${spellDifference(difference)}`, width));
  const more = sample.differences.length - DIFFERENCES_SHOWN;
  if (more > 0) lines.push(`    and ${plural(more, "more difference")}`);
  return lines;
}

/** A sentence without its full stop. */
function whatOf({ sample }: Appeared): string {
  const { clauses, more } = describeDifferences(sample.differences, sidesOf(sample));
  const further = more === 0 ? "" : `, and ${plural(more, "more difference")}`;
  return `${sample.method} ${askedFor(sample)}: ${clauses.join("; ")}${further}`;
}

function formatVanished({ group, route, method, signature, pairs, vanished, fewer }: Vanished): string {
  const left = pairs - vanished;
  const whole = left === 0 ? `all ${plural(pairs, "pair")}` : `${spellCount(vanished)} of ${plural(pairs, "pair")}`;
  const some = fewer === 0 ? "" : `, ${spellCount(fewer)} with fewer differences`;
  return `${group ?? "no group"}  ${whole}${some}  ${printable(`${method} ${route}: ${spellSignature(signature)}`)}`;
}
