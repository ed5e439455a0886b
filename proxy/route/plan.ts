import type { Phase, RouteSettings } from "../config/settings.ts";
import { headerOf, type NotMirroredWhy, type Plan, type RequestClass, type RequestHead } from "../exchange.ts";
import { PHASE_ROLES } from "../moves/phases.ts";

export interface PlanInput {
  readonly phase: Phase;
  readonly requestClass: RequestClass;
  readonly mirrorWrites: boolean;
  /** 0 to 1. */
  readonly readShare: number;
  /** Where this request's entity key falls in [0, 1); only looked at for reads with a share between 0 and 1. */
  readonly samplePoint: () => number;
  /** The kill switch: false turns all mirroring off. */
  readonly mirroringEnabled: boolean;
}

/** Decides the roles of both services for one request. Pure; the same for all five phases. */
export function planExchange(input: PlanInput): Plan {
  const { primary, shadow } = PHASE_ROLES[input.phase];
  const { requestClass } = input;
  const notMirrored = (why: NotMirroredWhy): Plan => ({ primary, shadow: null, mirror: false, requestClass, why });
  if (shadow === null) return notMirrored("phase-does-not-mirror");
  if (!input.mirroringEnabled) return notMirrored("mirroring-off");
  if (requestClass === "write") {
    if (!input.mirrorWrites) return notMirrored("writes-off");
  } else {
    if (input.readShare <= 0) return notMirrored("reads-off");
    if (input.readShare < 1 && input.samplePoint() >= input.readShare) return notMirrored("read-not-sampled");
  }
  return { primary, shadow, mirror: true, requestClass };
}

/** Methods that RFC 9110, 4918, 3253, 5323 and 10008 (QUERY) call safe; every other one is a write. */
const SAFE_METHODS: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "PROPFIND",
  "REPORT",
  "SEARCH",
  "QUERY",
]);

/**
 * `override` is the value of `x-http-method-override` (or its two cousins), honoured on POST only: the services behind
 * the proxy act on it, so a POST that says DELETE is a write and one that says GET reads.
 */
export function classifyRequest(
  method: string,
  treatAs: RouteSettings["treatAs"],
  override: string | null,
): RequestClass {
  if (treatAs === "write" || treatAs === "read") return treatAs;
  // A mutation by GET is refused by servers (GraphQL over HTTP, 6.2); of a POST the body tells, once it is there.
  if (treatAs === "graphql") return SAFE_METHODS.has(method) ? "read" : "write";
  const effective = method === "POST" && override !== null ? override.toUpperCase() : method;
  return SAFE_METHODS.has(effective) ? "read" : "write";
}

/** The three spellings that frameworks act on (Express's method-override, Symfony, Google's APIs). */
export function methodOverride(head: RequestHead): string | null {
  if (head.method !== "POST") return null;
  return (
    headerOf(head.headers, "x-http-method-override") ??
    headerOf(head.headers, "x-http-method") ??
    headerOf(head.headers, "x-method-override")
  );
}
