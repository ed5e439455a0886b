/** Runs before every answer of the admin listener: is the Host right, and may this one ask? */
import type { FastifyRequest } from "fastify";
import { isLoopback } from "../config/addresses.ts";
import { isLoopbackAuthority, mayOperate, mayReadBodies, ownerOf } from "./access.ts";
import type { AdminParts } from "./parts.ts";
import { Problem } from "./problem.ts";
import type { Refusals } from "./refusals.ts";

/** On every answer; the page widens the policy for its own files. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** The dashboard's own: its script, its style and this API; nothing inline, and nobody else. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** @throws Problem 403. A listener that is not loopback needs no such check: it has tokens, which no foreign page knows. */
export function checkHost(parts: AdminParts, request: FastifyRequest): void {
  if (!isLoopback(parts.listen.host) || isLoopbackAuthority(request.headers.host)) return;
  throw new Problem(403, "a loopback listener answers only to localhost, 127.0.0.1 and [::1] in the Host header");
}

/**
 * A page of another origin can make a browser ask a loopback listener in its name; browsers say so (Fetch Metadata, and
 * Origin where they cannot). Another port of this machine is another origin. A link to the dashboard may be followed.
 * @throws Problem 403. Where there are tokens no foreign page has one, and browsers send none by themselves.
 */
export function checkOrigin(parts: AdminParts, request: FastifyRequest): void {
  if (!isLoopback(parts.listen.host)) return;
  const { "sec-fetch-site": site, "sec-fetch-mode": mode, origin, host } = request.headers;
  const reads = request.method === "GET" || request.method === "HEAD";
  if (reads && mode === "navigate") return;
  const own = site === undefined ? origin === undefined || isOriginOf(origin, host) : OWN_SITES.has(String(site));
  if (own) return;
  throw new Problem(
    403,
    "a page of another origin may not ask here; a loopback listener answers its own dashboard alone",
  );
}

/** `none`: typed into the address bar. */
const OWN_SITES: ReadonlySet<string> = new Set(["same-origin", "none"]);

function isOriginOf(origin: string, host: string | undefined): boolean {
  return host !== undefined && URL.parse(origin)?.host === host.toLowerCase();
}

export function isTrusted(parts: AdminParts, request: FastifyRequest): boolean {
  const { tokens } = parts.snapshot().settings.admin;
  // A reload can take the tokens away, but it cannot open a listener that strangers reach.
  if (tokens.length === 0) return isLoopback(parts.listen.host);
  return ownerOf(request.headers.authorization, tokens) !== null;
}

/** @throws Problem 401; 429, which ends the connection, where too many strangers ask: whoever may is never told so. */
export function refuseStranger(request: FastifyRequest, refusals: Refusals): never {
  if (!refusals.take(performance.now())) {
    throw new Problem(429, "too many requests without a known token; ask with one, or in a second", {
      headers: { "retry-after": "1", connection: "close" },
    });
  }
  const given = request.headers.authorization !== undefined;
  const challenge = `Bearer realm="crossfade"${given ? ', error="invalid_token"' : ""}`;
  throw new Problem(401, given ? "this token is not known here" : "a token is needed: Authorization: Bearer TOKEN", {
    headers: { "www-authenticate": challenge },
  });
}

/**
 * The name of the one who asks for a change, for the record.
 * @throws Problem 403 where the token may only read.
 */
export function operatorOf(parts: AdminParts, request: FastifyRequest): string {
  const { tokens } = parts.snapshot().settings.admin;
  if (tokens.length === 0) return NO_TOKENS;
  const owner = ownerOf(request.headers.authorization, tokens);
  if (owner !== null && mayOperate(owner.role)) return owner.name;
  const held = owner === null ? "no token" : `the token ${owner.name}, whose role is ${owner.role}`;
  throw new Problem(403, `this changes something and needs a token with the role operate; it was asked with ${held}`);
}

/** @throws Problem 403 where the token may not see whole requests and answers. */
export function checkMayReadBodies(parts: AdminParts, request: FastifyRequest): void {
  const { tokens } = parts.snapshot().settings.admin;
  if (tokens.length === 0) return;
  const owner = ownerOf(request.headers.authorization, tokens);
  if (owner !== null && mayReadBodies(owner.role)) return;
  const held = owner === null ? "no token" : `the token ${owner.name}, whose role is ${owner.role}`;
  const needed = "a token with the role bodies or operate";
  throw new Problem(403, `this shows whole requests and answers and needs ${needed}; it was asked with ${held}`);
}

/** Where there are no tokens, whoever reaches the loopback listener may do all of it. */
const NO_TOKENS = "loopback";

export function pathOf(request: FastifyRequest): string {
  return request.url.split("?", 1)[0] as string;
}

export function queryOf(request: FastifyRequest): string {
  const at = request.url.indexOf("?");
  return at === -1 ? "" : request.url.slice(at + 1);
}
