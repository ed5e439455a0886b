import { endpointOf } from "../endpoint.ts";
import { staysHere } from "./addresses.ts";
import type { RouteSettings, ServiceSettings } from "./settings.ts";

/** Why Crossfade may write nothing of its own to a service, beyond reading it, for this route; null: it may. */
export function whyNoWrites(
  route: Pick<RouteSettings, "sharedDatabase" | "mirror">,
  service: Pick<ServiceSettings, "name" | "origin" | "effects">,
): string | null {
  if (route.sharedDatabase)
    return "both services use one database (sharedDatabase): what differs is what they make of it";
  if (service.effects === "suppressed" || service.effects === "sandboxed") return null;
  if (route.mirror.acceptRealEffects !== null || staysHere(endpointOf(service.origin))) return null;
  const declared = service.effects === null ? "are not declared" : "are real";
  return `the effects of ${service.name} ${declared}; write effects: suppressed (or sandboxed) at services.${service.name}, or accept them at the route: mirror: { acceptRealEffects: … }`;
}
