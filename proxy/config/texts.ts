/** Single values that have a grammar of their own: path pattern, date, secret, sent header. */
import { METHODS } from "node:http";
import { isIP } from "node:net";
import { parsePattern } from "../pattern.ts";
import { withoutPort } from "../target.ts";
import { isHostName } from "./addresses.ts";
import { isHeaderName } from "./locator.ts";
import { nearestName } from "./nearest.ts";
import { DAY, type Parsed } from "./units.ts";

/** A path pattern, checked and kept as text: the router compiles it. The column counts from the pattern's first character. */
export function parsePath(text: string): Parsed<string> {
  const parsed = parsePattern(text);
  if (parsed.ok) return { ok: true, value: text };
  return {
    ok: false,
    error: `is ${JSON.stringify(text)}, which at its character ${parsed.offset + 1} ${parsed.error}`,
  };
}

/** `GET /users/:id`: the path's pattern, of fixed parts and `:name` alone. */
export function parseReadBack(text: string): Parsed<string> {
  const shown = JSON.stringify(text);
  const path = /^GET (\/.*)$/.exec(text)?.[1];
  if (path === undefined) return { ok: false, error: `is ${shown}; write a GET and a path: GET /users/:id` };
  const parsed = parsePattern(path);
  if (!parsed.ok) return { ok: false, error: `is ${shown}, whose path ${parsed.error}` };
  const loose = parsed.pattern.segments.some(
    (part) => part.kind === "many" || (part.kind === "one" && (part.optional || part.name === null)),
  );
  if (!loose) return { ok: true, value: path };
  return {
    ok: false,
    error: `is ${shown}; one entity is read by one path: write fixed parts and :name alone, as in GET /users/:id`,
  };
}

export function parseMatchHost(text: string): Parsed<string> {
  const shown = JSON.stringify(text);
  const host = withoutPort(text);
  if (text.includes("*"))
    return { ok: false, error: `is ${shown}; hosts are matched whole: write one route for each host` };
  if (host !== text.toLowerCase())
    return { ok: false, error: `is ${shown}, which has a port; hosts are matched without: write ${host}` };
  if (!/^(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])$/.test(host)) {
    return {
      ok: false,
      error: `is ${shown}, which is no host name; write api.example.com, or [::1] for an IPv6 address`,
    };
  }
  return { ok: true, value: host };
}

/** Permissions of a file, in octal digits. */
export function parseMode(text: string): Parsed<number> {
  if (/^0?[0-7]{3}$/.test(text)) return { ok: true, value: Number.parseInt(text, 8) };
  return { ok: false, error: `is ${JSON.stringify(text)}; write three octal digits after a 0, as in "0660"` };
}

export function spellMode(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

/** A name for SNI, which takes no addresses (RFC 6066, 3). */
export function parseServerName(text: string): Parsed<string> {
  const shown = JSON.stringify(text);
  if (isIP(text.replace(/^\[(.*)\]$/, "$1")) !== 0)
    return { ok: false, error: `is ${shown}, an address; TLS asks for names: write legacy.internal, or take it out` };
  if (isHostName(text)) return { ok: true, value: text.toLowerCase() };
  return { ok: false, error: `is ${shown}, which is no host name; write legacy.internal` };
}

/** Epoch ms of the last moment: the end of that day (UTC) for a date, the instant itself otherwise. */
export function parseUntil(text: string): Parsed<number> {
  const shown = JSON.stringify(text);
  const day = /^\d{4}-\d{2}-\d{2}$/.test(text);
  const instant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})$/.test(text);
  const start = day || instant ? Date.parse(text) : NaN;
  // Date.parse takes 2027-02-30 for 2 March.
  const real = !Number.isNaN(start) && (!day || new Date(start).toISOString().startsWith(text));
  if (!real) return { ok: false, error: `is ${shown}, which is no date; write 2027-03-01 or 2027-03-01T12:00:00Z` };
  return { ok: true, value: day ? start + DAY - 1 : start };
}

export const MIN_TOKEN_LENGTH = 16;

/** Never quotes what it was given. */
export function parseSecret(text: string): Parsed<string> {
  if (text.length < MIN_TOKEN_LENGTH) {
    const size = `has ${text.length} characters; a token has at least ${MIN_TOKEN_LENGTH}`;
    return { ok: false, error: `${size}: make one with openssl rand -hex 24 and pass it as \${CROSSFADE_TOKEN}` };
  }
  if (text.length > 1024) return { ok: false, error: `has ${text.length} characters; a token has at most 1024` };
  // What a bearer token may hold (RFC 6750, 2.1).
  if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(text)) {
    return { ok: false, error: "holds characters that a bearer token cannot; write letters, digits and - . _ ~ + /" };
  }
  return { ok: true, value: text };
}

/** Of one connection or of the framing (RFC 9110, 7.6.1; RFC 9112, 6), or made by Crossfade for each mirrored request. */
const NOT_TO_BE_SET: ReadonlySet<string> = new Set([
  "host",
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "content-length",
  "te",
  "trailer",
  "upgrade",
  "expect",
  "idempotency-key",
  "traceparent",
  "tracestate",
]);

/** What is wrong with a header that shall be set on mirrored requests, as a predicate, or null. */
export function sentHeaderProblem(name: string, value: string): string | null {
  if (NOT_TO_BE_SET.has(name) || name.startsWith("x-crossfade-")) {
    return "is set by Crossfade or belongs to one connection; take it out";
  }
  // Node refuses everything else in a header's value (ERR_INVALID_CHAR).
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
    return "holds characters that a header cannot; write printable ones in one line";
  return null;
}

/** The name of a protocol that a connection may change to, without its version: `websocket`. */
export function parseProtocol(text: string): Parsed<string> {
  const shown = JSON.stringify(text);
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text)) {
    return {
      ok: false,
      error: `is ${shown}, which is no protocol's name; write it without a version, as in websocket`,
    };
  }
  const name = text.toLowerCase();
  // What is tunnelled is not seen: HTTP inside a tunnel would go round routes, mirror and evidence.
  if (name === "h2c" || name === "http") {
    return { ok: false, error: `is ${shown}; HTTP in a tunnel would pass unseen and unmirrored: leave it out` };
  }
  return { ok: true, value: name };
}

/** In lower case. */
export function parseHeaderName(text: string): Parsed<string> {
  if (isHeaderName(text)) return { ok: true, value: text.toLowerCase() };
  return { ok: false, error: `is ${JSON.stringify(text)}, which is no name that a header can have` };
}

export function parseMethod(text: string): Parsed<string> {
  const method = text.toUpperCase();
  if (METHODS.includes(method)) return { ok: true, value: method };
  const near = nearestName(method, METHODS);
  const hint =
    near === null ? "write GET, POST, PUT, PATCH, DELETE or another of its methods" : `did you mean ${near}?`;
  return { ok: false, error: `is ${JSON.stringify(text)}, which is no method that Node's HTTP parser takes; ${hint}` };
}

/** A day begins with its first moment. Epoch ms. */
export function parseSince(text: string): Parsed<number> {
  const parsed = parseUntil(text);
  return parsed.ok && /^\d{4}-\d\d-\d\d$/.test(text) ? { ok: true, value: parsed.value - DAY + 1 } : parsed;
}
