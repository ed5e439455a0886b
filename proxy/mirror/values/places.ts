/** Where in a request or an answer values of the configuration stand. Pure. */
import type { RouteSettings, ValuePlace } from "../../config/settings.ts";
import type { PathParams } from "../../exchange.ts";
import { findScalars } from "../../json/read-pointer.ts";
import { parsePointer } from "../../json/pointer.ts";
import { parsePattern, type Pattern } from "../../pattern.ts";
import { locatePath } from "../../target.ts";
import type { DocumentName, Documents } from "./documents.ts";
import { findPairs, findPart, segmentAt, segmentSpans, verbatim, type FoundPart } from "./parts.ts";
import type { Spelling } from "./seal.ts";

/** A request with more values than these is not mapped; of an answer, those beyond. */
export const MAX_VALUES = 1_000;

export interface FoundValue {
  readonly kind: string;
  readonly text: string;
  readonly spelling: Spelling;
  /** Where: a JSON pointer, `header:NAME`, or as the configuration has it. Names of members may be secret. */
  readonly at: string;
  /** The locator that asked for it. */
  readonly asked: string;
  /** One of several words of a header, any of which may be something else. */
  readonly isGuess: boolean;
  readonly in: DocumentName;
  readonly start: number;
  readonly end: number;
  /** What has to stand from `start` to `end` for another value; null: it cannot stand there. */
  write(text: string, spelling: Spelling): string | null;
}

/** Needed for `path:`. */
export interface InPath {
  readonly route: RouteSettings;
  readonly params: PathParams;
}

export function findInRequest(documents: Documents, places: readonly ValuePlace[], inPath: InPath): FoundValue[] {
  const found: FoundValue[] = [];
  for (const place of places) {
    const { source, name } = place.at;
    if (source === "path") addPath(found, place, findInPath(documents.target, name, inPath));
    else if (source === "query") {
      for (const part of findInQueryOf(documents.target, name)) addText(found, place, "target", part);
    } else if (source === "header") addHeaders(found, place, documents, name, true);
    else if (source === "cookie") addCookies(found, place, documents);
    else if (source === "body") addBody(found, place, documents);
  }
  return found;
}

export function findInAnswer(documents: Documents, places: readonly ValuePlace[]): FoundValue[] {
  const found: FoundValue[] = [];
  for (const place of places) {
    const { source, name } = place.at;
    // What a request says at a pointer, the answer to it says again.
    if (source === "answer" || source === "body") addBody(found, place, documents);
    else if (source === "answer-header") addHeaders(found, place, documents, name, false);
    else if (source === "cookie") addSetCookies(found, place, documents);
  }
  return found.slice(0, MAX_VALUES);
}

function addText(found: FoundValue[], place: ValuePlace, document: DocumentName, part: FoundPart | null): void {
  if (part === null) return;
  const inner = findPart(part.text, place.part);
  if (inner === null) return;
  const { source, name } = place.at;
  const about = {
    kind: place.kind,
    text: inner.text,
    spelling: "plain",
    at: source === "header" || source === "answer-header" ? `header:${name}` : `${source}:${name}`,
    asked: `${source}:${name}`,
    isGuess: false,
    in: document,
  } as const;
  if (part.encode === verbatim) {
    // Only the value itself: another part of the same text may be a value too.
    const [start, end] = [part.start + inner.start, part.start + inner.end];
    found.push({ ...about, start, end, write: (text) => inner.encode(text) });
    return;
  }
  found.push({
    ...about,
    start: part.start,
    end: part.end,
    write: (text) => part.encode(part.text.slice(0, inner.start) + inner.encode(text) + part.text.slice(inner.end)),
  });
}

// ---------------------------------------------------------------- target

/** Steps of a path, however they are escaped: no value that a path could hold (RFC 3986, 5.2.4). */
const STEP = /^\.{1,2}$/;

function addPath(found: FoundValue[], place: ValuePlace, part: FoundPart | null): void {
  const before = found.length;
  addText(found, place, "target", part);
  const added = found[before];
  if (added !== undefined) found[before] = { ...added, write: writableAs(added.write, STEP) };
}

const patterns = new WeakMap<RouteSettings, Pattern>();

function patternOf(route: RouteSettings): Pattern {
  let pattern = patterns.get(route);
  if (pattern === undefined) {
    const parsed = parsePattern(route.match.path);
    if (!parsed.ok) throw new TypeError(`path pattern ${route.match.path} ${parsed.error}`);
    patterns.set(route, (pattern = parsed.pattern));
  }
  return pattern;
}

/** The part that is the parameter; `id` as in entity keys: else the last one, else the first that `**` caught. */
function findInPath(target: string, name: string, { route, params }: InPath): FoundPart | null {
  const path = pathOf(target);
  const span = locatePath(path);
  if (!span.hasPath) return null;
  const spans = segmentSpans(path, span.first, span.end);
  const { segments, names } = patternOf(route);
  const many = segments.findIndex(({ kind }) => kind === "many");
  const asked = names.includes(name) ? name : name === "id" ? names.at(-1) : null;
  if (asked === null) return null;
  if (asked === undefined) return many === -1 ? null : segmentAt(path, spans[many]);
  const index = segments.findIndex((segment) => segment.kind === "one" && segment.name === asked);
  if (many === -1 || index < many) return segmentAt(path, spans[index]);
  // Behind `**` parts are counted from the end; optional ones may be absent.
  const value = params.named[asked];
  for (let fromEnd = segments.length - index; fromEnd > 0; fromEnd -= 1) {
    const at = spans.at(-fromEnd);
    if (at !== undefined && path.slice(...at) === value) return segmentAt(path, at);
  }
  return null;
}

function pathOf(target: string): string {
  const mark = target.indexOf("?");
  return mark === -1 ? target : target.slice(0, mark);
}

function findInQueryOf(target: string, name: string): FoundPart[] {
  const mark = target.indexOf("?");
  return mark === -1 ? [] : findPairs(target, mark + 1, target.length, name);
}

// ---------------------------------------------------------------- headers

/** What a header cannot hold, or what would begin another one. */
const UNWRITABLE = /[^\t\x20-\x7e\x80-\xff]/;

function addHeaders(found: FoundValue[], place: ValuePlace, { headers }: Documents, name: string, words: boolean) {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if ((headers[i] as string).toLowerCase() !== name) continue;
    const line = headers[i + 1] as string;
    const parts = words && place.part.kind === "whole" ? wordsOf(name, line) : [{ start: 0, end: line.length }];
    for (const { start, end } of parts) {
      const text = line.slice(start, end);
      const before = found.length;
      addText(found, place, i + 1, { text, start, end, encode: verbatim });
      const added = found[before];
      if (added !== undefined) {
        found[before] = { ...added, isGuess: parts.length > 1, write: writableAs(added.write, UNWRITABLE) };
      }
    }
  }
}

function writableAs(write: FoundValue["write"], unwritable: RegExp): FoundValue["write"] {
  return (text, spelling) => {
    const written = write(text, spelling);
    return written === null || unwritable.test(written) ? null : written;
  };
}

/** `W/"abc"`, `<opaquelocktoken:…>`, or what stands between spaces, commas and brackets. */
const WORD = /(?:W\/)?"[^"]*"|<[^<>]*>|[^\s,;()[\]<>"]+/g;

/** The credentials of `Bearer …`; a whole line; or its words, where it is a list (`If-Match: "a", "b"`, `If: (<…>)`). */
function wordsOf(name: string, line: string): { readonly start: number; readonly end: number }[] {
  if (name === "authorization" || name === "proxy-authorization") {
    const scheme = /^\S+ +/.exec(line)?.[0].length ?? 0;
    return [{ start: scheme, end: line.length }];
  }
  const words = [...line.matchAll(WORD)].map(({ 0: word, index }) => ({ start: index, end: index + word.length }));
  if (words.length === 0) return [{ start: 0, end: line.length }];
  return words;
}

// ---------------------------------------------------------------- cookies

/** RFC 6265, 4.1.1: what would end a cookie's value. */
const NO_COOKIE = /[^\x21-\x3a\x3c-\x7e]/;

function addCookies(found: FoundValue[], place: ValuePlace, { headers }: Documents): void {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if ((headers[i] as string).toLowerCase() !== "cookie") continue;
    const line = headers[i + 1] as string;
    for (const { 0: pair, index } of line.matchAll(/[^;]+/g)) addCookie(found, place, i + 1, pair, index);
  }
}

function addSetCookies(found: FoundValue[], place: ValuePlace, { headers }: Documents): void {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if ((headers[i] as string).toLowerCase() !== "set-cookie") continue;
    addCookie(found, place, i + 1, (headers[i + 1] as string).split(";", 1)[0] as string, 0);
  }
}

function addCookie(found: FoundValue[], place: ValuePlace, header: number, pair: string, offset: number): void {
  const match = /^\s*([^=\s]+)\s*=\s*("?)([^"]*?)\2\s*$/.exec(pair);
  if (match === null || match[1] !== place.at.name) return;
  const text = match[3] as string;
  const start = offset + pair.indexOf(text, pair.indexOf("=") + 1);
  const before = found.length;
  addText(found, place, header, { text, start, end: start + text.length, encode: verbatim });
  const added = found[before];
  if (added !== undefined) found[before] = { ...added, write: writableAs(added.write, NO_COOKIE) };
}

// ---------------------------------------------------------------- bodies

function addBody(found: FoundValue[], place: ValuePlace, { body, form }: Documents): void {
  if (body === null || body.length === 0) return;
  if (form === "form") {
    const [name, ...more] = parsePointer(place.at.name) ?? [];
    if (name === undefined || more.length > 0) return;
    const text = body.toString("latin1");
    for (const part of findPairs(text, 0, text.length, name)) addText(found, place, "body", part);
    return;
  }
  if (form !== "json") return;
  for (const { at, kind, text, start, end } of findScalars(body, place.at.name, MAX_VALUES + 1)) {
    const inner = findPart(text, place.part);
    if (inner === null) continue;
    const asked = `${place.at.source}:${place.at.name}`;
    const about = {
      kind: place.kind,
      text: inner.text,
      spelling: kind,
      at,
      asked,
      isGuess: false,
      in: "body",
    } as const;
    if (place.part.kind === "whole") {
      const write: FoundValue["write"] = (other, spelling) => (spelling === "number" ? other : JSON.stringify(other));
      found.push({ ...about, start, end, write });
    } else if (kind === "string" && end - start === text.length + 2 && /^[\x20-\x7e]*$/.test(text)) {
      // A byte for each character: only the value itself, since another part of the URL may be a value too.
      const write: FoundValue["write"] = (other) => JSON.stringify(inner.encode(other)).slice(1, -1);
      found.push({ ...about, spelling: "plain", start: start + 1 + inner.start, end: start + 1 + inner.end, write });
    } else {
      const write: FoundValue["write"] = (other) =>
        JSON.stringify(text.slice(0, inner.start) + inner.encode(other) + text.slice(inner.end));
      found.push({ ...about, spelling: "plain", start, end, write });
    }
  }
}
