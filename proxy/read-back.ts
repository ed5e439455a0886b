/**
 * Where an entity that a write was about can be read. Where the route declares no `verify.readBack` its own path is taken,
 * but only where that is plain: the write went to that path or to the one above it, and a GET of it is, by the routes as
 * they are, about the same key. Pure: the steps that decide what a request is about come in as functions.
 */
import type { RouteSettings } from "./config/settings.ts";
import type { PathParams, RequestClass, RequestHead, RouteFound } from "./exchange.ts";
import { parsePattern } from "./pattern.ts";
import { splitPath } from "./target.ts";

/** What is kept of a write, beside its key, to find its entity again. */
export interface EntityPlace {
  readonly key: string;
  readonly method: string;
  /** As the client sent it, without query. */
  readonly path: string;
  /** The client's Host; null: it sent none. */
  readonly host: string | null;
}

export interface ReadBackSteps {
  match(request: RequestHead): RouteFound | null;
  classifyRequest(method: string, treatAs: RouteSettings["treatAs"], override: string | null): RequestClass;
  keyAtHead(from: {
    readonly route: RouteSettings;
    readonly params: PathParams;
    readonly request: RequestHead;
  }): { readonly known: true; readonly key: string } | { readonly known: false };
}

export type ReadBack =
  | {
      readonly readable: true;
      readonly how: "declared" | "derived";
      /** Its path, encoded as it is sent. */
      readonly path: string;
      /** The path above it, where the last part is the entity's id. */
      readonly above: string | null;
    }
  /** `why` names no part of key or path. */
  | { readonly readable: false; readonly why: string };

const DECLARE = "declare it: verify: { readBack: GET /… }";

/** `part`: a write went to a part of the entity. */
export function readBackOf(route: RouteSettings, place: EntityPlace, part: boolean, steps: ReadBackSteps): ReadBack {
  const id = idInKey(place.key);
  if (id.kind === "none") return unreadable("the write has no key of its own");
  if (route.verify.readBack !== null) return declared(route, route.verify.readBack, place, id, steps);
  if (part) return unreadable(`a write went below the entity, which reading the entity may not show; ${DECLARE}`);
  if (id.kind === "path") {
    if (place.path !== id.path || place.method === "POST")
      return unreadable(`the key is a path and no entity's; ${DECLARE}`);
    const problem = whyNoRead(route, place, place.path, steps, null);
    return problem === null ? { readable: true, how: "derived", path: place.path, above: null } : unreadable(problem);
  }
  const trimmed = place.path.endsWith("/") ? place.path.slice(0, -1) : place.path;
  const isEntity = decoded(lastPart(trimmed)) === id.id;
  const path = isEntity ? trimmed : `${trimmed}/${encodeURIComponent(id.id)}`;
  const problem = whyNoRead(route, place, path, steps, place.key);
  if (problem !== null) return unreadable(problem);
  return { readable: true, how: "derived", path, above: path.slice(0, path.lastIndexOf("/")) || null };
}

/** Stands for an id that only the answer tells. */
const ANSWERED_ID = "ID";

/** Where a write that is only asked about would be read back. */
export function readBackOfRequest(
  route: RouteSettings,
  { method, path, host }: Omit<EntityPlace, "key">,
  steps: ReadBackSteps,
): ReadBack {
  const keyOf = (asked: string, path: string): string | null => {
    const request = headOf(asked, path, route, host);
    const found = steps.match(request);
    const about = found === null ? null : steps.keyAtHead({ ...found, request });
    return about?.known === true ? about.key : null;
  };
  const trimmed = path.endsWith("/") ? path.slice(0, -1) : path;
  const entity = route.entity ?? "";
  const answered = method === "POST" ? (keyOf("GET", `${trimmed}/${ANSWERED_ID}`) ?? `${entity}/${ANSWERED_ID}`) : null;
  const key = keyOf(method, path) ?? answered ?? `${entity}:${path}`;
  const place = { key, method, path, host };
  return readBackOf(route, place, goesToPart(place), steps);
}

/** Whether a write with this key went below its entity: `/users/42/avatar`. */
export function goesToPart({ key, path }: EntityPlace): boolean {
  const id = idInKey(key);
  if (id.kind !== "id") return false;
  const parts = (splitPath(path) ?? []).map(decoded);
  return parts.includes(id.id) && parts.at(-1) !== id.id;
}

/** Whether a write with this key made its entity: the id is its answer's, and its path does not say it. */
export function isCreate({ key, method, path }: EntityPlace): boolean {
  const id = idInKey(key);
  return method === "POST" && id.kind === "id" && !(splitPath(path) ?? []).map(decoded).includes(id.id);
}

type KeyPart =
  | { readonly kind: "id"; readonly id: string }
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "none" };

/** `users/42` is an id, `users:/users/import` a path, `users:*` neither (route/entity-key.ts makes all three). */
export function idInKey(key: string): KeyPart {
  const end = key.search(/[/:]/);
  if (end === -1) return { kind: "none" };
  const rest = key.slice(end + 1);
  if (key[end] === "/") return rest === "" ? { kind: "none" } : { kind: "id", id: rest };
  return rest.startsWith("/") ? { kind: "path", path: rest } : { kind: "none" };
}

function declared(
  route: RouteSettings,
  readBack: string,
  place: EntityPlace,
  id: KeyPart,
  steps: ReadBackSteps,
): ReadBack {
  const parsed = parsePattern(readBack);
  if (!parsed.ok) throw new TypeError(`verify.readBack ${readBack} ${parsed.error}`);
  const { segments } = parsed.pattern;
  if (id.kind !== "id" && segments.some((segment) => segment.kind === "one" && segment.name === "id"))
    return unreadable("the key holds no id for :id of verify.readBack");
  const filled = fillPath(readBack, {
    ...namesOfWrite(route, place, steps),
    ...(id.kind === "id" ? { id: encodeURIComponent(id.id) } : {}),
  });
  if (!filled.ok) return unreadable(`the write's path has no :${filled.missing} for verify.readBack`);
  const { path } = filled;
  const problem = whyNotMapped(route, steps.match(headOf("GET", path, route, place.host))?.route ?? null);
  if (problem !== null) return unreadable(problem);
  const last = segments.at(-1);
  const endsInId = last?.kind === "one" && last.name === "id" && segments.length > 1;
  return { readable: true, how: "declared", path, above: endsInId ? path.slice(0, path.lastIndexOf("/")) : null };
}

/** What the write's path calls by name; nothing where the routes take it for another one's by now. */
export function namesOfWrite(
  route: RouteSettings,
  { method, path, host }: EntityPlace,
  steps: Pick<ReadBackSteps, "match">,
): Readonly<Record<string, string>> {
  const found = path === "" ? null : steps.match(headOf(method, path, route, host));
  return found?.route.name === route.name ? found.params.named : {};
}

/** A path like `/posts/:post/comments`, with these in the place of its names. */
export function fillPath(
  text: string,
  named: Readonly<Record<string, string>>,
): { readonly ok: true; readonly path: string } | { readonly ok: false; readonly missing: string } {
  const parsed = parsePattern(text);
  if (!parsed.ok) throw new TypeError(`path ${text} ${parsed.error}`);
  const parts: string[] = [];
  for (const [i, segment] of parsed.pattern.segments.entries()) {
    if (segment.kind !== "one" || segment.name === null) {
      parts.push((splitPath(text) ?? [])[i] ?? "");
      continue;
    }
    const value = named[segment.name];
    if (value === undefined) return { ok: false, missing: segment.name };
    parts.push(value);
  }
  return { ok: true, path: `/${parts.join("/")}` };
}

/** Why the services may call the entity otherwise at a path that `reads` takes, and nobody maps it; null: that is well. */
function whyNotMapped(route: RouteSettings, reads: RouteSettings | null): string | null {
  const { learn, apply } = route.values;
  if (reads === null) {
    if (learn.length + apply.length === 0) return null;
    return `no route takes a GET of the entity's path, so that values in it are not mapped; ${DECLARE}`;
  }
  if (!makesIds(route) && !makesIds(reads)) return null;
  if (reads.values.apply.some(({ at }) => at.source === "path")) return null;
  return `each service has an id of its own for it (values.learn), and route ${reads.name} maps none in its path; write there: values: { apply: [{ at: path:…, kind: … }] }`;
}

/** Whether what the answer to a create says is the key, and another one at each service. */
export function makesIds({ key, values }: RouteSettings): boolean {
  return values.learn.some(({ at }) => key.some(({ source, name }) => source === at.source && name === at.name));
}

/** `key`: what the GET has to be about; null: of a key that only the answer tells. */
function whyNoRead(
  route: RouteSettings,
  place: EntityPlace,
  path: string,
  steps: ReadBackSteps,
  key: string | null,
): string | null {
  const head = headOf("GET", path, route, place.host);
  const found = steps.match(head);
  if (found === null) return `no route takes a GET of the entity's path; ${DECLARE}`;
  if (steps.classifyRequest("GET", found.route.treatAs, null) !== "read")
    return `a GET of the entity's path is a write (treatAs: write); ${DECLARE}`;
  if (found.route.entity !== route.entity) return `a GET of the entity's path is about another entity; ${DECLARE}`;
  if (key === null) return null;
  const unmapped = whyNotMapped(route, found.route);
  if (unmapped !== null) return unmapped;
  const about = steps.keyAtHead({ ...found, request: head });
  return about.known && about.key === key
    ? null
    : `a GET of the path with the id is not about the same key; ${DECLARE}`;
}

/** The head of a request that Crossfade itself makes: with what the route asks of its requests. */
export function headOf(method: string, path: string, route: RouteSettings, host: string | null): RequestHead {
  const headers = [
    ...(host === null ? (route.match.host === null ? [] : ["host", route.match.host]) : ["host", host]),
    ...route.match.headers.flat(),
  ];
  return { method, target: path, path, query: "", headers, remoteAddress: "127.0.0.1", scheme: "http" };
}

function unreadable(why: string): ReadBack {
  return { readable: false, why };
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** As entity keys decode: what does not decode is taken as it stands. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
