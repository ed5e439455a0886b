/** `crossfade status` for people: the sentence that matters, what is wrong, a line per route. Pure. */
import { outcomeSum, plural, spellCount, spellEvidence, spellShare, spellSpan } from "../admin/sentences.ts";
import type { CollectionStatus } from "../admin/collection-status.ts";
import { tellComparisons } from "../admin/collection-sentences.ts";
import type { StatusView } from "../admin/status-view.ts";
import { GROUP_STATES } from "../evidence/evidence.ts";
import { hasOpenCause, type RouteStatus, worstFirst } from "../admin/route-status.ts";
import { progressText, type RunningJobRecord } from "../rows/running-job.ts";
import { cut, pad, widthOf, wrap, wrapWords } from "./columns.ts";
import type { Paint } from "./terminal.ts";
import { printable } from "../controls.ts";

const NAME_AT_MOST = 28;
const GAP = 2;

export function formatStatus(status: StatusView, width: number, paint: Paint): readonly string[] {
  const bad = isBad(status);
  const lines = wrap(printable(status.summary), width).map((line) => paint("bold", bad ? paint("red", line) : line));
  if (status.warnings.length > 0) lines.push("");
  for (const warning of status.warnings) {
    for (const line of wrap(`! ${printable(warning)}`, width, 2)) lines.push(paint("yellow", line));
  }
  lines.push("", ...formatRoutes(status.routes, width, paint));
  const compared = status.collections.map((collection) => collectionLine(collection, Date.parse(status.time)));
  if (compared.some((line) => line !== null)) lines.push("");
  for (const line of compared) if (line !== null) lines.push(...wrap(printable(line), width, 2));
  if (status.jobs.length > 0) lines.push("");
  for (const job of status.jobs) lines.push(...wrap(printable(jobLine(job)), width, 2));
  const up = spellSpan(Date.parse(status.time) - Date.parse(status.startedAt));
  const config = status.config.file === null ? "flags alone" : printable(status.config.file);
  const foot = `crossfade ${status.version}, up ${up}, config ${config} (revision ${status.config.revision}), store ${status.store.kind}${membersOf(status)}${workersOf(status)}`;
  lines.push("", ...wrap(foot, width).map((line) => paint("dim", line)));
  return lines;
}

/** What is wrong stands first and is to be seen: of more lines than a screen has, the last ones are left out. The cursor takes a row. */
export function fitHeight(lines: readonly string[], height: number | null): readonly string[] {
  if (height === null || lines.length < height) return lines;
  const shown = Math.max(1, height - 2);
  return [...lines.slice(0, shown), `… and ${plural(lines.length - shown, "more line")}: crossfade status`];
}

/** `backfill users  1,204 of about 18,204 rows, … · waiting: …` */
function jobLine(job: RunningJobRecord): string {
  const { kind, collection, dryRun, state, waiting, wanted } = job;
  const of = `${kind}${dryRun ? " (dry run)" : ""} ${collection}  ${progressText(kind, job)}`;
  if (state === "silent") return `${of} · silent since ${job.heardAt}; it was killed, or cannot reach this process`;
  if (waiting !== null) return `${of} · waiting: ${waiting}`;
  return wanted === null ? of : `${of} · to be ${wanted.state} by ${wanted.by}`;
}

/** `rows of users  compared 3 h ago: 18,204 rows equal · next in 3 h`; null: nothing is known and nothing is to come. */
function collectionLine(collection: CollectionStatus, now: number): string | null {
  const { text } = tellComparisons(collection, now);
  return text === "" ? null : `rows of ${collection.name}  ${text}`;
}

/** `, 3 members (1 silent)`; nothing where nobody shares the store. */
function membersOf({ store, members }: StatusView): string {
  const present = members.filter(({ state }) => state !== "left");
  if (store.kind !== "redis" || present.length === 0) return "";
  const silent = present.filter(({ state }) => state === "silent").length;
  return `, ${plural(present.length, "member")}${silent === 0 ? "" : ` (${spellCount(silent)} silent)`}`;
}

/** `, 2 workers (1 replaced)`; nothing where the one process takes the requests. */
function workersOf({ workers: { wanted, replaced } }: StatusView): string {
  if (wanted === 0) return "";
  return `, ${plural(wanted, "worker")}${replaced === 0 ? "" : ` (${spellCount(replaced)} replaced)`}`;
}

/** The answer to "is the rewrite right, and is all well?" is no. */
export function isBad(status: StatusView): boolean {
  return !status.ready || status.routes.some(hasOpenCause);
}

/** `users  dual-write  18,204 writes = 18,011 match + …`, the worst first; a sum is wrapped, never cut. */
export function formatRoutes(routes: readonly RouteStatus[], width: number, paint: Paint): readonly string[] {
  const nameWidth = Math.min(NAME_AT_MOST, Math.max(0, ...routes.map((route) => widthOf(printable(route.name)))));
  const phaseWidth = Math.max(0, ...routes.map((route) => route.phase.length));
  const indent = nameWidth + phaseWidth + 2 * GAP;
  return worstFirst(routes).flatMap((route) => {
    const head = `${pad(cut(printable(route.name), nameWidth), nameWidth)}  ${pad(route.phase, phaseWidth)}  `;
    const [first = "", ...rest] = wrapSum(sentenceOf(route), width - indent);
    const style = (line: string): string => (hasOpenCause(route) ? paint("red", line) : line);
    return [head + style(first), ...rest.map((line) => " ".repeat(indent) + style(line))].map((line) => line.trimEnd());
  });
}

/** Breaks between the parts of a sum, not between a number and what it counts. */
function wrapSum(text: string, width: number): readonly string[] {
  return wrapWords(text.split(/ (?=[=+·] )|(?<= [=+·]) /), width);
}

function sentenceOf(route: RouteStatus): string {
  const more: string[] = [];
  if (route.outcomes.divergent > 0) more.push(`${spellShare(route.divergenceRate ?? 0)} divergent${causesOf(route)}`);
  if (route.gaps > 0) more.push(plural(route.gaps, "gap"));
  if (route.repairs > 0) more.push(`${plural(route.repairs, "key")} to repair${parkedOf(route)}`);
  if (route.gateEvidence !== 0) more.push(`gate evidence ${spellEvidence(route.gateEvidence)}`);
  const { requests, answers, unmapped } = route.mappedForClients;
  if (requests + answers > 0) more.push(`${plural(Math.max(requests, answers), "request")} mapped for clients`);
  if (unmapped > 0) more.push(`${plural(unmapped, "message")} passed unmapped`);
  const { next, pinned, askedAgain } = route.dialledReads;
  if (next + pinned + askedAgain > 0) {
    const back = pinned + askedAgain === 0 ? "" : ` of ${spellCount(next + pinned + askedAgain)} that fell to it`;
    more.push(`${plural(next, "read")} answered by next${back}`);
  }
  const { equal, differs } = route.readBacks;
  if (equal + differs > 0) {
    more.push(
      `${plural(equal + differs, "write")} read back${differs === 0 ? "" : `, ${spellCount(differs)} of them different`}`,
    );
  }
  const { legacy, copies } = route.fallbackReads;
  if (legacy > 0) {
    more.push(
      `${plural(legacy, "read")} answered by legacy for want of a row at next, ${spellCount(copies.copied)} brought over`,
    );
  }
  if (route.lagMs > 0) more.push(`lag ${spellSpan(route.lagMs)}`);
  if (route.breaker !== null && route.breaker !== "closed") more.push(`breaker ${route.breaker}`);
  if (route.shadow === null) return [`not mirrored, ${route.primary} alone`, ...more].join(" · ");
  return [outcomeSum(route), ...more].join(" · ");
}

function parkedOf({ parked }: RouteStatus): string {
  return parked === 0 ? "" : ` (${spellCount(parked)} parked)`;
}

/** ` (1 cause new, 2 acknowledged)`; nothing where the store has not said. */
function causesOf({ causes }: RouteStatus): string {
  const parts = GROUP_STATES.filter((state) => (causes?.[state] ?? 0) > 0);
  if (causes === null || parts.length === 0) return "";
  const [first, ...rest] = parts.map((state, i) =>
    i === 0 ? `${plural(causes[state], "cause")} ${state}` : `${spellCount(causes[state])} ${state}`,
  );
  return ` (${[first, ...rest].join(", ")})`;
}
