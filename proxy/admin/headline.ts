import { PHASE_ROLES } from "../moves/phases.ts";
import type { StatusInput } from "./parts.ts";
import { plural, spellCount, spellShare, spellSpan } from "./sentences.ts";
import { hasOpenCause, type RouteStatus } from "./route-status.ts";

const NAMED_ROUTES = 3;

/** A route that mirrors and has seen nothing for this long after the start is probably not where the traffic is. */
export const IDLE_AFTER_MS = 10 * 60_000;

/**
 * One sentence for somebody who reads no second one: what stands against a cutover, else that nothing comes, else what is known,
 * and of how much. `warnings`: whatever else is wrong; beside any of them nothing is called quiet.
 */
export function headlineOf(input: StatusInput, routes: readonly RouteStatus[], warnings: readonly string[]): string {
  if (input.notReady !== null) return `Not ready: ${input.notReady}.`;
  if (input.killSwitch !== null) return "Mirroring is off: nothing is sent to a shadow and nothing is compared.";

  const notCompared = notComparedIn(routes);
  const rest = notCompared === 0 ? "" : ` ${spellCount(notCompared)} more could not be compared.`;
  const divergent = routes.filter(hasOpenCause);
  if (divergent.length > 0) return `${disagreement(divergent)}${rest}`;

  const compared = comparedIn(routes);
  const idle = idleness(input, routes);
  if (compared > 0) {
    const quiet = `${warnings.length === 0 ? "All quiet" : "No difference is open"}: ${agreement(routes, compared)}.${rest}`;
    return idle === null ? quiet : `${idle} ${quiet}`;
  }
  if (notCompared > 0)
    return `Nothing could be compared: all ${plural(notCompared, "copy", "copies")} failed or were given up.`;
  if (routes.every((route) => route.shadow === null))
    return "No route mirrors: every request goes to its primary alone.";
  const up = spellSpan(input.now - input.startedAt);
  if (routes.every((route) => route.eligible === 0))
    return idle ?? `Mirroring is idle: nothing to copy has come in the ${up} since the start.`;
  return `Nothing has been compared yet, ${up} after the start: no mirrored exchange has ended.`;
}

/** `Not safe to cut over users: 31 of 18,192 compared exchanges differ (0.17 %, 2 open causes).` */
function disagreement(divergent: readonly RouteStatus[]): string {
  const before = divergent.filter(({ phase }) => PHASE_ROLES[phase].primary === "legacy");
  const routes = (before.length > 0 ? before : divergent).toSorted(
    (a, b) => b.outcomes.divergent - a.outcomes.divergent,
  );
  const count = sumOf(routes, ({ outcomes }) => outcomes.divergent);
  const compared = comparedIn(routes);
  const open = sumOf(routes, ({ causes }) => (causes === null ? 0 : causes.new + causes.regressed));
  const regressed = sumOf(divergent, ({ causes }) => causes?.regressed ?? 0);
  const causes = open === 0 ? "" : `, ${plural(open, "open cause")}`;
  const head = before.length > 0 ? "Not safe to cut over" : "The services disagree after the cutover of";
  const verb = count === 1 ? "differs" : "differ";
  const differ = `${spellCount(count)} of ${plural(compared, "compared exchange")} ${verb} (${spellShare(count / compared)}${causes}).`;
  const after = divergent.length - routes.length;
  const also = after === 0 ? "" : ` So ${after === 1 ? "does" : "do"} ${plural(after, "route")} after the cutover.`;
  const back = regressed === 0 ? "" : ` ${plural(regressed, "cause")} came back.`;
  return `${head} ${namesOf(routes)}: ${differ}${also}${back}`;
}

/** `18,011 of 18,204 match, 150 excused, 2 known causes` */
function agreement(routes: readonly RouteStatus[], compared: number): string {
  const excused = sumOf(routes, ({ outcomes }) => outcomes.ignored);
  const known = sumOf(routes, ({ causes }) => (causes === null ? 0 : causes.acknowledged + causes.fixed));
  const parts = [`${spellCount(sumOf(routes, ({ outcomes }) => outcomes.match))} of ${spellCount(compared)} match`];
  if (excused > 0) parts.push(`${spellCount(excused)} excused`);
  if (known > 0) parts.push(plural(known, "known cause"));
  return parts.join(", ");
}

/** Counts outlast the process: that there are some does not say that any come. */
function idleness({ now, startedAt, routes: seen }: StatusInput, routes: readonly RouteStatus[]): string | null {
  const up = now - startedAt;
  const isIdle = seen.every((route) => route.shadow === null || !route.seen);
  if (up < IDLE_AFTER_MS || !isIdle || routes.every((route) => route.shadow === null)) return null;
  return `Mirroring is idle: nothing to copy has come in the ${spellSpan(up)} since the start.`;
}

/** `users`, `r5, r4, r3 and 2 more` */
function namesOf(routes: readonly RouteStatus[]): string {
  const named = routes.slice(0, NAMED_ROUTES).map(({ name }) => name);
  const further = routes.length - named.length;
  return named.join(", ") + (further > 0 ? ` and ${spellCount(further)} more` : "");
}

function comparedIn(routes: readonly RouteStatus[]): number {
  return sumOf(routes, ({ outcomes }) => outcomes.match + outcomes.ignored + outcomes.divergent);
}

function notComparedIn(routes: readonly RouteStatus[]): number {
  return sumOf(
    routes,
    ({ outcomes, reasons }) =>
      outcomes["shadow-error"] +
      outcomes["shadow-timeout"] +
      outcomes.dropped +
      outcomes.unknown +
      (reasons.expired ?? 0),
  );
}

function sumOf(routes: readonly RouteStatus[], countOf: (route: RouteStatus) => number): number {
  return routes.reduce((sum, route) => sum + countOf(route), 0);
}
