/** Values that stand behind a name in text of any kind: `token=…`, `"password":"…"`, `pwd='…'`, `<password>…`. Pure. */

/** Where a value stands in a text, without its quotation marks. */
export interface AssignedValue {
  readonly from: number;
  readonly to: number;
  /** Between quotation marks: all of it is the value, and nothing else. */
  readonly isQuoted: boolean;
}

/**
 * A name with what separates it from its value. It begins where the run of its characters does (the lookbehind): otherwise
 * a text of 16 KiB without a separator, which a client can send as its path, costs the square of its length.
 */
const NAMED = /(?<![\w.[\]-])([\w.[\]-]+)(?:\\*["']?\s*([:=])\s*)/g;
/** Of an element: `<ns:password type="x">`. */
const ELEMENT = /<(?:[\w.-]+:)?([\w.-]+)(?:\s[^<>]*)?>(?!<)/g;
/** As JSON spells it within JSON: `\"`. */
const QUOTE = /\\*["']/y;
/** Of a query, a form, a cookie or a log line. */
const BARE_AFTER_EQUALS = /[^&;,\s"'<>#]+/y;
/** Of a text for people, or a member that was cut. */
const BARE_AFTER_COLON = /[^"'\\,}\]\s][^"'\\,}\]]*/y;
const CONTENT_OF_ELEMENT = /[^<]+/y;
/** It has been taken out already. */
const STAND_IN = "[redacted";

/** In order, none within another. A name that is not wanted hides nothing in its value: `error: password: …`. */
export function assignedValues(text: string, isWanted: (name: string) => boolean): readonly AssignedValue[] {
  const named = found(text, NAMED, isWanted, (from, separator) => valueAt(text, from, separator === ":"));
  if (!text.includes("<")) return named;
  const elements = found(text, ELEMENT, isWanted, (from) => bareAt(text, from, CONTENT_OF_ELEMENT));
  return inOrder([...named, ...elements]);
}

function found(
  text: string,
  pattern: RegExp,
  isWanted: (name: string) => boolean,
  valueFrom: (from: number, separator: string) => AssignedValue | null,
): readonly AssignedValue[] {
  const values: AssignedValue[] = [];
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    if (!isWanted(match[1] as string)) continue;
    const value = valueFrom(pattern.lastIndex, match[2] ?? "");
    if (value === null || value.to === value.from || text.startsWith(STAND_IN, value.from)) continue;
    values.push(value);
    pattern.lastIndex = value.to;
  }
  return values;
}

function inOrder(values: AssignedValue[]): readonly AssignedValue[] {
  values.sort((a, b) => a.from - b.from || b.to - a.to);
  let end = 0;
  return values.filter(({ from, to }) => {
    if (from < end) return false;
    end = to;
    return true;
  });
}

function valueAt(text: string, from: number, isAfterColon: boolean): AssignedValue | null {
  const quote = quoteAt(text, from);
  if (quote !== null) return { from: from + quote.length, to: endOfQuoted(text, from, quote), isQuoted: true };
  const isContainer = isAfterColon && (text[from] === "[" || text[from] === "{");
  if (isContainer) return { from, to: endOfContainer(text, from), isQuoted: false };
  return bareAt(text, from, isAfterColon ? BARE_AFTER_COLON : BARE_AFTER_EQUALS);
}

function bareAt(text: string, from: number, pattern: RegExp): AssignedValue | null {
  pattern.lastIndex = from;
  return pattern.test(text) ? { from, to: pattern.lastIndex, isQuoted: false } : null;
}

function quoteAt(text: string, from: number): string | null {
  QUOTE.lastIndex = from;
  return QUOTE.exec(text)?.[0] ?? null;
}

/** The place of the same quotation mark; one with more backslashes is part of the value. The text's end, where it was cut. */
function endOfQuoted(text: string, from: number, quote: string): number {
  for (let at = from + quote.length; ; at += quote.length) {
    at = text.indexOf(quote, at);
    if (at === -1) return text.length;
    if (text[at - 1] !== "\\") return at;
  }
}

/** Past its last bracket: what is in its strings counts for none. */
function endOfContainer(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    const unit = text[at] as string;
    if (unit === "[" || unit === "{") depth += 1;
    else if (unit === "]" || unit === "}") depth -= 1;
    else if (unit === '"' || unit === "\\") {
      const quote = quoteAt(text, at);
      at = quote === null ? endOfBackslashes(text, at) - 1 : endOfQuoted(text, at, quote) + quote.length - 1;
    }
    if (depth === 0) return at + 1;
  }
  return text.length;
}

function endOfBackslashes(text: string, from: number): number {
  let at = from;
  while (text[at] === "\\") at += 1;
  return at;
}
