/**
 * What an operator has set over the file: the kill switch, what of a route is mirrored, and who answers its reads. It holds (it is *pinned*)
 * until it is taken back. Precedence: kill switch > override > route > defaults (docs/semantics.md). Pure.
 */
import type { RouteSettings, Settings } from "../config/settings.ts";
import { PHASE_ROLES } from "./phases.ts";

/** Who has set it, when, and why. */
interface Pinned {
  /** The token's name. */
  readonly by: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly reason: string | null;
}

/**
 * `mirror`: whether writes are mirrored. `reads`: the share of reads that is, 0 to 1. `dial`: the share of reads that next answers,
 * 0 to 1. `route` null: all of them.
 */
export type Override = Pinned &
  (
    | { readonly route: string | null; readonly setting: "mirror"; readonly value: boolean }
    | { readonly route: string; readonly setting: "reads" | "dial"; readonly value: number }
  );

export type OverrideSetting = Override["setting"];

/** The kill switch is an override of all routes: it can only be off. */
export function killSwitch(overrides: readonly Override[]): Override | null {
  return (
    overrides.find(({ route, setting, value }) => route === null && setting === "mirror" && value === false) ?? null
  );
}

export function overridesOf(overrides: readonly Override[], route: string): readonly Override[] {
  return overrides.filter((override) => override.route === route);
}

/** The settings that act. Overrides of routes that the settings no longer have do nothing. */
export function withOverrides(settings: Settings, overrides: readonly Override[]): Settings {
  if (!overrides.some(({ route }) => route !== null)) return settings;
  return { ...settings, routes: settings.routes.map((route) => withOwn(route, overridesOf(overrides, route.name))) };
}

function withOwn(route: RouteSettings, own: readonly Override[]): RouteSettings {
  let { writes, readShare } = route.mirror;
  let { dialShare } = route.reads;
  for (const { setting, value } of own) {
    if (setting === "mirror") writes = value;
    else if (setting === "reads") readShare = value;
    else dialShare = value;
  }
  // Pinned before the route was said to share its database: it may never act.
  if (route.sharedDatabase) writes = false;
  if (own.length === 0) return route;
  return { ...route, mirror: { ...route.mirror, writes, readShare }, reads: { ...route.reads, dialShare } };
}

/** Replaces what was set before of the same thing; with `value` null it is taken back. */
export function changeOverrides(
  overrides: readonly Override[],
  change: Pick<Override, "route" | "setting">,
  put: Override | null,
): readonly Override[] {
  const others = overrides.filter(({ route, setting }) => route !== change.route || setting !== change.setting);
  return put === null ? others : [...others, put];
}

/**
 * Routes whose writes the file wants mirrored and an override keeps from it: the shadow misses writes that are not
 * counted as eligible, so that its state is in doubt from the first moment on.
 */
export function pausedRoutes(file: Settings, overrides: readonly Override[]): readonly string[] {
  const killed = killSwitch(overrides) !== null;
  return file.routes
    .filter((route) => {
      if (PHASE_ROLES[route.phase].shadow === null || route.sharedDatabase) return false;
      const own = overridesOf(overrides, route.name).find(({ setting }) => setting === "mirror");
      const wanted = route.mirror.writes || own?.value === true;
      return wanted && (killed || own?.value === false);
    })
    .map(({ name }) => name);
}
