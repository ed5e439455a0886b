import { MAX_BATCH_KEYS, type RouteSettings, type Touch } from "../config/settings.ts";
import type { Locator } from "../config/terms.ts";
import { headerOf, type PathParams, type RawHeaders, type RequestClass, type RequestHead } from "../exchange.ts";
import { readPointer, readPointers } from "../json/read-pointer.ts";

/** What a write is about: `users/42`. Known from the request's head, or only once body and answer are there. */
export type KeyAtHead = { readonly known: true; readonly key: string } | { readonly known: false };

export interface KeySources {
  readonly route: RouteSettings;
  readonly params: PathParams;
  readonly request: RequestHead;
}

export interface LateKeySources extends KeySources {
  /** Decoded; null where no copy is in memory. As the next one, only called where a locator asks for it. */
  readonly requestBody: () => Buffer | null;
  readonly answerHeaders: RawHeaders;
  readonly answerBody: () => Buffer | null;
}

/** Leading segments that name an API and not a collection: `/api/v1/users/42` is about `users/42`. */
const API_PREFIX = /^(?:api|rest|v\d+(?:\.\d+)?)$/i;

/** Walks the route's locators; stops, undecided, at the first that needs the body or the answer. */
export function keyAtHead(from: KeySources): KeyAtHead {
  const place = placeOf(from);
  for (const locator of from.route.key) {
    if (!isAtHead(locator)) break;
    const key = readHeadLocator(locator, from, place);
    if (key !== null) return { known: true, key };
  }
  return { known: false };
}

export interface LateKey {
  readonly key: string;
  /** The answer alone tells the key, as that of a create does. */
  readonly made: boolean;
  /** false: nothing names an entity, and the key is the whole path (`POST /events`). */
  readonly entity: boolean;
}

/** Walks the whole list; null where no locator yields. */
export function keyAtAnswer(from: LateKeySources): LateKey | null {
  const place = placeOf(from);
  for (const locator of from.route.key) {
    const key = readLateLocator(locator, from, place);
    if (key === null) continue;
    const { source, name } = locator;
    return { key, made: source === "answer" || source === "answer-header", entity: source !== "path" || name !== "" };
  }
  return null;
}

/**
 * What is known of a request's keys before the primary is called: its one key, those of a batch, or none where body or
 * answer have to tell. A read is about one entity also on a route of batches.
 */
export function keysAtHead(from: KeySources, requestClass: RequestClass): readonly string[] {
  const { keys } = from.route;
  if (keys.length > 0 && requestClass === "write") {
    if (!keys.every(isAtHead)) return [];
    const batch = batchKeys({ ...from, requestBody: () => null, answerHeaders: [], answerBody: () => null });
    if (batch.kind === "keys") return batch.keys;
  }
  const found = keyAtHead(from);
  return found.known ? [found.key] : [];
}

/** Whether a PUT or DELETE of this path is of the entity itself, and not of a part of it (`/users/42/avatar`). */
export function isOfWholeEntity(path: string, key: string): boolean {
  if (key.endsWith(`:${path}`)) return true;
  const segments = path.split("/").filter((segment) => segment !== "");
  const ids = segments.map((segment, i) => (key.endsWith(`/${decode(segment)}`) ? i : -1)).filter((i) => i !== -1);
  return ids.length === 1 && ids[0] === segments.length - 1;
}

/** Whether a request's head tells it, before its body is there. */
export function isAtHead({ source }: Locator): boolean {
  return source !== "body" && source !== "answer" && source !== "answer-header";
}

export type BatchKeys =
  | { readonly kind: "keys"; readonly keys: readonly string[] }
  /** No locator yields: the write is about what `key` says. */
  | { readonly kind: "none" }
  /** More than `MAX_BATCH_KEYS`, or twice as many values; or a body that is not in memory. */
  | { readonly kind: "too-many" | "unread" };

/** A batch names some of its entities more than once; what goes on beyond this is not read. */
const MAX_VALUES = 2 * MAX_BATCH_KEYS;

/** All that the locators of `keys` yield, each once. */
export function batchKeys(from: LateKeySources): BatchKeys {
  const place = placeOf(from);
  const keys = new Set<string>();
  for (const locator of from.route.keys) {
    if (locator.source !== "body" && locator.source !== "answer") {
      const key = readLateLocator(locator, from, place);
      if (key !== null) keys.add(key);
    } else {
      const body = locator.source === "body" ? from.requestBody() : from.answerBody();
      if (body === null) return { kind: "unread" };
      const ids = readPointers(body, locator.name, MAX_VALUES + 1);
      if (ids.length > MAX_VALUES) return { kind: "too-many" };
      for (const id of ids) if (id !== "") keys.add(`${place.prefix}/${id}`);
    }
    if (keys.size > MAX_BATCH_KEYS) return { kind: "too-many" };
  }
  return keys.size === 0 ? { kind: "none" } : { kind: "keys", keys: [...keys] };
}

/** The keys that a write touches beside its own, at one place; null: they are more than are read, or are not in memory. */
export function touchedKeys({ at, entity }: Touch, from: LateKeySources): readonly string[] | null {
  if (at === null) return null;
  if (at.source !== "body" && at.source !== "answer") {
    const key = readLateLocator(at, from, { prefix: entity, id: placeOf(from).id });
    return key === null ? [] : [key];
  }
  const body = at.source === "body" ? from.requestBody() : from.answerBody();
  if (body === null) return null;
  const ids = readPointers(body, at.name, MAX_VALUES + 1);
  if (ids.length > MAX_VALUES) return null;
  return [...new Set(ids)].filter((id) => id !== "").map((id) => `${entity}/${id}`);
}

/** The prefix of the keys of what a request is about. */
export function entityAtHead(from: KeySources): string {
  return placeOf(from).prefix;
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
      return prefixed(place, scalarAt(from.requestBody(), locator.name));
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

export function cookieOf(header: string | null, name: string): string | null {
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
