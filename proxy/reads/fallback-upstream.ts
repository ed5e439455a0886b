/** next as a read of one entity is asked of it while it is the primary, and legacy behind it, for what next has not. */
import type { Asked, ClientMapping } from "../ids/client-mapping.ts";
import { hostFor, type ServiceSettings, serviceOf } from "../config/settings.ts";
import { headerOf } from "../exchange.ts";
import type { Fallback } from "./fallback.ts";
import { type MissEnd, missedUpstream } from "../forward/missed-upstream.ts";
import type { Patience } from "../forward/patience.ts";
import { endToEndHeaders } from "../headers.ts";
import type { Clock, Upstream } from "../ports.ts";
import type { WholeRead } from "../route/pin-names.ts";
import type { Trace } from "../tracing/trace.ts";
import { tracedHeaders } from "../tracing/tracing.ts";

export interface FallbackUpstreamParts {
  readonly upstream: (role: "primary", service: ServiceSettings) => Upstream;
  readonly clients: Pick<ClientMapping, "fallenBack">;
  readonly fallback: Fallback;
  readonly patience: Patience;
  readonly clock: Pick<Clock, "monotonic">;
  readonly caught: (step: string, error: unknown) => void;
}

export interface FallbackUpstream {
  /** `mapped`: how clients see next; null: as it is. */
  readonly around: (mapped: ((next: Upstream) => Upstream) | null) => (next: Upstream) => Upstream;
  /** Once it is known. */
  readonly answeredBy: () => ServiceSettings;
  /** Once it is known: whether the client has legacy's answer. */
  readonly isLegacys: () => boolean;
}

const RESULT_OF = { second: "legacy", neither: "neither", unasked: "unasked", failed: "failed" } as const;

/** `trace` null: it is not traced. */
export function fallbackUpstream(
  parts: FallbackUpstreamParts,
  asked: Asked,
  { key, names }: WholeRead,
  trace: Trace | null,
): FallbackUpstream {
  const { snapshot, request, found } = asked;
  const route = found.route.name;
  const legacy = serviceOf(snapshot.settings, "legacy");
  const { fallback, patience, clock } = parts;
  const headers = endToEndHeaders(request, { host: hostFor(legacy), proto: request.scheme });
  let waits = false;
  let isLegacys = false;

  const stopWaiting = (isAnswered: boolean | null): void => {
    if (!waits) return;
    waits = false;
    if (isAnswered === null) patience.left();
    else patience.ended(isAnswered, clock.monotonic());
  };
  /** Whoever may ask waits for legacy, for as long as there is patience for it. */
  const begin = (mayAsk: boolean): boolean => {
    waits = mayAsk && patience.begin(clock.monotonic());
    return waits;
  };
  const ended = (end: MissEnd): void => {
    stopWaiting(end === "unasked" ? null : end !== "failed");
    isLegacys = end === "second";
    try {
      fallback.count(route, RESULT_OF[end]);
      const host = headerOf(request.headers, "host");
      if (isLegacys) fallback.missed({ route, key, path: request.path, host, names });
    } catch (error) {
      parts.caught("fallback", error);
    }
  };

  const atLegacy = parts.clients.fallenBack(asked);
  const old = parts.upstream("primary", legacy);
  const second = {
    upstream: atLegacy === null ? old : atLegacy(old),
    request: {
      headers: trace === null ? headers : tracedHeaders(headers, trace, trace.spans.primary),
      headersTimeoutMs: legacy.asShadow.timeoutMs,
      bodyTimeoutMs: legacy.asPrimary.idleTimeoutMs ?? 0,
      totalTimeoutMs: legacy.asPrimary.totalTimeoutMs ?? 0,
    },
  };
  return {
    around: (mapped) => (next) =>
      missedUpstream({
        first: mapped === null ? next : mapped(next),
        second,
        mayAsk() {
          const answer = fallback.mayAsk({ route, names, revision: snapshot.revision });
          return answer instanceof Promise ? answer.then(begin) : begin(answer);
        },
        has: (status) => (HAS_IT.has(status) ? true : HAS_IT_NOT.has(status) ? false : null),
        withinMs: legacy.asShadow.timeoutMs,
        ended,
        left: () => stopWaiting(null),
      }),
    answeredBy: () => (isLegacys ? legacy : serviceOf(snapshot.settings, found.route.next)),
    isLegacys: () => isLegacys,
  };
}

/** 206 and 304: to what a client asks on conditions, or in part. */
const HAS_IT: ReadonlySet<number> = new Set([200, 203, 206, 304]);
const HAS_IT_NOT: ReadonlySet<number> = new Set([404, 410]);
