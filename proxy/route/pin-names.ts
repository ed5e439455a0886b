/**
 * What reads are pinned to the primary by (docs/reads.md): names of what a write may have changed, and of whoever wrote; and those
 * that a read has to find free before next is asked. Pure.
 */
import type { Locator } from "../config/terms.ts";
import { headerOf, type RequestHead, type RouteFound } from "../exchange.ts";
import { entityOfKey, foldId, namesEntity, type Reach } from "../reach.ts";
import { cookieOf, entityAtHead, isOfWholeEntity, keyAtHead, samplePoint } from "./entity-key.ts";

/** Everything: what nothing narrower can be said of. */
export const ALL = "*";

/** One entity. */
export function nameOfKey(key: string): string {
  const entity = entityOfKey(key);
  return `k:${entity}/${foldId(key.slice(entity.length + 1))}`;
}

/** Any of an entity: one of them was written, and nothing says which. */
export function nameOfAny(entity: string): string {
  return `a:${entity}`;
}

/** What is about several of an entity: at least one was written. */
export function nameOfSome(entity: string): string {
  return `s:${entity}`;
}

/** null: the request does not say. */
function nameOfAsker(by: Locator, request: RequestHead): string | null {
  const value = valueAt(by, request);
  return value === null || value === "" ? null : `u:${by.source}:${by.name}=${value}`;
}

/** `bys`: what any route's reads stay on one side by, whatever route the write is of. */
export function pinsOfWrite(reach: Reach, bys: readonly Locator[], request: RequestHead): readonly string[] {
  const names = new Set<string>();
  for (const key of reach.keys) {
    names.add(nameOfKey(key));
    names.add(nameOfSome(entityOfKey(key)));
  }
  for (const entity of [...reach.lateOf, ...reach.anyOf]) {
    names.add(nameOfAny(entity));
    names.add(nameOfSome(entity));
  }
  for (const by of bys) {
    const asker = nameOfAsker(by, request);
    if (asker !== null) names.add(asker);
  }
  return [...names];
}

/** A read that may be dialled. */
interface DialledRead {
  /** Where it falls in [0, 1) is told by this text. */
  readonly sticky: string;
  /** All of them have to be free. */
  readonly names: readonly string[];
}

/** null: it does not say whose it is, or it cannot be asked of two services one after the other. */
function dialledRead({ route, params }: RouteFound, request: RequestHead): DialledRead | null {
  if (!isPlain(request)) return null;
  const from = { route, params, request };
  const found = keyAtHead(from);
  const isOne = found.known && namesEntity(found.key);
  const entity = isOne ? entityOfKey(found.key) : entityAtHead(from);
  const names = isOne ? [nameOfKey(found.key), nameOfAny(entity)] : [nameOfSome(entity)];
  const { by } = route.reads;
  if (by === null) return { sticky: found.known ? found.key : request.path, names: [...names, ALL] };
  const asker = nameOfAsker(by, request);
  return asker === null ? null : { sticky: asker, names: [...names, asker, ALL] };
}

/** Where a read falls in [0, 1): the same for all of its entity, or asker. null: it is not dialled, whatever the share. */
export function dialPoint(found: RouteFound, request: RequestHead): number | null {
  const read = dialledRead(found, request);
  return read === null ? null : pointOf(read);
}

/** What a read that falls to next has to find free; null: it does not. */
export function dialledTo(found: RouteFound, request: RequestHead): readonly string[] | null {
  const read = dialledRead(found, request);
  if (read === null) return null;
  return pointOf(read) < found.route.reads.dialShare ? read.names : null;
}

/** A read of one whole entity, which another service can be asked for as it is. */
export interface WholeRead {
  readonly key: string;
  /** All of them have to be free. */
  readonly names: readonly string[];
}

/** null: it is of a part, of several, or of nothing that has a key; or it cannot be asked of two services one after the other. */
export function wholeRead({ route, params }: RouteFound, request: RequestHead): WholeRead | null {
  if (!isPlain(request)) return null;
  const found = keyAtHead({ route, params, request });
  if (!found.known || !namesEntity(found.key) || !isOfWholeEntity(request.path, found.key)) return null;
  return { key: found.key, names: [nameOfKey(found.key), nameOfAny(entityOfKey(found.key)), ALL] };
}

/** Not the point that reads are compared by: otherwise those that are compared would be those that next answers. */
function pointOf({ sticky }: DialledRead): number {
  return samplePoint(`dial ${sticky}`);
}

/** A stream of events goes on for as long as its client stays: what is pinned later would not reach it. */
function isPlain({ method, headers }: RequestHead): boolean {
  if (method !== "GET" && method !== "HEAD") return false;
  if (headerOf(headers, "transfer-encoding") !== null || headerOf(headers, "expect") !== null) return false;
  if ((headerOf(headers, "content-length") ?? "0") !== "0") return false;
  return !/\btext\/event-stream\b/i.test(headerOf(headers, "accept") ?? "");
}

function valueAt({ source, name }: Locator, { headers, query }: RequestHead): string | null {
  switch (source) {
    case "header":
      return headerOf(headers, name);
    case "cookie":
      return cookieOf(headerOf(headers, "cookie"), name);
    case "query":
      return query === "" ? null : new URLSearchParams(query).get(name);
    default:
      return null;
  }
}
