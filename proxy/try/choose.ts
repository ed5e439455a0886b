/** Which recorded requests are sent again: those that only read, and that a route compares. Pure. */
import { headerOf, type RouteFound, type Router } from "../exchange.ts";
import { type RecordedRequest, readRequest } from "./har-request.ts";

/** Why a recorded request is not sent, in the words of the report. */
export const LEFT_OUT = {
  "unsafe-method": "that may write (only GET and HEAD are sent, and POST on routes with treatAs: read)",
  "declared-write": "on a route with treatAs: write",
  "no-route": "that no route matches",
  "other-host": "of another host than --host names",
  "not-http": "of another scheme than http and https",
  upgrade: "that change the protocol",
  "body-unknown": "whose body the file does not hold as it was sent",
  unsendable: "that HTTP cannot carry",
  "too-large": "larger than 16 MiB",
  "over-limit": "beyond --limit",
  "stopped-early": "that were not sent any more",
} as const;
export type LeftOutWhy = keyof typeof LEFT_OUT;

/** What one recorded request may take in the file. */
export const REQUEST_MAX_BYTES = 16 * 1024 * 1024;

export interface Chosen extends RouteFound {
  readonly recorded: RecordedRequest & { readonly body: Buffer };
}

/** Headers that frameworks take the method from: what calls itself a GET may then write. */
const OVERRIDES = ["x-http-method-override", "x-http-method", "x-method-override"];

/** `host`: null for any. @throws HarFault: the request is not what HAR 1.2 says it is */
export function chooseRequest(json: Buffer, where: string, router: Router, host: string | null): Chosen | LeftOutWhy {
  const recorded = readRequest(json, where);
  if (typeof recorded === "string") return recorded;
  if (host !== null && recorded.host !== host) return "other-host";
  const { head, body } = recorded;
  const found = router.match(head);
  const reads = head.method === "GET" || head.method === "HEAD";
  if (!reads && (head.method !== "POST" || found?.route.treatAs !== "read")) return "unsafe-method";
  if (OVERRIDES.some((name) => !/^(?:GET|HEAD)?$/i.test(headerOf(head.headers, name) ?? ""))) return "unsafe-method";
  if (found === null) return "no-route";
  if (found.route.treatAs === "write") return "declared-write";
  if (headerOf(head.headers, "upgrade") !== null) return "upgrade";
  if (body === null) return "body-unknown";
  return { ...found, recorded: { head, host: recorded.host, body } };
}
