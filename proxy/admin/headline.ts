import type { StatusInput } from "./parts.ts";
import { plural, spellCount, spellShare, spellSpan } from "./sentences.ts";
import { hasOpenCause, type RouteStatus } from "./route-status.ts";

const NAMED_ROUTES = 3;

/** One sentence for somebody who reads no second one: what is wrong, else what is known, and of how much. */
export function headlineOf(input: StatusInput, routes: readonly RouteStatus[]): string {
  if (input.notReady !== null) return `Not ready: ${input.notReady}.`;
  if (input.killSwitch !== null) return "Mirroring is off: nothing is sent to a shadow and nothing is compared.";

  const total = (kind: keyof RouteStatus["outcomes"]): number =>
    routes.reduce((sum, route) => sum + route.outcomes[kind], 0);
  const compared = total("match") + total("ignored") + total("divergent");
  const expired = routes.reduce((sum, route) => sum + (route.reasons.expired ?? 0), 0);
  const notCompared = total("shadow-error") + total("shadow-timeout") + total("dropped") + total("unknown") + expired;
  const rest = notCompared === 0 ? "" : ` ${spellCount(notCompared)} more could not be compared.`;

  const divergent = routes.filter(hasOpenCause);
  if (divergent.length > 0) {
    divergent.sort((a, b) => b.outcomes.divergent - a.outcomes.divergent);
    const named = divergent.slice(0, NAMED_ROUTES).map((route) => {
      const share = spellShare(route.divergenceRate ?? 0);
      return `${route.name} (${spellCount(route.outcomes.divergent)}, ${share})`;
    });
    const further = divergent.length - named.length;
    const list = named.join(", ") + (further > 0 ? ` and ${spellCount(further)} more` : "");
    const regressed = divergent.reduce((sum, route) => sum + (route.causes?.regressed ?? 0), 0);
    const back = regressed === 0 ? "" : ` ${plural(regressed, "cause")} came back.`;
    const count = divergent.reduce((sum, route) => sum + route.outcomes.divergent, 0);
    return `The services disagree in ${spellCount(count)} of ${spellCount(compared)} compared exchanges: ${list}.${back}${rest}`;
  }
  if (total("divergent") > 0) return `${dealtWith(routes, total("divergent"), compared)}${rest}`;
  if (compared > 0) return `No difference in ${plural(compared, "compared exchange")}.${rest}`;
  if (notCompared > 0)
    return `Nothing could be compared: all ${plural(notCompared, "copy", "copies")} failed or were given up.`;
  if (routes.every((route) => route.shadow === null))
    return "No route mirrors: every request goes to its primary alone.";
  const up = spellSpan(input.now - input.startedAt);
  return `Nothing has been compared yet, ${up} after the start: no mirrored exchange has ended.`;
}

function dealtWith(routes: readonly RouteStatus[], divergent: number, compared: number): string {
  const sumOf = (state: "acknowledged" | "fixed"): number =>
    routes.reduce((sum, route) => sum + (route.causes?.[state] ?? 0), 0);
  const states = (["acknowledged", "fixed"] as const).filter((state) => sumOf(state) > 0);
  const causes = states.map((state) => `${plural(sumOf(state), "cause")} ${state}`).join(", ");
  const exchanges = `${spellCount(divergent)} of ${plural(compared, "compared exchange")}`;
  return `No difference is open: the services disagree in ${exchanges}, and that is dealt with (${causes}).`;
}
