/** Divergences and groups for people. Pure. */
import { type OfGroup, spellOwnDisagreements } from "../admin/own-disagreements.ts";
import { plural, spellBytes, spellCount, spellShare } from "../admin/sentences.ts";
import {
  askedFor,
  type Difference,
  type DivergenceRecord,
  type GroupDecision,
  type GroupRecord,
  type LegRecord,
  OPEN_STATES,
  type ReadBackOf,
} from "../evidence/evidence.ts";
import { spellSignature } from "../evidence/group-sentence.ts";
import { type Column, cut, table, widthOf, wrap } from "./columns.ts";
import { describeFindings } from "./findings.ts";
import type { Paint } from "./terminal.ts";
import { printable } from "../controls.ts";
import { spellDuration } from "../config/units.ts";

const DIFFERENCES_LISTED = 3;
const ROOM_FOR_TIMES = 110;

/** Two lines and more: what happened, on a narrow terminal in two, then where the answers differ. */
export function formatDivergence(record: DivergenceRecord, width: number, paint: Paint): readonly string[] {
  const request = printable(`${record.method} ${askedFor(record)}`);
  const head = `${record.id}  ${shortTime(record.time)}  ${printable(record.route)}  ${outcomeOf(record)}  `;
  const fits = widthOf(head) + widthOf(request) <= width;
  const lines = fits ? [head + request] : [cut(head.trimEnd(), width), cut(`    ${request}`, width)];
  const listed = record.differences.slice(0, DIFFERENCES_LISTED);
  for (const difference of listed) lines.push(cut(`    ${spellDifference(difference)}`, width));
  const more = record.differences.length - listed.length + record.moreDifferences;
  if (more > 0) lines.push(`    and ${plural(more, "more difference")}`);
  if (record.error !== null) lines.push(cut(`    ${printable(record.error)}`, width));
  return [paint("bold", lines[0] as string), ...lines.slice(1)];
}

/** Everything that is known of one divergence; values are wrapped, never cut. */
export function formatDivergenceInFull(record: DivergenceRecord, width: number, paint: Paint): readonly string[] {
  const facts: [name: string, value: string | null][] = [
    ["id", record.id],
    ["time", record.time],
    ["request", `${record.method} ${askedFor(record)}`],
    ["route", `${record.route} (${record.phase})`],
    ["outcome", outcomeOf(record)],
    ["key", record.key],
    ["primary", legOf(record.primary)],
    [
      "shadow",
      record.shadow === null ? "never asked" : `${legOf(record.shadow)}, ${plural(record.shadow.attempts, "attempt")}`,
    ],
    ["error", record.error],
    ["group", record.group],
    ["build", record.build],
    ["follows", record.taintedBy === null ? null : `${record.taintedBy}, a failed write of the same key`],
    ["read back", record.readBack === undefined ? null : spellReadBackOf(record.readBack)],
    ["trace", record.traceId],
  ];
  const shown = facts.filter((fact): fact is [name: string, value: string] => fact[1] !== null);
  const nameWidth = Math.max(...shown.map(([name]) => name.length)) + 2;
  const lines = shown.flatMap(([name, value]) => {
    const [first = "", ...rest] = chop(printable(value), width - nameWidth);
    return [paint("dim", name.padEnd(nameWidth)) + first, ...rest.map((line) => " ".repeat(nameWidth) + line)];
  });
  if (record.differences.length > 0) lines.push("");
  for (const difference of record.differences) {
    lines.push(paint("bold", cut(`${placeOf(difference.at)}  ${difference.kind}`, width)));
    lines.push(...sideOf(record.primary.service, difference.primary, width));
    lines.push(...sideOf(record.shadow?.service ?? "shadow", difference.shadow, width));
  }
  if (record.moreDifferences > 0) lines.push(`and ${plural(record.moreDifferences, "more difference")}, not kept`);
  return lines;
}

/** As `GET /api/v1/groups/{id}` answers. */
export interface GroupInFull extends GroupRecord, OfGroup {
  readonly samples: readonly DivergenceRecord[];
}

export function formatGroups(groups: readonly GroupRecord[], width: number, paint: Paint): readonly string[] {
  const whenWide = width >= ROOM_FOR_TIMES;
  const rows = groups.map((group) => [
    group.id,
    spellCount(group.count),
    spellShare(group.share),
    group.state,
    ...(whenWide ? [group.trend.direction, shortTime(group.lastSeen)] : []),
    printable(group.route),
    group.method,
    printable(spellSignature(group.signature)),
  ]);
  const columns: readonly Column[] = [
    { title: "GROUP" },
    { title: "COUNT", align: "right" },
    { title: "SHARE", align: "right" },
    { title: "STATE" },
    ...(whenWide ? [{ title: "TREND" }, { title: "LAST SEEN (UTC)" }] : []),
    { title: "ROUTE", atMost: 20 },
    { title: "METHOD" },
    { title: "DIFFERS AT" },
  ];
  const [head = "", ...lines] = table(columns, rows, width);
  const isOpen = (i: number): boolean => OPEN_STATES.some((state) => state === groups[i]?.state);
  return [paint("dim", head), ...lines.map((line, i) => (isOpen(i) ? line : paint("dim", line)))];
}

export function formatGroupInFull({ samples, ...group }: GroupInFull, width: number, paint: Paint): readonly string[] {
  const signature = printable(spellSignature(group.signature));
  const [finding] = samples.length === 0 ? [] : describeFindings([{ ...group, samples }]);
  const own = spellOwnDisagreements(group.ownDisagreements);
  const facts = [
    `${plural(group.count, "time")}, ${spellShare(group.share)} of what was compared; first ${group.firstSeen}${inBuild(group.firstBuild)}, last ${group.lastSeen}${inBuild(group.lastBuild)}; ${group.state}`,
    `${group.trend.direction} in the last 24 hours, hour by hour: ${group.trend.hours.map(spellCount).join(" ")}`,
    ...(group.tainted > 0
      ? [`${plural(group.tainted, "divergence")} more of the same keys ${follow(group.tainted)}`]
      : []),
    ...(own === null ? [] : [printable(own)]),
    ...(group.decision === null ? [] : [spellDecision(group.decision)]),
    ...(finding === undefined ? [] : [printable(finding.what)]),
  ];
  const lines = [
    paint("bold", cut(`${group.id}  ${group.method} ${printable(group.route)}  ${signature}`, width)),
    ...facts.flatMap((fact) => wrap(fact, width)),
  ];
  if (samples.length > 0) lines.push("", paint("dim", "samples"));
  return [...lines, ...samples.flatMap((sample) => formatDivergence(sample, width, paint))];
}

function spellReadBackOf({ of, ageMs }: ReadBackOf): string {
  return `of the write ${of}, ${spellDuration(Math.round(ageMs))} after it came`;
}

export function spellDifference({ at, kind, primary, shadow }: Difference): string {
  return `${placeOf(at)} ${kind}  ${valueOf(primary)} → ${valueOf(shadow)}`;
}

function placeOf(at: string): string {
  return at === "" ? "(whole)" : printable(at);
}

function valueOf(value: string | null): string {
  return value === null ? "absent" : printable(value);
}

function sideOf(service: string, value: string | null, width: number): readonly string[] {
  const head = `  ${printable(service).padEnd(8)} `;
  const [first = "", ...rest] = chop(valueOf(value), width - head.length);
  return [head + first, ...rest.map((line) => " ".repeat(head.length) + line)];
}

/** Into lines of at most `width` characters, wherever that falls: values have no blanks to break at. */
function chop(text: string, width: number): readonly string[] {
  return text.match(new RegExp(`.{1,${Math.max(1, width)}}`, "gsu")) ?? [];
}

/** `acknowledged by ops at 2026-11-22T12:00:00.000Z until …: legacy pads names` */
export function spellDecision({ state, by, at, reason, until, build }: GroupDecision): string {
  const bounds = `${until === null ? "" : ` until ${until}`}${build === null ? "" : ` for build ${printable(build)}`}`;
  const words = state === "new" ? "opened again" : state;
  return `${words} by ${printable(by)} at ${at}${bounds}${reason === null ? "" : `: ${printable(reason)}`}`;
}

function inBuild(build: string | null): string {
  return build === null ? "" : ` in build ${printable(build)}`;
}

function follow(count: number): string {
  return count === 1 ? "follows from these" : "follow from these";
}

function outcomeOf({ outcome, reason }: DivergenceRecord): string {
  return reason === null ? outcome : `${outcome}(${reason})`;
}

function legOf({ service, status, ms, bytes }: LegRecord): string {
  const facts = [status === null ? "no complete answer" : `status ${status}`];
  if (ms !== null) facts.push(`${Math.round(ms * 10) / 10} ms`);
  if (bytes !== null) facts.push(spellBytes(bytes));
  return `${service}: ${facts.join(", ")}`;
}

/** `11-22 12:00:30`: of a list of divergences the year is no news. */
function shortTime(iso: string): string {
  return iso.slice(5, 19).replace("T", " ");
}
