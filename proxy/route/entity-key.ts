import type { Locator, RouteSettings } from "../config/settings.ts";
import { headerOf, type PathParams, type RawHeaders, type RequestHead } from "../exchange.ts";
import { readPointer } from "../json/read-pointer.ts";

/** What a write is about: `users/42`. Known from the request's head, or only once body and answer are there. */
export type KeyAtHead = { readonly known: true; readonly key: string } | { readonly known: false };

export interface KeySources {
  readonly route: RouteSettings;
  readonly params: PathParams;
  readonly request: RequestHead;
}

export interface LateKeySources extends KeySources {
  /** null where no copy is in memory. */
  readonly requestBody: Buffer | null;
  readonly answerHeaders: RawHeaders;
  /** Decoded, where a copy is in memory; only called where a locator asks for it. */
  readonly answerBody: () => Buffer | null;
}

/** Leading segments that name an API and not a collection: `/api/v1/users/42` is about `users/42`. */
const API_PREFIX = /^(?:api|rest|v\d+(?:\.\d+)?)$/i;

/** Walks the route's locators; stops, undecided, at the first that needs the body or the answer. */
export function keyAtHead(from: KeySources): KeyAtHead {
  const place = placeOf(from);
  for (const locator of from.route.key) {
    if (locator.source === "body" || locator.source === "answer" || locator.source === "answer-header") break;
    const key = readHeadLocator(locator, from, place);
    if (key !== null) return { known: true, key };
  }
  return { known: false };
}

/** Walks the whole list; null where no locator yields. */
export function keyAtAnswer(from: LateKeySources): string | null {
  const place = placeOf(from);
  for (const locator of from.route.key) {
    const key = readLateLocator(locator, from, place);
    if (key !== null) return key;
  }
  return null;
}

/** The lane of writes that have no key at all: one for the route. */
export function keyOfRoute(route: RouteSettings): string {
  return `${route.entity ?? route.name}:*`;
}

/** Where a key falls in [0, 1): the same for every request about the same entity, so that sampling is by entity. */
export function samplePoint(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  // FNV-1a leaves neighbouring keys close together in the high bits; murmur3's finaliser spreads them.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 0x1_0000_0000;
}

interface Place {
  readonly prefix: string;
  /** What `path:id` yields, decoded, or null. */
  readonly id: string | null;
}

/**
 * `path:id` is the parameter of that name; where the pattern has none, its last named parameter; where it has no named
 * parameter at all, the first segment that `**` caught. A route without an entity of its own (`/**`) takes collection
 * and id from the path.
 */
function placeOf({ route, params, request }: KeySources): Place {
  if (route.entity === null) return placeInPath(request.path);
  const named = Object.values(params.named);
  const last = params.named["id"] ?? named[named.length - 1];
  const id = last ?? params.rest.find((segment) => segment !== "") ?? null;
  return { prefix: route.entity, id: id === null ? null : decode(id) };
}

/** Read segment by segment, since every request comes by here; empty ones do not count. */
function placeInPath(path: string): Place {
  let collection: string | null = null;
  for (let from = 0; from < path.length;) {
    const slash = path.indexOf("/", from);
    const segment = path.slice(from, slash === -1 ? path.length : slash);
    from += segment.length + 1;
    if (segment === "") continue;
    if (collection !== null && !API_PREFIX.test(collection)) return { prefix: decode(collection), id: decode(segment) };
    collection = segment;
  }
  return { prefix: decode(collection ?? ""), id: null };
}

function readHeadLocator(locator: Locator, from: KeySources, place: Place): string | null {
  const { request, params } = from;
  switch (locator.source) {
    case "path": {
      if (locator.name === "") return `${place.prefix}:${request.path}`;
      if (locator.name === "id") return prefixed(place, place.id);
      const value = params.named[locator.name];
      return value === undefined ? null : prefixed(place, decode(value));
    }
    case "query":
      return prefixed(place, request.query === "" ? null : new URLSearchParams(request.query).get(locator.name));
    case "header":
      return prefixed(place, headerOf(request.headers, locator.name));
    case "cookie":
      return prefixed(place, cookieOf(headerOf(request.headers, "cookie"), locator.name));
    default:
      return null;
  }
}

function readLateLocator(locator: Locator, from: LateKeySources, place: Place): string | null {
  switch (locator.source) {
    case "body":
      return prefixed(place, scalarAt(from.requestBody, locator.name));
    case "answer":
      return prefixed(place, scalarAt(from.answerBody(), locator.name));
    case "answer-header": {
      const value = headerOf(from.answerHeaders, locator.name);
      if (value === null) return null;
      return prefixed(place, locator.name === "location" ? lastSegment(value) : value);
    }
    default:
      return readHeadLocator(locator, from, place);
  }
}

function prefixed(place: Place, id: string | null): string | null {
  return id === null || id === "" ? null : `${place.prefix}/${id}`;
}

function scalarAt(body: Buffer | null, pointer: string): string | null {
  if (body === null || body.length === 0) return null;
  const found = readPointer(body, pointer);
  return found.found && (found.kind === "string" || found.kind === "number") ? found.text : null;
}

/** The id that a Location names: its path's last segment. */
function lastSegment(location: string): string | null {
  const path = location.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, "").replace(/[?#].*$/, "");
  const segments = path.split("/").filter((segment) => segment !== "");
  const last = segments[segments.length - 1];
  return last === undefined ? null : decode(last);
}

function cookieOf(header: string | null, name: string): string | null {
  if (header === null) return null;
  for (const part of header.split(";")) {
    const equals = part.indexOf("=");
    if (equals !== -1 && part.slice(0, equals).trim() === name) return part.slice(equals + 1).trim();
  }
  return null;
}

/** Two spellings of one id (`a%20b`, `a b`) are one key; what does not decode is taken as it stands. */
function decode(segment: string): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
