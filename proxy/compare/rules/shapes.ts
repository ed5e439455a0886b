/** Classes of values that no two services can make alike. */
import type { ShapeName } from "../../config/compare-settings.ts";
import { JsonNumber, type JsonValue } from "../../json/value.ts";
import { canonicalNumber } from "../../json/number.ts";
import { epochInstant, instantOfText } from "./instant.ts";

/** The class of the value, or null where it is none of this shape. Two values of one class agree. */
export type ShapeTest = (value: JsonValue) => string | null;

export const SHAPE_TESTS: Readonly<Record<ShapeName, ShapeTest>> = {
  uuid: text(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i),
  ulid: text(/^[0-7][0-9a-hjkmnp-tv-z]{25}$/i),
  instant: instantClass,
  jwt: text(/^eyJ[\w-]+\.[\w-]+\.[\w-]*$/),
  etag: etagClass,
  hash: hashClass,
  integer: integerClass,
  id: idClass,
};

function text(pattern: RegExp): ShapeTest {
  return (value) => (typeof value === "string" && pattern.test(value) ? "text" : null);
}

/** RFC 9110, 8.8.3; a weak one promises less than a strong one. */
function etagClass(value: JsonValue): string | null {
  if (typeof value !== "string" || !/^(?:W\/)?"[\x21\x23-\uffff]*"$/.test(value)) return null;
  return value.startsWith("W") ? "weak" : "strong";
}

/** Below this a number is a count, hardly a time: 1e8 s is 1973. */
const EARLIEST = 1e8;

/** Numbers and texts are two classes: a service that changes from one to the other changes its contract. */
function instantClass(value: JsonValue): string | null {
  if (value instanceof JsonNumber)
    return Number(value.raw) >= EARLIEST && epochInstant(value.raw) !== null ? "number" : null;
  if (typeof value !== "string") return null;
  if (/^\s*[\d.]+\s*$/.test(value)) return Number(value) >= EARLIEST && instantOfText(value) !== null ? "digits" : null;
  return instantOfText(value) === null ? null : "text";
}

/** Hex of the usual lengths, or `sha256-…` and `sha256:…`; digests of another kind are another class. */
function hashClass(value: JsonValue): string | null {
  if (typeof value !== "string" || value.length > 256) return null;
  const [, name, hex] = /^(?:([a-z0-9]{2,10})[:-])?([0-9a-f]+)$/i.exec(value) ?? [];
  if (hex !== undefined && [32, 40, 56, 64, 96, 128].includes(hex.length)) return `${name ?? ""} ${hex.length}`;
  const [, named, base64] =
    /^(md5|sha1|sha224|sha256|sha384|sha512)[:-]([A-Za-z0-9+/_-]{22,88}={0,2})$/i.exec(value) ?? [];
  return named === undefined || base64 === undefined ? null : `${named.toLowerCase()} ${base64.length}`;
}

function integerClass(value: JsonValue): string | null {
  if (typeof value === "string") return /^\d{1,39}$/.test(value) ? "digits" : null;
  if (!(value instanceof JsonNumber)) return null;
  const canonical = canonicalNumber(value.raw);
  return !canonical.startsWith("-") && (canonical === "0" || !canonical.includes("e-")) ? "number" : null;
}

/** What a program writes where it has no id. */
const NO_ID = /^(?:null|undefined|nan|none|nil|true|false|0)$/i;

/** An id whatever its scheme, number or text: the one class that lets a type change. */
function idClass(value: JsonValue): string | null {
  if (typeof value === "string") return /^[\w.:~-]{1,128}$/.test(value) && !NO_ID.test(value) ? "id" : null;
  return integerClass(value) === "number" && canonicalNumber((value as JsonNumber).raw) !== "0" ? "id" : null;
}
