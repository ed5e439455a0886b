/**
 * What kind of value stood on each side of a difference: enough to tell causes apart ("null where there was a number" and
 * "another number" are two), and all that is told of it. Read from evidence, which is redacted by then. Pure.
 */
import type { Difference } from "../evidence/evidence.ts";

/** Sides that hold nothing: beside one of them only the JSON type of the other says something about the cause. */
const NOTHING: ReadonlySet<string> = new Set(["absent", "null", "empty"]);
const TEXTS: ReadonlySet<string> = new Set(["uuid", "ulid", "instant", "date", "url", "email", "hex"]);

/** Longer texts are of no class that is recognised below. */
const CLASSED_MAX_CHARS = 2048;
const STAND_IN = /^"?\[redacted [0-9a-f]{8}\]"?$/;
const NUMBER = /^…?-?\d[\d.eE+-]*…?$/;

/** In the order in which they are tried; each is linear in its text. */
const TEXT_CLASSES: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["uuid", /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i],
  ["ulid", /^[0-7][0-9a-hjkmnp-tv-z]{25}$/i],
  ["instant", /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?(?:Z|[+-]\d\d(?::?\d\d)?))?$/i],
  ["instant", /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/],
  ["date", /^\d{4}-\d\d-\d\d$/],
  ["url", /^(?:[a-z][a-z0-9+.-]*:)?\/\/[^\s/]/i],
  ["email", /^[^\s@]{1,64}@[^\s@]{1,255}$/],
  ["hex", /^[0-9a-f]{16,}$/i],
];

/**
 * The classes of both sides; null where they are the same, or the kind says all: of an order, a conflict, a loss of
 * precision. Whether a number has decimals is chance (10 and 10.5 are one price), and so is which text a field holds where
 * the other side has none: neither makes a cause of its own.
 */
export function valueClasses(difference: Difference): { readonly primary: string; readonly shadow: string } | null {
  const classOf = classifierFor(difference);
  if (classOf === null) return null;
  const primary = difference.primary === null ? "absent" : classOf(difference.primary);
  const shadow = difference.shadow === null ? "absent" : classOf(difference.shadow);
  return primary === shadow ? null : { primary: beside(shadow, primary), shadow: beside(primary, shadow) };
}

function beside(other: string, own: string): string {
  return NOTHING.has(other) && TEXTS.has(own) ? "text" : own;
}

function classifierFor({ at, kind }: Difference): ((value: string) => string) | null {
  switch (kind) {
    case "type":
    case "value":
    case "missing":
    case "extra":
      return at.startsWith("header:") ? classOfText : classOfJson;
    case "header":
      return classOfText;
    case "length":
      return (value) => (value === "0" ? "empty" : "filled");
    case "body":
      return classOfBody;
    case "status":
    case "order":
    case "precision":
    case "conflict":
      return null;
    default: {
      const never: never = kind;
      throw new TypeError(`no such kind: ${String(never)}`);
    }
  }
}

/** Of a JSON text, perhaps cut at its end. */
function classOfJson(text: string): string {
  if (STAND_IN.test(text)) return "secret";
  switch (text[0]) {
    case "n":
      return "null";
    case "t":
    case "f":
      return "boolean";
    case "[":
      return text === "[]" ? "empty" : "array";
    case "{":
      return text === "{}" ? "empty" : "object";
    case '"':
      return classOfText(text.endsWith('"') && text.length > 1 ? text.slice(1, -1) : text.slice(1));
    default:
      return text.length <= CLASSED_MAX_CHARS && NUMBER.test(text) ? "number" : classOfBody(text);
  }
}

/** Of a text itself, without quotes. */
export function classOfText(text: string): string {
  if (text === "") return "empty";
  if (STAND_IN.test(text)) return "secret";
  // Most texts have nothing in them that a class below is told by.
  if (text.length > CLASSED_MAX_CHARS || !/[\d@/]/.test(text)) return "text";
  return TEXT_CLASSES.find(([, pattern]) => pattern.test(text))?.[0] ?? "text";
}

/** Of the words that compare has for a body it does not quote. */
function classOfBody(words: string): string {
  if (/^0 bytes\b/.test(words)) return "empty";
  if (/\bnot JSON\b/.test(words)) return "not-json";
  if (/\bnot read as\b/.test(words)) return "unread";
  if (/\bcompared undecoded\b/.test(words)) return "undecoded";
  return /^\d+ bytes?\b/.test(words) ? "bytes" : "text";
}
