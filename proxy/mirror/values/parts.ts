/** The part of a text that is a value, and how another one is put in its place. */
import type { ValuePart } from "../../config/settings.ts";

export interface FoundPart {
  /** Decoded. */
  readonly text: string;
  /** Within the text that it was found in. */
  readonly start: number;
  readonly end: number;
  /** As it has to be spelled there. */
  encode(text: string): string;
}

export function verbatim(text: string): string {
  return text;
}

export function findPart(text: string, part: ValuePart): FoundPart | null {
  switch (part.kind) {
    case "whole":
      return text === "" ? null : { text, start: 0, end: text.length, encode: verbatim };
    case "segment":
      return findSegment(text, part.number);
    case "query":
      return findInQuery(text, part.name);
  }
}

/** RFC 3986, 3: what stands before the path of a URL. */
const BEFORE_PATH = /^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?:\/\/[^/?#]*)?/;

function findSegment(url: string, number: number): FoundPart | null {
  const first = BEFORE_PATH.exec(url)?.[0].length ?? 0;
  const last = url.slice(first).search(/[?#]/);
  const spans = segmentSpans(url, first, last === -1 ? url.length : first + last);
  return segmentAt(url, spans.at(number > 0 ? number - 1 : number));
}

/** Of the parts between slashes that are not empty. */
export function segmentSpans(text: string, from: number, to: number): (readonly [start: number, end: number])[] {
  const spans: (readonly [number, number])[] = [];
  for (let start = from; start <= to;) {
    const slash = text.indexOf("/", start);
    const end = slash === -1 || slash > to ? to : slash;
    if (end > start) spans.push([start, end]);
    start = end + 1;
  }
  return spans;
}

export function segmentAt(text: string, span: readonly [start: number, end: number] | undefined): FoundPart | null {
  if (span === undefined) return null;
  const [start, end] = span;
  return { text: decode(text.slice(start, end)), start, end, encode: encodeSegment };
}

function findInQuery(url: string, name: string): FoundPart | null {
  const mark = url.indexOf("?");
  if (mark === -1) return null;
  const hash = url.indexOf("#", mark);
  const [found] = findPairs(url, mark + 1, hash === -1 ? url.length : hash, name);
  return found ?? null;
}

/** Values of that name in `a=b&c=d` (a query, a form) between `from` and `to`. */
export function findPairs(text: string, from: number, to: number, name: string): FoundPart[] {
  const found: FoundPart[] = [];
  for (let start = from; start < to;) {
    const and = text.indexOf("&", start);
    const end = and === -1 || and > to ? to : and;
    const equals = text.indexOf("=", start);
    if (equals !== -1 && equals < end - 1 && decodeForm(text.slice(start, equals)) === name) {
      found.push({
        text: decodeForm(text.slice(equals + 1, end)),
        start: equals + 1,
        end,
        encode: (other) => encodeURIComponent(other.toWellFormed()),
      });
    }
    start = end + 1;
  }
  return found;
}

function decodeForm(text: string): string {
  return decode(text.replaceAll("+", " "));
}

/** What does not decode is taken as it stands. */
function decode(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** RFC 3986, 3.3: these may stand in a part of a path as they are. */
function encodeSegment(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(/%(?:3A|40|24|26|2B|2C|3B|3D)/g, decodeURIComponent);
}
