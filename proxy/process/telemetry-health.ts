/** How it goes with what is sent to the collector; counted since the process began, all signals together. */
export interface TelemetryHealth {
  /** Scheme and host: the rest of the URL may be a secret. */
  readonly origin: string;
  /** Spans, log records and collections of metrics. */
  readonly sent: number;
  /** Given up after the last attempt. */
  readonly failed: number;
  /** Not even tried: too many waited. */
  readonly dropped: number;
  readonly waiting: number;
  /** Why what was sent last failed, or null where it did not. */
  readonly problem: string | null;
}
