/** The phase table: who is the source of truth, and who receives the copies (docs/semantics.md, "Phases"). */
import type { Phase, RouteSettings } from "../config/settings.ts";
import type { Identity } from "../exchange.ts";

export interface PhaseRoles {
  readonly primary: Identity;
  readonly shadow: Identity | null;
}

export const PHASE_ROLES: Readonly<Record<Phase, PhaseRoles>> = {
  "legacy-only": { primary: "legacy", shadow: null },
  "dual-write": { primary: "legacy", shadow: "next" },
  backfilling: { primary: "legacy", shadow: "next" },
  "next-primary": { primary: "next", shadow: "legacy" },
  "next-only": { primary: "next", shadow: null },
};

/** Of a route, who has to have its tunnels and event streams; null: they stay where they are. */
export function streamPrimaries({
  routes,
}: {
  readonly routes: readonly Pick<RouteSettings, "name" | "phase" | "keepStreams">[];
}): (route: string) => Identity | null {
  const of = new Map(
    routes.map(({ name, phase, keepStreams }) => [name, keepStreams ? null : PHASE_ROLES[phase].primary]),
  );
  return (route) => of.get(route) ?? null;
}

/** The name of the service that `identity` is for a route: its `next` may be called otherwise. */
export function serviceNameFor(identity: Identity, route: { readonly next: string }): string {
  return identity === "legacy" ? "legacy" : route.next;
}
