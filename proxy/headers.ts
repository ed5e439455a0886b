import type { RawHeaders, RequestHead } from "./exchange.ts";

/** Header names to look for. Most others are told apart by their length, without lower-casing them. */
export class HeaderNames {
  readonly #names: ReadonlySet<string>;
  readonly #lengths: readonly boolean[];

  /** In lower case. */
  constructor(names: readonly string[]) {
    this.#names = new Set(names);
    const lengths = new Array<boolean>(Math.max(0, ...names.map((name) => name.length)) + 1).fill(false);
    for (const name of names) lengths[name.length] = true;
    this.#lengths = lengths;
  }

  /** `name` in any case. */
  has(name: string): boolean {
    return this.#lengths[name.length] === true && this.#names.has(name.toLowerCase());
  }
}

/**
 * Headers that belong to one connection (RFC 9110, 7.6.1, and the older `keep-alive`, `proxy-connection`). `te` names
 * what the sender of this connection accepts; `upgrade` is handled by the listener. `Transfer-Encoding` is one too, but
 * stays where it stood: each of our connections frames a body as it was framed when it came.
 */
const HOP_BY_HOP = new HeaderNames(["connection", "keep-alive", "proxy-connection", "te", "upgrade"]);

function isHopByHop(name: string): boolean {
  return HOP_BY_HOP.has(name);
}

/** What `Connection` names beside its own keywords: those headers end at this connection too. */
function namedByConnection(headers: RawHeaders): ReadonlySet<string> | null {
  let named: Set<string> | null = null;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length !== 10 || name.toLowerCase() !== "connection") continue;
    for (const part of (headers[i + 1] as string).split(",")) {
      const option = part.trim().toLowerCase();
      if (option === "" || option === "keep-alive" || option === "close") continue;
      named ??= new Set();
      named.add(option);
    }
  }
  // A client must not talk us out of the fields that the message's meaning rests on.
  for (const kept of ["host", "content-length", "transfer-encoding", "authorization", "cookie"]) named?.delete(kept);
  return named;
}

/** Our own headers; a client's never pass (semantics: they could forge the shadow mark or an order stamp). */
export function isCrossfadeHeader(name: string): boolean {
  return name.length > 12 && name.charCodeAt(1) === 0x2d && name.toLowerCase().startsWith("x-crossfade-");
}

export interface ForwardedBy {
  /** `preserve`: the client's Host; otherwise the value to send. */
  readonly host: string | null;
  readonly proto: "http" | "https";
  /** true: `Connection` and `Upgrade` go along, since the connection is to change its protocol. */
  readonly upgrade?: boolean;
}

/**
 * The client's end-to-end headers in their order and case, without hop-by-hop ones and clients' `x-crossfade-*`;
 * `x-forwarded-for` is continued, `-proto` and `-host` are set where no proxy before us has.
 */
export function endToEndHeaders(request: RequestHead, by: ForwardedBy): string[] {
  const from = request.headers;
  const named = namedByConnection(from);
  const to: string[] = [];
  let host = "";
  let forwardedFor = false;
  let forwardedProto = false;
  let forwardedHost = false;
  for (let i = 0; i < from.length; i += 2) {
    const name = from[i] as string;
    let value = from[i + 1] as string;
    if (isCrossfadeHeader(name)) continue;
    if (isHopByHop(name)) {
      const lower = name.toLowerCase();
      if (by.upgrade === true && (lower === "connection" || lower === "upgrade")) to.push(name, value);
      // We pass trailers on as well as the client takes them (RFC 9110, 6.5.2); for other codings it speaks for itself.
      else if (lower === "te" && /(?:^|[,\s])trailers(?:$|[;,\s])/i.test(value))
        to.push("Connection", "TE", name, "trailers");
      continue;
    }
    if (named !== null && named.has(name.toLowerCase())) continue;
    if (name.length === 4 && name.toLowerCase() === "host") {
      host = value;
      if (by.host !== null) value = by.host;
    } else if (name.charCodeAt(1) === 0x2d) {
      const lower = name.toLowerCase();
      if (lower === "x-forwarded-for") {
        forwardedFor = true;
        value = `${value}, ${request.remoteAddress}`;
      } else if (lower === "x-forwarded-proto") forwardedProto = true;
      else if (lower === "x-forwarded-host") forwardedHost = true;
    }
    to.push(name, value);
  }
  if (!forwardedFor) to.push("x-forwarded-for", request.remoteAddress);
  if (!forwardedProto) to.push("x-forwarded-proto", by.proto);
  if (!forwardedHost && host !== "") to.push("x-forwarded-host", host);
  return to;
}

/** The same with these in place of those that the client sent under their names (lower case). */
export function withHeaders(headers: string[], put: readonly (readonly [name: string, value: string])[]): string[] {
  if (put.length === 0) return headers;
  const names = new HeaderNames(put.map(([name]) => name));
  const to: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (!names.has(headers[i] as string)) to.push(headers[i] as string, headers[i + 1] as string);
  }
  for (const [name, value] of put) to.push(name, value);
  return to;
}

/**
 * A primary's answer headers as the client gets them: the end-to-end ones, in order, case and repetition, and
 * `Transfer-Encoding` where it is kept.
 */
export function answerHeaders(from: RawHeaders, keepsTransferEncoding: boolean): string[] {
  const named = namedByConnection(from);
  const to: string[] = [];
  for (let i = 0; i < from.length; i += 2) {
    const name = from[i] as string;
    if (isHopByHop(name)) continue;
    if (name.length === 17 && !keepsTransferEncoding && name.toLowerCase() === "transfer-encoding") continue;
    if (named !== null && named.has(name.toLowerCase())) continue;
    to.push(name, from[i + 1] as string);
  }
  return to;
}

/** Said of the bytes of a body; once those are others, it is wrong. */
const OF_BODY_BYTES = ["content-md5", "digest", "content-digest", "repr-digest"];

/** Headers of a message whose body has become another one of `length` bytes. */
export function framedFor(headers: RawHeaders, length: number): string[] {
  const framed: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    const lower = name.toLowerCase();
    if (OF_BODY_BYTES.includes(lower)) continue;
    framed.push(name, lower === "content-length" ? String(length) : (headers[i + 1] as string));
  }
  return framed;
}
