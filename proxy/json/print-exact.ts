import { JsonNumber, JsonObject, type JsonValue } from "./value.ts";

/** Longest text of one value in evidence, in UTF-16 units, the mark of a cut included. */
export const PRINTED_MAX_CHARS = 512;

/** Ends (or begins) a text that was cut. */
const CUT = "…";

/** A container that is being printed. */
interface Open {
  readonly names: readonly string[] | null;
  readonly values: readonly JsonValue[];
  next: number;
}

/** The value as compact JSON text, numbers as they were spelled; cut after `maxChars`, and it stops working there too. */
export function printExact(value: JsonValue, maxChars: number = PRINTED_MAX_CHARS): string {
  const open: Open[] = [];
  let text = printHead(value, open, maxChars);
  while (open.length > 0 && text.length <= maxChars) {
    const container = open[open.length - 1] as Open;
    const { names, values, next } = container;
    if (next === values.length) {
      text += names === null ? "]" : "}";
      open.pop();
      continue;
    }
    container.next += 1;
    if (next > 0) text += ",";
    if (names !== null) text += `${quote(names[next] as string, maxChars)}:`;
    text += printHead(values[next] as JsonValue, open, maxChars);
  }
  return cutEnd(text, maxChars);
}

/**
 * Two values that differ, printed so that the texts differ too: where both are cut and agree that far, both begin shortly
 * before their first different character instead.
 */
export function printPair(a: JsonValue, b: JsonValue, maxChars: number = PRINTED_MAX_CHARS): [string, string] {
  const textA = printExact(a, maxChars);
  const textB = printExact(b, maxChars);
  if (textA !== textB) return [textA, textB];
  const longA = spelling(a);
  const longB = spelling(b);
  if (longA === null || longB === null) return [textA, textB];
  let at = 0;
  while (at < longA.length && longA.charCodeAt(at) === longB.charCodeAt(at)) at += 1;
  const from = Math.max(0, at - 32);
  return [printWindow(longA, from, maxChars), printWindow(longB, from, maxChars)];
}

function spelling(value: JsonValue): string | null {
  if (value instanceof JsonNumber) return value.raw;
  return typeof value === "string" ? value : null;
}

function printWindow(text: string, from: number, maxChars: number): string {
  const quoted = JSON.stringify(text.slice(from, from + maxChars)).slice(1, -1);
  return cutEnd(CUT + quoted + (from + maxChars < text.length ? CUT : ""), maxChars);
}

/** A scalar whole; of a container its bracket, and the container on `open`. */
function printHead(value: JsonValue, open: Open[], maxChars: number): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return quote(value, maxChars);
  if (value instanceof JsonNumber) return value.raw;
  if (value instanceof JsonObject) {
    open.push({ names: value.names, values: value.values, next: 0 });
    return "{";
  }
  open.push({ names: null, values: value, next: 0 });
  return "[";
}

/** JSON.stringify escapes lone surrogates (well-formed JSON.stringify, ES2019), so they stay visible and valid. */
function quote(text: string, maxChars: number): string {
  return JSON.stringify(text.length > maxChars ? text.slice(0, maxChars) : text);
}

function cutEnd(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  let end = maxChars - CUT.length;
  // Never half of a surrogate pair: the text goes into logs as UTF-8.
  if ((text.charCodeAt(end - 1) & 0xfc00) === 0xd800) end -= 1;
  return text.slice(0, end) + CUT;
}
