import { CrossfadeError, type ErrorCode } from "../errors.ts";

/** What Node calls a failed connection, where it means more than that it failed. Each row says why. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  ETIMEDOUT: "connect-timeout", // the system gave up connecting, or each address that a name has was too slow
};

/**
 * `established`: the connection was there, so that bytes of the request may have been read. `unanswered`: no byte of an
 * answer had come.
 */
export function upstreamError(
  cause: Error & { code?: string },
  established: boolean,
  unanswered: boolean,
): CrossfadeError {
  const code = established ? "connection-lost" : (CODES[cause.code ?? ""] ?? "connect-failed");
  // An AggregateError (several addresses, all refused) has its message in its parts.
  const message = cause.message === "" ? (cause.code ?? "no connection") : cause.message;
  const words = cause.code === undefined || message.includes(cause.code) ? message : `${message} (${cause.code})`;
  return new CrossfadeError(code, words, { source: "upstream", retryable: unanswered, cause });
}
