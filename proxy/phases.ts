/** The phase table: who is the source of truth, and who receives the copies (docs/semantics.md, "Phases"). */
import type { Phase } from "./config/settings.ts";
import type { Identity } from "./exchange.ts";

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

/** The name of the service that `identity` is for a route: its `next` may be called otherwise. */
export function serviceNameFor(identity: Identity, route: { readonly next: string }): string {
  return identity === "legacy" ? "legacy" : route.next;
}
