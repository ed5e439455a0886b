/** Which requests are traced, and what the services are told of it. */
import type { RawHeaders } from "../exchange.ts";
import { makeTraceId, randomHex } from "../identity.ts";
import type { Clock } from "../ports.ts";
import type { ToldTrace, Trace } from "./trace.ts";
import {
  clientTraceState,
  isSampled,
  maySample,
  NEW_SAMPLED_FLAGS,
  parseTraceParent,
  spellTraceParent,
  traceParentOf,
} from "./trace-context.ts";

/**
 * null: it is not traced. A request that comes with a valid `traceparent` is if its sampled flag is set; of the others `share` (0
 * to 1) is.
 */
export function beginTrace(
  headers: RawHeaders,
  share: number,
  clock: Clock,
  random: () => number = Math.random,
): Trace | null {
  const isChosen = share > 0 && random() < share;
  const header = traceParentOf(headers);
  if (!isChosen && (header === null || !maySample(header))) return null;
  const client = header === null ? null : parseTraceParent(header);
  if (client === null ? !isChosen : !isSampled(client)) return null;
  const epochOffset = clock.now() - clock.monotonic();
  const ids = randomHex(24);
  return {
    traceId: client?.traceId ?? makeTraceId(),
    parentId: client?.parentId ?? null,
    state: client === null ? null : clientTraceState(headers),
    flags: client?.flags ?? NEW_SAMPLED_FLAGS,
    spans: { server: ids.slice(0, 16), primary: ids.slice(16, 32), shadow: ids.slice(32) },
    startedAt: epochOffset + clock.monotonic(),
    epochOffset,
  };
}

export function traceFrom(told: ToldTrace, clock: Clock): Trace {
  return { ...told, epochOffset: clock.now() - clock.monotonic() };
}

/**
 * The same headers for a request that is this span: its `traceparent` stands where the client's stood, or last; a `tracestate` that
 * is not valid is left out (W3C Trace Context, 3.3.1 and 4.3).
 */
export function tracedHeaders(headers: RawHeaders, trace: Trace, spanId: string): string[] {
  const value = spellTraceParent(trace.traceId, spanId, trace.flags);
  const to: string[] = [];
  let isThere = false;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length === 11 && name.toLowerCase() === "traceparent") {
      if (!isThere) to.push(name, value);
      isThere = true;
    } else if (trace.state !== null || name.length !== 10 || name.toLowerCase() !== "tracestate") {
      to.push(name, headers[i + 1] as string);
    }
  }
  if (!isThere) to.push("traceparent", value);
  return to;
}
