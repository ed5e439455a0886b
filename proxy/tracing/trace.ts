/**
 * One request that is traced. Most are not: for those there is no object of this kind, and nothing is done. Decided once, when
 * the request comes (head sampling).
 */
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

export function toldTrace({ epochOffset: _, ...told }: Trace): ToldTrace {
  return told;
}
