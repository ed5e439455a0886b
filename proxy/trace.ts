/**
 * One request that is traced. Most are not: for those there is no object of this kind, and nothing is done. Decided once, when
 * the request comes (head sampling).
 */
import type { RawHeaders } from "./exchange.ts";
import { makeTraceId, randomHex } from "./identity.ts";
import type { Clock } from "./ports.ts";
import { clientTrace, clientTraceState, isSampled, NEW_SAMPLED_FLAGS, spellTraceParent } from "./trace-context.ts";

export interface Trace {
  readonly traceId: string;
  /** The client's span; null: the trace began here. */
  readonly parentId: string | null;
  /** The client's `tracestate`; null: it sent none, or none that is valid. */
  readonly state: string | null;
  /** Two hexadecimal digits, the sampled flag among them. */
  readonly flags: string;
  /** Ids of the spans that there may be. */
  readonly spans: { readonly server: string; readonly primary: string; readonly shadow: string };
  /** Epoch ms of its arrival, with fractions. */
  readonly startedAt: number;
  /** Added to monotonic ms of this process it gives epoch ms: spans of one trace fit each other to the microsecond. */
  readonly epochOffset: number;
}

/** A trace as another process is told of it. */
export type ToldTrace = Omit<Trace, "epochOffset">;

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
  const client = clientTrace(headers);
  if (client === null ? share === 0 || random() >= share : !isSampled(client)) return null;
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

export function toldTrace({ epochOffset: _, ...told }: Trace): ToldTrace {
  return told;
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
