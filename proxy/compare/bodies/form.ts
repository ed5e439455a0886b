import { JsonObject, type JsonValue } from "../../json/value.ts";
import { decodeIn } from "./charset.ts";

/** More than any form has; each pair costs many times its bytes. */
export const MAX_FORM_PAIRS = 100_000;

export type FormRead = { readonly ok: true; readonly value: JsonObject } | { readonly ok: false; readonly why: string };

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
      if (pairs > MAX_FORM_PAIRS) return { ok: false, why: `not read as a form: more than ${MAX_FORM_PAIRS} pairs` };
      const pair = text.slice(from, to);
      const equals = pair.indexOf("=");
      const name = decode(equals < 0 ? pair : pair.slice(0, equals), charset);
      const value = equals < 0 ? "" : decode(pair.slice(equals + 1), charset);
      if (typeof name !== "string") return name;
      if (typeof value !== "string") return value;
      const others = values.get(name);
      if (others === undefined) values.set(name, [value]);
      else others.push(value);
    }
    from = to + 1;
  }
  return { ok: true, value: objectOf(values) };
}

/** Names with their one value, or with all of them. */
export function objectOf(values: ReadonlyMap<string, readonly JsonValue[]>): JsonObject {
  return new JsonObject(
    [...values.keys()],
    Array.from(values.values(), (each) => (each.length === 1 ? (each[0] as JsonValue) : each)),
  );
}

function decode(encoded: string, charset: string | null): string | Extract<FormRead, { ok: false }> {
  const spaced = encoded.includes("+") ? encoded.replaceAll("+", " ") : encoded;
  const bytes = spaced.includes("%")
    ? spaced.replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
    : spaced;
  if (!/[\x80-\xff]/.test(bytes)) return bytes;
  const read = decodeIn(Buffer.from(bytes, "latin1"), charset ?? "utf-8");
  return read.ok ? read.text : { ok: false, why: `not read as a form: ${read.why}` };
}
