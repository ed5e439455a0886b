/** A run over the repair list, for people. Pure. */
import { plural, spellCount, spellSpan } from "../admin/sentences.ts";
import { type JobRecord, REPAIRED, REPAIR_RESULTS, type RepairFinding, type RepairResult } from "../repair-job.ts";
import { bar } from "./bars.ts";
import { wrap } from "./columns.ts";
import type { Paint } from "./terminal.ts";
import { printable } from "../controls.ts";

const SECOND = 1_000;

const WORDS: Readonly<Record<RepairResult, string>> = {
  equal: "equal already",
  put: "put",
  posted: "posted",
  deleted: "deleted",
  differs: "different",
  failed: "failed",
  parked: "parked",
  busy: "written meanwhile or waiting for another",
  "not-before": "to be looked at later",
  impossible: "that cannot be read",
};

export function repairedIn({ results }: JobRecord): number {
  return REPAIR_RESULTS.reduce((sum, result) => sum + (REPAIRED.has(result) ? results[result] : 0), 0);
}

/** Nothing is left of what was on the list. */
export function isAllRepaired(job: JobRecord): boolean {
  return job.state === "done" && repairedIn(job) === job.total;
}

/** `[=======>      ] 1,204 of 5,310 keys, 1,199 repaired` */
export function progressBar(job: JobRecord): string {
  return `${bar(job.total === 0 ? 1 : job.done / job.total)} ${progressLine(job)}`;
}

export function progressLine(job: JobRecord): string {
  const what = job.dryRun ? "" : `, ${spellCount(repairedIn(job))} repaired`;
  return `${spellCount(job.done)} of ${plural(job.total, "key")}${what}`;
}

export function formatJob(job: JobRecord, width: number, paint: Paint): readonly string[] {
  const { total, done, results, route, dryRun } = job;
  const where = route === null ? "" : ` of ${printable(route)}`;
  if (total === 0 && job.state === "done") return [`nothing${where} is on the repair list`];
  const parts = (wanted: boolean): string => {
    const named = REPAIR_RESULTS.filter((result) => REPAIRED.has(result) === wanted && results[result] > 0);
    return named.map((result) => `${spellCount(results[result])} ${WORDS[result]}`).join(", ");
  };
  const [repaired, left] = [repairedIn(job), total - repairedIn(job)];
  const age = job.oldestSeconds === null ? "" : `; the oldest had waited for ${spellSpan(job.oldestSeconds * SECOND)}`;
  const [goOff, stay] = dryRun ? ["would go off the list", "stay"] : ["repaired", "left"];
  const sums = [
    `${plural(total, "key")}${where}: ${spellCount(repaired)} ${goOff}${repaired > 0 ? ` (${parts(true)}${age})` : ""}`,
    ...(left > 0 ? [`${spellCount(left)} ${stay}${parts(false) === "" ? "" : ` (${parts(false)})`}`] : []),
    ...(done < total ? [`${spellCount(total - done)} not reached`] : []),
  ];
  const headline = `${dryRun ? "dry run: " : ""}${sums.join(", ")}`;
  const color = job.state === "failed" || left > 0 ? "yellow" : "green";
  return [
    ...wrap(headline, width, 2).map((line) => paint(color, line)),
    ...job.findings.flatMap((finding) => wrap(findingWords(finding), width - 2, 2).map((line) => `  ${line}`)),
    ...(job.findings.length < unrepaired(job)
      ? [`  and ${spellCount(unrepaired(job) - job.findings.length)} more`]
      : []),
    ...(job.state === "cancelled" ? ["cancelled; the rest stays on the list, and the next run goes on with it"] : []),
    ...(job.error === null ? [] : [`it broke off: ${printable(job.error)}; run it again`]),
  ];
}

/** Findings that there are, listed or not. */
function unrepaired(job: JobRecord): number {
  return job.dryRun ? job.done : job.done - repairedIn(job);
}

/** `users/42: would be PUT (/total value 12.5 → 12.4, /name missing)` */
function findingWords({ route, key, result, would, why, differences }: RepairFinding): string {
  const name = key === null ? `${printable(route)} (all of it)` : printable(key);
  const places = differences.map(({ at, kind, primary, shadow }) => {
    const values = `${primary ?? "nothing"} → ${shadow ?? "nothing"}`;
    return printable(`${at === "" ? "" : `${at} `}${kind} ${values}`);
  });
  const what = would === null ? `${WORDS[result]}` : `would be ${would}`;
  const reason = why === null || would !== null ? "" : `: ${printable(why)}`;
  return `${name}: ${what}${reason}${places.length === 0 ? "" : ` (${places.join(", ")})`}`;
}
