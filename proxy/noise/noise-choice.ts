/** Which requests are watched for noise (noise.ts). */
import { type Exchange, headerOf, type RequestHead } from "../exchange.ts";
import { HeaderNames, isCrossfadeHeader } from "../headers.ts";

/** A request of a route that has reads asked twice, as far as it is known before the primary is called. */
export type Watchable = Pick<Exchange, "snapshot" | "request" | "route" | "params"> & {
  readonly plan: Pick<Exchange["plan"], "primary" | "requestClass">;
};

export interface ChoiceParts {
  /** false: the kill switch is thrown. */
  readonly mirroringEnabled: () => boolean;
  /** 0 up to 1. */
  readonly random: () => number;
}

/** What makes an answer one of several, or part of one; or the request more than a question. */
const NOT_PLAIN = new HeaderNames([
  "if-none-match",
  "if-modified-since",
  "if-match",
  "if-unmodified-since",
  "if-range",
  "range",
  "transfer-encoding",
  "upgrade",
  "expect",
  // Frameworks take a GET with one of these for the method that it names.
  "x-http-method-override",
  "x-http-method",
  "x-method-override",
  // What is to be done once does something.
  "idempotency-key",
]);
/** Of a route that has reads asked twice: each write, by which reads that it crossed are known, and its share of plain reads. */
export function isWatched({ route, request, plan }: Watchable, { mirroringEnabled, random }: ChoiceParts): boolean {
  if (route.compare.module !== null) return false;
  if (plan.requestClass === "write") return true;
  return isPlainRead(request) && mirroringEnabled() && random() < route.compare.noise.readShare;
}

/** A GET that asks for the whole of something, from a client and not from another Crossfade. */
function isPlainRead({ method, headers, query }: RequestHead): boolean {
  if (method !== "GET" || /(?:^|&)_method=/i.test(query)) return false;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (NOT_PLAIN.has(name) || isCrossfadeHeader(name)) return false;
  }
  return (headerOf(headers, "content-length") ?? "0") === "0";
}
