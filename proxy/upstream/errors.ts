import { CrossfadeError, type ErrorCode } from "../errors.ts";

/**
 * What libraries call a failed upstream request, and what it means to us. Each row says why.
 * A code that is missing here becomes `connection-lost` when bytes were sent, else `connect-failed`.
 */
const CODES: Readonly<Record<string, ErrorCode>> = {
  UND_ERR_CONNECT_TIMEOUT: "connect-timeout", // undici: no TCP or TLS connection within its bound
  UND_ERR_HEADERS_TIMEOUT: "headers-timeout", // undici: the answer's head did not come
  UND_ERR_BODY_TIMEOUT: "body-timeout", // undici: silence between two chunks
  UND_ERR_ABORTED: "aborted", // our own abort
  UND_ERR_DESTROYED: "aborted", // the pool was closed under the request
  UND_ERR_CLOSED: "aborted", // the same
  UND_ERR_HEADERS_OVERFLOW: "invalid-answer", // head above maxHeaderSize
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "invalid-answer", // fewer or more bytes than announced
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: "internal", // what we wanted to send is not what its head says
  UND_ERR_INVALID_ARG: "internal", // undici refuses to write it
  UND_ERR_NOT_SUPPORTED: "internal", // the same
  ETIMEDOUT: "connect-timeout", // the system gave up connecting
};

export function upstreamError(cause: Error & { code?: string }, bytesSent: boolean): CrossfadeError {
  if (cause instanceof CrossfadeError) return cause;
  const libraryCode = cause.code ?? "";
  let code = CODES[libraryCode];
  if (code === undefined) {
    if (libraryCode.startsWith("HPE_")) code = "invalid-answer"; // llhttp: what came is not HTTP
    else code = bytesSent ? "connection-lost" : "connect-failed";
  }
  const words =
    libraryCode === "" || cause.message.includes(libraryCode) ? cause.message : `${cause.message} (${libraryCode})`;
  return new CrossfadeError(code, words, { source: "upstream", retryable: !bytesSent, cause });
}
