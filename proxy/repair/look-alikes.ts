/** What the shadow answers when it is asked for entities like one that has no id there yet (`values.find`). Pure. */
import { decodeContent, contentEncodingOf } from "../compare/decode.ts";
import type { FindSettings } from "../config/settings.ts";
import type { Answer } from "../exchange.ts";
import { parseExact } from "../json/parse-exact.ts";
import { parsePointer } from "../json/pointer.ts";
import { printExact } from "../json/print-exact.ts";
import { findScalars, type FoundScalar } from "../json/read-pointer.ts";
import { JsonNumber, JsonObject, type JsonValue } from "../json/value.ts";

/** A list that has more is no look-up of one. */
const MOST = 100;
const READ_MAX_BYTES = 1024 * 1024;
const JSON_HEADERS = ["content-type", "application/json"];

export type Listed =
  | { readonly ok: true; readonly items: readonly Answer[] }
  | { readonly ok: false; readonly why: string };

/** Each as if it had been asked for alone. */
export function itemsOf(answer: Answer, { within }: FindSettings): Listed {
  const bytes = bytesOf(answer);
  const read = bytes === null ? null : parseExact(bytes);
  if (read === null || !read.ok) return unclear("its answer is no JSON of up to 1 MiB");
  const at = valueAt(read.value, parsePointer(within) ?? []);
  if (at === undefined) return unclear("its answer has nothing at values.find.in");
  const found = Array.isArray(at) ? (at as readonly JsonValue[]) : [at as JsonValue];
  if (found.length > MOST) return unclear(`its answer lists more than ${MOST}`);
  const items = found.map((item): Answer => {
    const body = { kind: "memory", bytes: Buffer.from(printExact(item, Number.POSITIVE_INFINITY)) } as const;
    return { status: 200, headers: JSON_HEADERS, body, ms: answer.ms };
  });
  return { ok: true, items };
}

/** What the entity says at each place of its natural key; null: not one text or number at each. */
export function naturalKeyOf(entity: Answer, { by }: FindSettings): readonly FoundScalar[] | null {
  const bytes = bytesOf(entity);
  if (bytes === null) return null;
  const found = by.map(({ at }) => findScalars(bytes, at.name, 2));
  return found.every(({ length }) => length === 1) ? found.map(([one]) => one as FoundScalar) : null;
}

/** The query that asks for it. */
export function queryFor({ by }: FindSettings, key: readonly FoundScalar[]): string {
  const asked = by.flatMap(({ query }, i) => (query === null ? [] : [[query, key[i]?.text ?? ""]]));
  return asked.map((pair) => pair.map((text) => encodeURIComponent(text.toWellFormed())).join("=")).join("&");
}

/** Nothing is rounded, and no case folded: whoever is not surely the same is another. */
export function isSameKey(one: readonly FoundScalar[], other: readonly FoundScalar[] | null): boolean {
  return other !== null && one.every(({ kind, text }, i) => other[i]?.kind === kind && other[i]?.text === text);
}

function bytesOf({ headers, body }: Answer): Buffer | null {
  if (body.kind !== "memory" || body.bytes.length > READ_MAX_BYTES) return null;
  return decodeContent(body.bytes, contentEncodingOf(headers), READ_MAX_BYTES);
}

function valueAt(value: JsonValue, tokens: readonly string[]): JsonValue | undefined {
  let at: JsonValue | undefined = value;
  for (const token of tokens) {
    if (typeof at !== "object" || at === null || at instanceof JsonNumber) return undefined;
    at =
      at instanceof JsonObject ? at.values[at.names.lastIndexOf(token)] : (at as readonly JsonValue[])[Number(token)];
  }
  return at;
}

function unclear(why: string): Listed {
  return { ok: false, why };
}
