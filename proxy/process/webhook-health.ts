/** How the calls to the configured webhook go; counted since the process began. */
export interface WebhookHealth {
  /** Scheme and host: the rest of the URL may be a secret. */
  readonly origin: string;
  readonly delivered: number;
  /** Given up after the last attempt. */
  readonly failed: number;
  /** Not even tried: too many waited. */
  readonly dropped: number;
  readonly waiting: number;
  /** Why the last call failed, or null where it did not. */
  readonly problem: string | null;
}
