/** The effective route table, as `crossfade check` prints it. */
import { PHASE_ROLES, serviceNameFor } from "../moves/phases.ts";
import { alignColumns } from "./columns.ts";
import { spellLocator } from "./locator.ts";
import type { Phase, RouteMatch, Settings } from "./settings.ts";
import { spellShare } from "./units.ts";

export interface RouteRow {
  readonly name: string;
  /** `GET,POST api.example.com/users/** x-tenant=acme` */
  readonly match: string;
  readonly phase: Phase;
  /** Names of services. */
  readonly primary: string;
  readonly shadow: string | null;
  /** accepted: once the primary accepted them. */
  readonly writes: "off" | "accepted" | "always";
  /** `5%` */
  readonly reads: string;
  readonly key: readonly string[];
  /** Of a batch; else empty. */
  readonly keys: readonly string[];
}

export function routeRows({ routes }: Settings): readonly RouteRow[] {
  return routes.map((route) => {
    const { primary, shadow } = PHASE_ROLES[route.phase];
    const mirrors = shadow !== null;
    return {
      name: route.name,
      match: spellMatch(route.match),
      phase: route.phase,
      primary: serviceNameFor(primary, route),
      shadow: shadow === null ? null : serviceNameFor(shadow, route),
      writes: mirrors && route.mirror.writes ? route.mirror.when : "off",
      reads: spellShare(mirrors ? route.mirror.readShare : 0),
      key: route.key.map(spellLocator),
      keys: route.keys.map(spellLocator),
    };
  });
}

export function spellMatch({ path, methods, host, headers }: RouteMatch): string {
  const conditions = headers.map(([name, value]) => `${name}=${value}`);
  const where = `${host ?? ""}${path}`;
  return [...(methods === null ? [] : [methods.join(",")]), where, ...conditions].join(" ");
}

/** Lines: a heading and one line a route, columns aligned. */
export function formatRouteTable(settings: Settings, width?: number): readonly string[] {
  const heading = ["route", "match", "phase", "primary → shadow", "writes", "reads", "key"];
  const rows = routeRows(settings).map(({ name, match, phase, primary, shadow, writes, reads, key, keys }) => [
    name,
    match,
    phase,
    `${primary} → ${shadow ?? "-"}`,
    writes,
    reads,
    keys.length === 0 ? key.join(", ") : `all of ${keys.join(", ")}; else ${key.join(", ")}`,
  ]);
  return alignColumns([heading, ...rows], width);
}
