/** Where a failure lies: the side of the proxy that an operator has to look at. */
export type ErrorSource = "client" | "primary" | "shadow" | "upstream" | "store" | "config" | "proxy";

export const ERROR_CODES = [
  "connect-failed",
  "connect-timeout",
  "headers-timeout",
  "body-timeout",
  "total-timeout",
  "connection-lost",
  "invalid-answer",
  "aborted",
  "config-invalid",
  "port-taken",
  "store-unavailable",
  "store-locked",
  "store-corrupt",
  "log-unwritable",
  "driver-missing",
  "rows-unusable",
  "rows-unavailable",
  "rows-refused",
  "api-unreachable",
  "api-refused",
  "node-too-old",
  "mapping-unavailable",
  "transform-failed",
  "internal",
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/**
 * The one error class. `message` names the value, the place, the bound and the way out.
 * `retryable` says whether the same call may succeed later; it is never a licence to repeat a write.
 */
export class CrossfadeError extends Error {
  override readonly name = "CrossfadeError";
  readonly code: ErrorCode;
  readonly source: ErrorSource;
  readonly retryable: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    options: { source: ErrorSource; retryable?: boolean; cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.source = options.source;
    this.retryable = options.retryable ?? false;
  }
}
