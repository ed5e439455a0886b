import { JsonObject, type JsonValue } from "../../json/value.ts";
import { decodeIn, type TextRead } from "./charset.ts";

/** More than any form has; each pair costs many times its bytes. */
export const MAX_FORM_PAIRS = 100_000;

export type FormRead = { readonly ok: true; readonly value: JsonObject } | { readonly ok: false; readonly why: string };

const PLUS = 0x2b;
const PERCENT = 0x25;
const SPACE = 0x20;

/**
 * application/x-www-form-urlencoded, as browsers and the URL standard read it: names in the order in which they first come,
 * each with its value, or with an array of its values where it comes more than once. `%zz` stays as it is.
 */
export function readForm(bytes: Buffer, charset: string | null): FormRead {
  // A character a byte, until names and values are decoded one by one.
  const text = bytes.toString("latin1");
  const values = new Map<string, JsonValue[]>();
  let pairs = 0;
  for (let from = 0; from < text.length;) {
    let to = text.indexOf("&", from);
    if (to < 0) to = text.length;
    if (to > from) {
      pairs += 1;
      if (pairs > MAX_FORM_PAIRS) return unread(`more than ${MAX_FORM_PAIRS} pairs`);
      const pair = text.slice(from, to);
      const equals = pair.indexOf("=");
      const name = decode(equals < 0 ? pair : pair.slice(0, equals), charset);
      const value = decode(equals < 0 ? "" : pair.slice(equals + 1), charset);
      if (!name.ok) return unread(name.why);
      if (!value.ok) return unread(value.why);
      const others = values.get(name.text);
      if (others === undefined) values.set(name.text, [value.text]);
      else others.push(value.text);
    }
    from = to + 1;
  }
  return { ok: true, value: objectOf(values) };
}

function unread(why: string): FormRead {
  return { ok: false, why: `not read as a form: ${why}` };
}

/** Names with their one value, or with all of them. */
export function objectOf(values: ReadonlyMap<string, readonly JsonValue[]>): JsonObject {
  return new JsonObject(
    [...values.keys()],
    Array.from(values.values(), (each) => (each.length === 1 ? (each[0] as JsonValue) : each)),
  );
}

/** `encoded` has a character for each byte. */
function decode(encoded: string, charset: string | null): TextRead {
  if (!/[+%\x80-\xff]/.test(encoded)) return { ok: true, text: encoded };
  const bytes = Buffer.from(encoded, "latin1");
  let length = 0;
  // In place: what is decoded is never longer.
  for (let at = 0; at < bytes.length; at += 1) {
    let byte = bytes[at] as number;
    if (byte === PLUS) {
      byte = SPACE;
    } else if (byte === PERCENT) {
      const high = hexDigit(bytes[at + 1]);
      const low = hexDigit(bytes[at + 2]);
      if (high >= 0 && low >= 0) {
        byte = high * 16 + low;
        at += 2;
      }
    }
    bytes[length++] = byte;
  }
  return decodeIn(bytes.subarray(0, length), charset ?? "utf-8");
}

function hexDigit(byte = 0): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
