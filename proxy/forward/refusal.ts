import { type ServerResponse, STATUS_CODES } from "node:http";
import type { CrossfadeError, ErrorCode } from "../errors.ts";

export interface Refusal {
  readonly status: 502 | 503 | 504;
  readonly title: string;
  readonly detail: string;
  readonly retryAfterSeconds?: number;
}

/** Nothing was sent: the client may send it again. */
export const MOVING: Refusal = {
  status: 503,
  title: "The service behind this proxy is being changed",
  detail: "cutover",
  retryAfterSeconds: 1,
};

/** The same: what legacy had of it is being brought over, and next has not said whether it took it. */
export const BROUGHT_OVER: Refusal = {
  status: 503,
  title: "What this request is about is being brought over to the service behind this proxy",
  detail: "copy-forward",
  retryAfterSeconds: 1,
};

const TIMEOUTS: ReadonlySet<ErrorCode> = new Set([
  "connect-timeout",
  "headers-timeout",
  "body-timeout",
  "total-timeout",
]);

/** What lies with this proxy and its settings: said in words, which name no content. */
const OWN: Partial<Record<ErrorCode, Omit<Refusal, "detail">>> = {
  "mapping-unavailable": {
    status: 503,
    title: "This proxy cannot tell now what the service behind it calls things",
    retryAfterSeconds: 1,
  },
  "transform-failed": { status: 502, title: "This proxy could not translate between client and service" },
};

/** What a client is told when the primary gave no answer: 504 where it was too slow, else 502. Names no address. */
export function refusalFor(error: CrossfadeError): Refusal {
  const own = OWN[error.code];
  if (own !== undefined) return { ...own, detail: error.message };
  const late = TIMEOUTS.has(error.code);
  return {
    status: late ? 504 : 502,
    title: late
      ? "The service behind this proxy did not answer in time"
      : "The service behind this proxy gave no answer",
    detail: error.code,
  };
}

/** Answers in the primary's place with problem+json (RFC 9457). Closes the connection where the upload is unfinished. */
export function refuse(response: ServerResponse, refusal: Refusal, uploadComplete: boolean): void {
  const { retryAfterSeconds, ...told } = refusal;
  const body = JSON.stringify({ type: "about:blank", ...told });
  response.sendDate = true;
  response.writeHead(refusal.status, STATUS_CODES[refusal.status], {
    ...(retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) }),
    "content-type": "application/problem+json",
    "content-length": Buffer.byteLength(body),
    ...(uploadComplete ? {} : { connection: "close" }),
  });
  response.end(body);
}
