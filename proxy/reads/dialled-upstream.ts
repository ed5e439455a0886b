/** next as a read that falls to it is asked there, and legacy behind it, whose word counts where next's does not. */
import type { ClientMapping } from "../ids/client-mapping.ts";
import { hostFor, type ServiceSettings, serviceOf } from "../config/settings.ts";
import type { Dial } from "./dial.ts";
import type { RequestHead, RouteFound, Snapshot } from "../exchange.ts";
import { secondChoiceUpstream } from "../forward/second-choice.ts";
import { endToEndHeaders } from "../headers.ts";
import type { Upstream } from "../ports.ts";
import type { Trace } from "../tracing/trace.ts";
import { tracedHeaders } from "../tracing/tracing.ts";

export interface DialledParts {
  readonly upstream: (role: "primary", service: ServiceSettings) => Upstream;
  readonly clients: ClientMapping;
  readonly dial: Pick<Dial, "count">;
  readonly caught: (step: string, error: unknown) => void;
}

export interface DialledUpstream {
  readonly upstream: Upstream;
  /** Once it is known. */
  readonly answeredBy: () => ServiceSettings;
}

/** `trace` null: it is not traced. */
export function dialledUpstream(
  parts: DialledParts,
  {
    snapshot,
    request,
    found,
  }: { readonly snapshot: Snapshot; readonly request: RequestHead; readonly found: RouteFound },
  trace: Trace | null,
): DialledUpstream {
  const { route } = found;
  const [legacy, next] = [serviceOf(snapshot.settings, "legacy"), serviceOf(snapshot.settings, route.next)];
  const asked = { snapshot, request, found };
  const [atLegacy, atNext] = [parts.clients.of(asked), parts.clients.dialled(asked)];
  const [old, fresh] = [parts.upstream("primary", legacy), parts.upstream("primary", next)];
  const headers = endToEndHeaders(request, { host: hostFor(next), proto: request.scheme });
  let answering: ServiceSettings | null = null;
  const upstream = secondChoiceUpstream({
    first: {
      upstream: atNext === null ? fresh : atNext(fresh),
      request: {
        headers: trace === null ? headers : tracedHeaders(headers, trace, trace.spans.primary),
        headersTimeoutMs: next.asShadow.timeoutMs,
        bodyTimeoutMs: next.asPrimary.idleTimeoutMs ?? 0,
        totalTimeoutMs: next.asPrimary.totalTimeoutMs ?? 0,
      },
    },
    second: { upstream: atLegacy === null ? old : atLegacy(old) },
    taken: (status) => status < 400,
    chosen: (which) => {
      // Once more where legacy's connection broke, and it is asked again.
      if (answering !== null) return;
      answering = which === "first" ? next : legacy;
      try {
        parts.dial.count(route.name, which === "first" ? "next" : "asked-again");
      } catch (error) {
        parts.caught("dial", error);
      }
    },
  });
  return { upstream, answeredBy: () => answering ?? next };
}
