import type { NormaliserName } from "../../config/compare-settings.ts";
import { JsonNumber, JsonObject, type JsonValue } from "../../json/value.ts";
import { numberInText } from "./decimal.ts";
import { decodeEntities } from "./html-entities.ts";
import { epochInstant, instantOfText, spellInstant } from "./instant.ts";
import { canonicalUrl } from "./url.ts";

/** A value, or undefined for one that is absent. What a normaliser has nothing to say about stays as it is. */
export type Normaliser = (value: JsonValue | undefined) => JsonValue | undefined;

/** Sets are not made value by value: see `asSet`. */
export const NORMALISER_OF: Readonly<Record<Exclude<NormaliserName, "sorted-set">, Normaliser>> = {
  trim: ofText((text) => text.trim()),
  lowercase: ofText((text) => text.toLowerCase()),
  unicode: ofText(composed),
  instant: (value) => {
    if (typeof value === "string") return instantAsNumber(instantOfText(value)) ?? value;
    return value instanceof JsonNumber ? (instantAsNumber(epochInstant(value.raw)) ?? value) : value;
  },
  number: (value) => {
    if (typeof value !== "string" && !(value instanceof JsonNumber)) return value;
    const raw = numberInText(typeof value === "string" ? value : value.raw);
    return raw === null ? value : new JsonNumber(raw);
  },
  url: ofText(canonicalUrl),
  uuid: ofText(canonicalUuid),
  "html-entities": ofText(decodeEntities),
  "null-as-absent": (value) => (value === null ? undefined : value),
  "empty-as-absent": (value) => (value !== undefined && isEmpty(value) ? undefined : value),
};

/** A header's list of values as a set: no order, no repetition. */
export function listAsSet(text: string): string {
  const members = text.split(",").map((member) => member.trim());
  return [...new Set(members.filter((member) => member !== ""))].sort().join(", ");
}

function ofText(change: (text: string) => string): Normaliser {
  return (value) => (typeof value === "string" ? change(value) : value);
}

/** Marks in a row beyond which text is no text (UAX #15, 13: 30); ICU's time is quadratic in them (measured: 0.9 s for 40,000). */
const UNREADABLE = /\p{M}{31}/u;

function composed(text: string): string {
  return UNREADABLE.test(text) ? text : text.normalize("NFC");
}

function instantAsNumber(instant: Parameters<typeof spellInstant>[0] | null): JsonNumber | null {
  return instant === null ? null : new JsonNumber(spellInstant(instant));
}

const UUID = /^(?:urn:uuid:)?(\{?)([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})(\}?)$/i;

function canonicalUuid(text: string): string {
  const [, open, ...parts] = UUID.exec(text) ?? [];
  const close = parts.pop();
  if (open === undefined || (open === "") !== (close === "")) return text;
  return parts.join("-").toLowerCase();
}

function isEmpty(value: JsonValue): boolean {
  if (typeof value === "string") return value === "";
  if (value instanceof JsonObject) return value.names.length === 0;
  return Array.isArray(value) && value.length === 0;
}
