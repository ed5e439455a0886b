import { createTraceState, type HrTime, type SpanContext, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import type { EndedSpan } from "../../proxy/tracing/spans.ts";
import type { Scope } from "./resource.ts";

const KINDS: Readonly<Record<EndedSpan["kind"], SpanKind>> = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  internal: SpanKind.INTERNAL,
};

/** As the SDK's processors and exporters take a span that has ended. */
export function readableSpan(span: EndedSpan, resource: Resource, instrumentationScope: Scope): ReadableSpan {
  const { traceId, spanId, parentId, isParentOurs, state, linkedTo, startedAt, ms } = span;
  const traceFlags = Number.parseInt(span.flags, 16);
  const context: SpanContext = {
    traceId,
    spanId,
    traceFlags,
    ...(state === null ? {} : { traceState: createTraceState(state) }),
  };
  const startTime = hrTimeOf(startedAt);
  return {
    name: span.name,
    kind: KINDS[span.kind],
    spanContext: () => context,
    ...(parentId === null
      ? {}
      : { parentSpanContext: { traceId, spanId: parentId, traceFlags, isRemote: !isParentOurs } }),
    startTime,
    endTime: hrTimeOf(startedAt + ms),
    duration: hrTimeOf(ms),
    ended: true,
    status: { code: span.hasFailed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    attributes: Object.fromEntries(Object.entries(span.attributes).map(([name, value]) => [name, plain(value)])),
    links: linkedTo === null ? [] : [{ context: { traceId, spanId: linkedTo, traceFlags } }],
    events: [],
    resource,
    instrumentationScope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

/** Of ms with fractions, to the microsecond: more digits than a double has at this time of the world. */
export function hrTimeOf(ms: number): HrTime {
  const micros = Math.round(ms * 1000);
  return [Math.trunc(micros / 1_000_000), (micros % 1_000_000) * 1000];
}

function plain(value: string | number | readonly string[]): string | number | string[] {
  return typeof value === "object" ? [...value] : value;
}
