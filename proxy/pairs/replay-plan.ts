/**
 * Whether a stored request can be sent again, and to whom. A read goes to both services; a write to the shadow alone, for
 * the primary applied it long ago. What is redacted cannot be sent, unless the file says what a service gets in its place.
 * Pure.
 */
import { type ServiceSettings, serviceOf } from "../config/settings.ts";
import type { RawHeaders, RequestClass, RequestHead, RouteFound, Snapshot } from "../exchange.ts";
import { CREDENTIAL_HEADERS } from "../mirror/shadow-request.ts";
import { PHASE_ROLES, serviceNameFor } from "../moves/phases.ts";
import type { ReplayRefusal, ReplayRequest } from "../evidence/replay-request.ts";
import { classifyRequest, methodOverride } from "../route/plan.ts";
import type { StoredPair } from "../evidence/stored-pair.ts";
import { headOf } from "./recompare.ts";

export interface ReplayPlan {
  readonly found: RouteFound;
  /** Without what is redacted and what framed the body. */
  readonly head: RequestHead;
  readonly body: Buffer;
  readonly requestClass: RequestClass;
  readonly primary: ServiceSettings;
  readonly shadow: ServiceSettings;
  readonly identities: { readonly primary: "legacy" | "next"; readonly shadow: "legacy" | "next" };
}

export interface Refused {
  readonly why: ReplayRefusal;
  /** What stands in the way, and the way out. */
  readonly detail: string;
}

/** The body is kept without its coding, and is sent whole. */
const NOT_SENT = new Set(["content-length", "content-encoding", "transfer-encoding", "te", "trailer", "expect"]);

export function planReplay(
  pair: StoredPair,
  { settings, router }: Snapshot,
  mirroringEnabled: boolean,
  request: ReplayRequest,
): ReplayPlan | Refused {
  const { redacted, body } = pair.request;
  const refuse = (why: ReplayRefusal, detail: string): Refused => ({ why, detail });
  if (redacted.includes("target")) return refuse("redacted", "a part of its target is redacted");
  const head = headOf({ ...pair.request, headers: sendable(pair.request.headers, redacted) });
  const found = router.match(head);
  if (found === null || found.route.name !== pair.route) {
    const taken = found === null ? "no route takes it" : `the route ${found.route.name} takes it`;
    return refuse("route-gone", `it was recorded of the route ${pair.route}, and ${taken} now`);
  }
  const { route } = found;
  const roles = PHASE_ROLES[route.phase];
  if (roles.shadow === null) return refuse("not-mirrored", `the phase ${route.phase} of ${route.name} mirrors nothing`);
  if (!mirroringEnabled) return refuse("not-mirrored", "all mirroring is off");
  const requestClass = classifyRequest(head.method, route.treatAs, methodOverride(head));
  if (requestClass === "write" && !route.mirror.writes)
    return refuse("not-mirrored", `mirror.writes of ${route.name} is false: its writes are not sent to the shadow`);
  if (!("text" in body) || redacted.includes("body")) return refuse("redacted", "its body is redacted");
  const primary = serviceOf(settings, serviceNameFor(roles.primary, route));
  const shadow = serviceOf(settings, serviceNameFor(roles.shadow, route));
  const hidden = redacted.flatMap((place) => (place.startsWith("header:") ? place.slice("header:".length) : []));
  const asked = requestClass === "read" ? [primary, shadow] : [shadow];
  for (const service of asked) {
    const missing = hidden.filter((name) => !isSaid(name, service, service === shadow));
    if (missing.length === 0) continue;
    const way = `say what ${service.name} gets in its place: services.${service.name}.own.headers`;
    return refuse("redacted", `its header ${missing.join(", ")} is redacted; ${way}`);
  }
  if (requestClass === "write" && shadow.idempotency !== "honoured" && !request.force) {
    const why = `${shadow.name} may apply it twice: it does not declare idempotency: honoured`;
    return refuse("needs-force", `${head.method} is a write, and ${why}; force it, with a reason`);
  }
  const identities = { primary: roles.primary, shadow: roles.shadow };
  return { found, head, body: Buffer.from(body.text), requestClass, primary, shadow, identities };
}

function sendable(headers: RawHeaders, redacted: readonly string[]): RawHeaders {
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    if (NOT_SENT.has(name) || redacted.includes(`header:${name}`)) continue;
    kept.push(headers[i] as string, headers[i + 1] as string);
  }
  return kept;
}

/** Whether the file says what the service gets for it: a value of its own, or (of the shadow) nothing at all. */
function isSaid(name: string, { own, asShadow }: ServiceSettings, isShadow: boolean): boolean {
  const isSet = (headers: ServiceSettings["own"]["headers"]): boolean => headers.some(([set]) => set === name);
  if (isSet(own.headers)) return true;
  return (
    isShadow && (isSet(asShadow.headers) || (asShadow.credentials === "strip" && CREDENTIAL_HEADERS.includes(name)))
  );
}
