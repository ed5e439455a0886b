/**
 * The secrets that one exchange is known to carry: its credentials, cookies, what its body holds under secret names, and
 * what the route's `redact` names. An answer or an error message may repeat them anywhere, so they are looked for in
 * everything that is written down.
 */
import { type Exchange, headerOf, type Settled } from "../exchange.ts";
import { decodeSegment } from "../pattern.ts";
import { locatePath, splitPath } from "../target.ts";
import { secretsInBody } from "./body-secrets.ts";
import type { RedactionRules } from "./redaction-rules.ts";
import { isRouteWord, secretFollows } from "./secret-names.ts";
import type { Mask } from "./secret-texts.ts";

/** Shorter ones are found only as a whole (a segment, an id): `42` inside a text is most likely something else. */
const SEARCHED_MIN_LENGTH = 6;

/** A client that sends thousands of secrets sees less of its own evidence; searching for them all would take too long. */
const SEARCHED_MAX = 600;
/** Cookies from this length on are taken for sessions. */
const SESSION_MIN_LENGTH = 16;

/** The request, and its body where a copy of it is in memory. */
interface Asked extends Pick<Settled, "requestBody"> {
  readonly exchange: Pick<Exchange, "request" | "params" | "route">;
}

export class KnownSecrets {
  readonly #rules: RedactionRules;
  readonly #whole = new Set<string>();
  #searched: Searched | null = null;

  constructor({ exchange, requestBody }: Asked, rules: RedactionRules) {
    this.#rules = rules;
    const { headers, query, path } = exchange.request;
    for (let i = 0; i + 1 < headers.length; i += 2) {
      const name = (headers[i] as string).toLowerCase();
      if (name === "cookie") this.#addCookies(headers[i + 1] as string, path);
      else if (rules.namesHeader(name)) this.#addCredentials(headers[i + 1] as string);
    }
    this.#addQuery(query);
    if (requestBody !== null) {
      const type = headerOf(headers, "content-type");
      for (const secret of secretsInBody(requestBody, type, rules, SEARCHED_MIN_LENGTH, SEARCHED_MAX)) this.add(secret);
    }
    for (const segment of secretSegments(path)) this.add(segment);
    for (const name of rules.pathNames) for (const value of pathValues(exchange, name)) this.add(value);
  }

  /** Percent-encoded or not. */
  add(secret: string): void {
    const plain = decoded(secret);
    if (secret === "" || (this.#whole.has(secret) && this.#whole.has(plain))) return;
    this.#searched = null;
    this.#whole.add(secret);
    this.#whole.add(plain);
  }

  /** A secret that stood in an answer. */
  addFound(secret: string): void {
    if (secret.length >= SEARCHED_MIN_LENGTH) this.add(secret);
  }

  /** Of an answer: `sid=…; Path=/`. */
  addCookieSet(header: string, path: string): void {
    this.#addCookies(header.split(";", 1)[0] as string, path);
  }

  /** Where `text` is a URL or a path: its secret segments and query values. */
  addFromUrl(text: string): void {
    if (!/^(?:\/|[a-z][a-z0-9+.-]*:\/\/)/i.test(text)) return;
    const [path = "", query = ""] = text.replace(/#.*$/, "").split("?", 2);
    for (const segment of secretSegments(path)) this.add(segment);
    this.#addQuery(query);
  }

  has(text: string): boolean {
    return this.#whole.has(text);
  }

  /** Replaces every one of them in `text`: as it is, as JSON spells it, and as a URL does. */
  mask(text: string, mask: Mask): string {
    this.#searched ??= new Searched(this.#whole);
    if (this.#searched.spellings.length > SEARCHED_MAX) return mask(text);
    if (!this.#searched.isIn(text)) return text;
    let shown = text;
    for (const secret of this.#searched.spellings) {
      if (shown.includes(secret)) shown = shown.replaceAll(secret, () => mask(secret));
    }
    return shown;
  }

  /** `Bearer x`: x is the secret. `Basic x`: also what it holds. */
  #addCredentials(value: string): void {
    this.add(value);
    const [, scheme = "", credentials] = /^(\S+)\s+(.+)$/.exec(value) ?? [];
    if (credentials === undefined) return;
    this.add(credentials);
    if (scheme.toLowerCase() !== "basic") return;
    const pair = Buffer.from(credentials, "base64").toString("utf8");
    this.add(pair);
    this.add(pair.slice(pair.indexOf(":") + 1));
  }

  /** Most cookies are no secrets (`theme=dark`): by their name they are, or by their length, unless it is an id. */
  #addCookies(header: string, path: string): void {
    for (const part of header.split(";")) {
      const equals = part.indexOf("=");
      const name = part.slice(0, Math.max(0, equals)).trim();
      const value = part.slice(equals + 1).trim();
      const isLong = value.length >= SESSION_MIN_LENGTH && !path.includes(value);
      if (isLong || this.#rules.namesCookie(name)) this.add(value);
    }
  }

  #addQuery(query: string): void {
    if (query === "") return;
    for (const [name, value] of new URLSearchParams(query)) if (this.#rules.namesQuery(name)) this.add(value);
  }
}

/** A path with stand-ins for the segments that are secret. */
export function pathShown(path: string, secrets: KnownSecrets, mask: Mask): string {
  const { hasPath, first, end } = locatePath(path);
  if (!hasPath || first > end) return path;
  const shown = path
    .slice(first, end)
    .split("/")
    .map((segment) => (secrets.has(segment) || secrets.has(decoded(segment)) ? mask(decoded(segment)) : segment));
  return path.slice(0, first) + shown.join("/") + path.slice(end);
}

/** A query with stand-ins for values under a secret name, and for those that are known to be secret. */
export function queryShown(query: string, rules: RedactionRules, secrets: KnownSecrets, mask: Mask): string {
  const shown = query.split("&").map((pair) => {
    const equals = pair.indexOf("=");
    const [name, value] = equals === -1 ? ["", pair] : [pair.slice(0, equals), pair.slice(equals + 1)];
    const text = decoded(value.replaceAll("+", " "));
    if (value === "" || !(rules.namesQuery(decoded(name)) || secrets.has(text) || secrets.has(value))) return pair;
    return `${equals === -1 ? "" : `${name}=`}${mask(text)}`;
  });
  return shown.join("&");
}

function decoded(text: string): string {
  if (!text.includes("%")) return text;
  const bytes = decodeSegment(text);
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** Secrets to look for: most texts hold none of them, and that is told in one pass over the text. */
class Searched {
  /** The longest first: one may hold another. */
  readonly spellings: readonly string[];
  readonly #byBeginning = new Map<number, string[]>();

  constructor(secrets: Iterable<string>) {
    this.spellings = spellings(secrets);
    if (this.spellings.length > SEARCHED_MAX) return;
    for (const spelling of this.spellings) {
      const beginning = hashAt(spelling, 0);
      const others = this.#byBeginning.get(beginning);
      if (others === undefined) this.#byBeginning.set(beginning, [spelling]);
      else others.push(spelling);
    }
  }

  isIn(text: string): boolean {
    if (this.#byBeginning.size === 0) return false;
    for (let at = 0; at + SEARCHED_MIN_LENGTH <= text.length; at++) {
      const candidates = this.#byBeginning.get(hashAt(text, at));
      if (candidates?.some((candidate) => text.startsWith(candidate, at)) === true) return true;
    }
    return false;
  }
}

/** Of as many characters as every spelling has. */
function hashAt(text: string, at: number): number {
  let hash = 0;
  for (let i = at; i < at + SEARCHED_MIN_LENGTH; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash;
}

function spellings(secrets: Iterable<string>): readonly string[] {
  const all = new Set<string>();
  for (const secret of secrets) {
    if (secret.length < SEARCHED_MIN_LENGTH) continue;
    all.add(secret);
    all.add(JSON.stringify(secret).slice(1, -1));
    all.add(encodeURIComponent(secret.toWellFormed()));
  }
  return [...all].sort((a, b) => b.length - a.length);
}

/** Segments that follow one which announces a secret, up to the path's end; an API's own words among them stay. */
function secretSegments(path: string): readonly string[] {
  const segments = splitPath(path) ?? [];
  const from = segments.findIndex((segment) => secretFollows(decodeSegment(segment)));
  if (from === -1) return [];
  return segments.slice(from + 1).filter((segment) => segment !== "" && !isRouteWord(segment));
}

/** What `path:name` names (entity-key.ts says what `path:id` falls back to), or every segment for `path`. */
function pathValues({ params, request, route }: Asked["exchange"], name: string): readonly string[] {
  if (name === "") return (splitPath(request.path) ?? []).filter((segment) => segment !== "");
  const value = params.named[name];
  if (value !== undefined) return [value];
  // A route without an entity takes the id from the path as well; then it is known from the key.
  if (name !== "id" || route.entity === null) return [];
  const others = Object.values(params.named);
  return others.length > 0 ? others.slice(-1) : params.rest.filter((segment) => segment !== "").slice(0, 1);
}
