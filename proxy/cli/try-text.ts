/** What `crossfade try` found, for people and for programs. Pure. */
import { plural, spellCount } from "../admin/sentences.ts";
import { askedFor } from "../evidence/evidence.ts";
import { spellSignature } from "../evidence/group-sentence.ts";
import { LEFT_OUT, type LeftOutWhy } from "../try/choose.ts";
import type { Cause } from "../try/tally.ts";
import type { TrialReport } from "../try/trial.ts";
import { cut, wrap } from "./columns.ts";
import { spellDifference } from "./divergence-text.ts";
import type { Paint } from "./terminal.ts";
import { printable } from "../controls.ts";

const DIFFERENCES_SHOWN = 3;
const RULES_SHOWN = 20;

export function formatTrial(report: TrialReport, width: number, paint: Paint): readonly string[] {
  const { sums, causes, excusedBy, hosts, ofFurtherCauses } = report;
  const parts = [
    `${spellCount(sums.match)} match`,
    `${spellCount(sums.excused)} excused`,
    `${spellCount(sums.divergent)} divergent`,
    `${spellCount(sums.failed)} failed`,
    `${spellCount(sums.leftOut)} left out`,
  ];
  const lines = [paint("bold", `${plural(sums.requests, "request")} = ${parts.join(" + ")}`)];
  for (const [why, count] of leftOutOf(report)) {
    lines.push(...wrap(`  left out: ${spellCount(count)} ${LEFT_OUT[why]}`, width, 12));
  }
  if (hosts.length > 1) {
    const named = hosts.map(({ host, requests }) => `${printable(host)} ${spellCount(requests)}`).join(", ");
    lines.push(...wrap(`  of several hosts: ${named}; --host NAME takes those of one`, width, 4));
  }
  for (const { route, rule, times } of excusedBy.slice(0, RULES_SHOWN)) {
    lines.push(cut(`  excused ${plural(times, "difference")} on ${printable(route)}: ${printable(rule)}`, width));
  }
  for (const cause of causes) lines.push("", ...formatCause(cause, width, paint));
  if (ofFurtherCauses > 0) lines.push("", `and ${plural(ofFurtherCauses, "request")} of further causes, not shown`);
  return lines;
}

/** One value a line: the sums, then each cause. */
export function* jsonOfTrial({ causes, ...rest }: TrialReport): Generator<object> {
  yield { type: "sums", ...rest };
  for (const cause of causes) yield { type: "cause", ...cause };
}

function leftOutOf({ leftOut }: TrialReport): readonly (readonly [LeftOutWhy, number])[] {
  return Object.entries(leftOut) as [LeftOutWhy, number][];
}

function formatCause(
  { id, route, method, count, sample, ...cause }: Cause,
  width: number,
  paint: Paint,
): readonly string[] {
  const head = `${id}  ${spellCount(count)} x  ${method} ${printable(route)}  ${printable(whatOf(cause))}`;
  const lines = [cut(head, width), cut(`    e.g. ${printable(`${sample.method} ${askedFor(sample)}`)}`, width)];
  for (const difference of sample.differences.slice(0, DIFFERENCES_SHOWN)) {
    lines.push(cut(`    ${spellDifference(difference)}`, width));
  }
  const more = Math.max(0, sample.differences.length - DIFFERENCES_SHOWN) + sample.moreDifferences;
  if (more > 0) lines.push(`    and ${plural(more, "more difference")}`);
  if (sample.error !== null) lines.push(cut(`    ${printable(sample.error)}`, width));
  return [paint("bold", lines[0] as string), ...lines.slice(1)];
}

function whatOf({ failed, signature }: Pick<Cause, "failed" | "signature">): string {
  if (failed === null) return spellSignature(signature);
  return failed === "comparison" ? "could not be compared" : `${failed} gave no complete answer`;
}
