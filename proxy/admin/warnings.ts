import { crossesBarrier } from "../moves/phase-steps.ts";
import { spellShare } from "../config/units.ts";
import type { Override } from "../moves/overrides.ts";
import { IDLE_AFTER_MS } from "./headline.ts";
import { memberWarnings } from "./member-warnings.ts";
import type { StatusInput } from "./parts.ts";
import { outcomeParts, plural, spellBytes, spellCount, spellSpan } from "./sentences.ts";
import { type RouteStatus, unaccountedFor } from "./route-status.ts";

const NEARLY_FULL = 0.8;
/** Below this much time until writes drop, somebody should look now. */
const SHORT_HEADROOM_S = 300;
/** Routes with failing modules that the warning names. */
const MODULES_NAMED = 5;
/** Rules without use that a warning names. */
const STALE_NAMED = 5;

/** Everything that is wrong, one sentence each: first what threatens the accounting, last what is merely odd. */
export function warningsOf(input: StatusInput, routes: readonly RouteStatus[]): readonly string[] {
  return [
    ...processWarnings(input),
    ...memberWarnings(input.members, input.now),
    ...routes.flatMap((route) => [...routeWarnings(route)]),
    ...queueWarnings(input),
    ...input.warnings,
    ...moduleWarning(input),
    ...staleRules(input),
    ...idleWarnings(input),
  ];
}

function* processWarnings(input: StatusInput): Generator<string> {
  if (input.killSwitch !== null) {
    yield `mirroring is off for every route, ${spellOverride(input.killSwitch)}; shadows miss what is written: crossfade mirror on`;
  }
  const { config, store, journal, log, webhook, telemetry } = input;
  if (config.error !== null) {
    yield `the changed config was refused and revision ${config.revision} stays in use: ${config.error}`;
  }
  if (store.problem !== null) yield `store: ${store.problem}`;
  if (store.lostWrites > 0) yield `store: ${plural(store.lostWrites, "write")} of evidence lost since the start`;
  if (input.memberProblem !== null) yield input.memberProblem;
  const { wanted, running } = input.workers;
  if (running < wanted) {
    yield `${running} of ${plural(wanted, "worker process", "worker processes")} run; those that ended are started again`;
  }
  if (journal.problem !== null) yield journal.problem;
  if (log.problem !== null) yield log.problem;
  if (log.lostLines > 0) yield `divergence log ${log.file}: ${plural(log.lostLines, "line")} lost since the start`;
  if (webhook !== null && webhook.failed + webhook.dropped > 0) {
    const problem = webhook.problem === null ? "" : ` (${webhook.problem})`;
    yield `webhook at ${webhook.origin}: ${plural(webhook.failed + webhook.dropped, "call")} given up since the start${problem}`;
  }
  if (telemetry !== null && telemetry.failed + telemetry.dropped > 0) {
    const problem = telemetry.problem === null ? "" : ` (${telemetry.problem})`;
    yield `telemetry to ${telemetry.origin}: ${plural(telemetry.failed + telemetry.dropped, "item")} lost since the start${problem}`;
  }
  for (const service of input.services) {
    if (service.problem !== null) yield `${service.name} at ${service.origin}: ${service.problem}`;
  }
  for (const [step, count] of Object.entries(input.caught)) {
    if (count > 0) yield `${step}: ${plural(count, "error")} caught; clients were not affected, the log has them`;
  }
}

function* routeWarnings(route: RouteStatus): Generator<string> {
  const unaccounted = unaccountedFor(route);
  if (unaccounted !== 0) {
    const sign = unaccounted > 0 ? "without an outcome" : "with more than one outcome";
    yield `${route.name}: ${spellCount(Math.abs(unaccounted))} of ${plural(route.eligible, route.unit.slice(0, -1))} ${sign}; the counts cannot be trusted`;
  }
  for (const override of route.overrides) {
    const { setting, value } = override;
    const what =
      setting === "reads"
        ? `${spellShare(value)} of reads are mirrored`
        : setting === "dial"
          ? `${spellShare(value)} of reads are answered by next`
          : `mirroring of writes is ${value ? "on" : "off"}`;
    yield `${route.name}: ${what}, ${spellOverride(override)}; to go back to the file: crossfade mirror unpin --route ${route.name}`;
  }
  if (route.gaps > 0) yield `${route.name}: ${plural(route.gaps, "gap")} in which accounting may be incomplete`;
  if (route.breaker === "open")
    yield `${route.name}: ${route.shadow ?? "the shadow"} keeps failing, its breaker is open: copies wait, and are given up at its maxAge`;
  if (route.breaker === "half-open")
    yield `${route.name}: ${route.shadow ?? "the shadow"} is being tried again after failures`;
  const failed = outcomeParts(route).filter((part) => FAILED.has(part.outcome) || FAILED.has(part.words));
  if (failed.length > 0) {
    yield `${route.name}: not compared: ${failed.map((part) => `${spellCount(part.count)} ${part.words}`).join(", ")}`;
  }
  if (route.repairs > 0) {
    const parked = route.parked === 0 ? "" : ` (${spellCount(route.parked)} parked)`;
    yield `${route.name}: ${plural(route.repairs, "key")} to repair${parked}, not known to be equal on both sides: crossfade repair --route ${route.name}`;
  }
  // Where the barrier is between, there is a sentence on it already.
  if (route.phase !== route.wanted && !crossesBarrier(route.phase, route.wanted))
    yield `${route.name}: the config wants ${route.wanted}, ${route.phase} acts`;
}

const FAILED: ReadonlySet<string> = new Set([
  "shadow-error",
  "shadow-timeout",
  "dropped",
  "unknown",
  "skipped(expired)",
]);

/** `pinned by ops at 2026-11-26T12:00:00.000Z (next is down)` */
function spellOverride({ by, at, reason }: Override): string {
  return `pinned by ${by} at ${at}${reason === null ? "" : ` (${reason})`}`;
}

function* queueWarnings({ queue, journal }: StatusInput): Generator<string> {
  const { bytes, limitBytes, waiting } = journal;
  if (waiting > 0) {
    const down = queue.headroomSeconds === null ? null : spellSpan(queue.headroomSeconds * 1000);
    const left = down === null ? "" : `; it may stay down about ${down} before writes drop`;
    yield `${plural(waiting, "write")} wait in the journal for their shadow, since memory has no room for more${left}`;
  }
  if (limitBytes !== null && bytes >= limitBytes * NEARLY_FULL) {
    yield `${spellBytes(bytes)} of ${spellBytes(limitBytes)} of the journal are in use; when it is full, writes are forwarded unjournaled`;
  }
  if (queue.bytes >= queue.limitBytes * NEARLY_FULL) {
    yield `${spellBytes(queue.bytes)} of ${spellBytes(queue.limitBytes)} for waiting copies are in use; when they are full, copies drop`;
  }
  if (queue.spoolBytes >= queue.spoolLimitBytes * NEARLY_FULL) {
    yield `${spellBytes(queue.spoolBytes)} of ${spellBytes(queue.spoolLimitBytes)} of the spool are in use; when it is full, copies drop`;
  }
  if (queue.headroomSeconds !== null && queue.headroomSeconds < SHORT_HEADROOM_S) {
    yield `copies drop in about ${spellSpan(queue.headroomSeconds * 1000)} at the present rate`;
  }
}

/** One sentence, however many routes share a module. */
function* moduleWarning({ routes }: StatusInput): Generator<string> {
  const failing = routes.flatMap(({ name, module }) => {
    if (module === null || module.failures.length === 0) return [];
    const failures = module.failures.map(({ step, times, last }) => `${step} ${last} (${plural(times, "time")})`);
    const off = module.isOff ? ["switched off until a changed config or module is loaded"] : [];
    return [`${name}: ${[...failures, ...off].join(", ")}`];
  });
  if (failing.length === 0) return;
  const more = failing.length > MODULES_NAMED ? `; and ${failing.length - MODULES_NAMED} more` : "";
  const named = failing.slice(0, MODULES_NAMED).join("; ");
  yield `compare.module failed on ${plural(failing.length, "route")}, and rules alone decided: ${named}${more}`;
}

/** A rule that nobody needs any more may hide what nobody expects. */
function* staleRules({ routes }: StatusInput): Generator<string> {
  for (const { name, rules } of routes) {
    const stale = rules.filter((rule) => rule.stale).map(({ rule }) => rule);
    if (stale.length === 0) continue;
    const more = stale.length > STALE_NAMED ? ` and ${stale.length - STALE_NAMED} more` : "";
    const named = stale.slice(0, STALE_NAMED).join(", ");
    yield `${name}: ${plural(stale.length, "rule")} excused nothing in 1,000 comparisons and may go: ${named}${more}`;
  }
}

function* idleWarnings(input: StatusInput): Generator<string> {
  const up = input.now - input.startedAt;
  if (up < IDLE_AFTER_MS || input.killSwitch !== null) return;
  for (const route of input.routes) {
    if (route.shadow !== null && !route.seen) {
      yield `${route.name}: mirrors, but nothing eligible came in the ${spellSpan(up)} since the start`;
    }
  }
}
