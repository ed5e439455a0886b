/** Rows as JSON objects. What JSON does not tell (an exact decimal, bytes, a nested document) the place's `kinds` do. */
import { Buffer } from "node:buffer";
import { canonicalNumber } from "../../../proxy/json/number.ts";
import { parseExact } from "../../../proxy/json/parse-exact.ts";
import { printExact } from "../../../proxy/json/print-exact.ts";
import { JsonNumber, JsonObject, type JsonValue } from "../../../proxy/json/value.ts";
import { type ColumnKind, putColumn, type Row, type RowValue } from "../../../proxy/rows/rows.ts";

export type DeclaredKinds = Readonly<Record<string, ColumnKind>>;

const INTEGER = /^-?(?:0|[1-9]\d*)$/;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** @throws TypeError that names a member whose kind has to be declared */
export function readRow(object: JsonObject, declared: DeclaredKinds, leaveOut: ReadonlySet<string>): Row {
  const row: Record<string, RowValue> = {};
  for (const [i, name] of object.names.entries()) {
    if (leaveOut.has(name)) continue;
    const kind = Object.hasOwn(declared, name) ? declared[name] : undefined;
    putColumn(row, name, readValue(object.values[i] ?? null, name, kind));
  }
  return row;
}

/** A value of another kind than was declared is read as what it is: the target, or the comparison, says so. */
function readValue(value: JsonValue, name: string, kind: ColumnKind | undefined): RowValue {
  if (value === null) return null;
  if (kind === "json") return printExact(value, Number.POSITIVE_INFINITY);
  if (typeof value === "boolean") return value;
  if (typeof value === "string") return kind === "bytes" && BASE64.test(value) ? Buffer.from(value, "base64") : value;
  if (value instanceof JsonNumber) return readNumber(value.raw, name, kind);
  if (kind === "array" && !(value instanceof JsonObject)) return value.map((each) => readValue(each, name, kind));
  const what = value instanceof JsonObject ? "an object" : "a list";
  throw new TypeError(`member ${name} is ${what}; say what it is: kinds: { ${name}: json }, or leaveOut: [${name}]`);
}

function readNumber(raw: string, name: string, kind: ColumnKind | undefined): RowValue {
  if (kind === "decimal") return raw;
  if (kind === "double") return Number(raw);
  if (raw !== "-0" && INTEGER.test(raw)) return BigInt(raw);
  const double = Number(raw);
  const isExact = Number.isFinite(double) && canonicalNumber(String(double)) === canonicalNumber(raw);
  if (isExact) return double;
  const why = `member ${name} holds a number with more digits than a double has`;
  throw new TypeError(`${why}; say which it is: kinds: { ${name}: decimal }, or double`);
}

/** @throws TypeError where JSON, or the declared kind, has no such value */
export function spellValue(value: RowValue, name: string, kind: ColumnKind | undefined): JsonValue {
  switch (typeof value) {
    case "boolean":
      return value;
    case "bigint":
      // A database without booleans has 0 and 1 of them.
      if (kind === "boolean" && (value === 0n || value === 1n)) return value === 1n;
      return kind === "text" ? String(value) : new JsonNumber(String(value));
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`column ${name}: JSON has no ${value}`);
      return new JsonNumber(Object.is(value, -0) ? "-0" : String(value));
    case "string":
      return spellText(value, name, kind);
    case "object":
      if (value === null) return null;
      if (!(value instanceof Uint8Array)) return value.map((each) => spellValue(each, name, undefined));
      if (kind !== "bytes") throw new TypeError(`column ${name} holds bytes; write kinds: { ${name}: bytes }`);
      return Buffer.from(value).toString("base64");
    default:
      return value satisfies never;
  }
}

function spellText(text: string, name: string, kind: ColumnKind | undefined): JsonValue {
  if (kind === "json") {
    const read = parseExact(text);
    if (!read.ok) throw new TypeError(`column ${name} is no JSON: ${read.why}`);
    return read.value;
  }
  if (kind !== "decimal" && kind !== "integer" && kind !== "double") return text;
  if (kind === "integer" ? INTEGER.test(text) : NUMBER.test(text)) return new JsonNumber(text);
  throw new TypeError(`column ${name} is ${kind}, and this text is no such number`);
}

/** The object with these members over its own; of several with one name the last counts. */
export function withMembers(
  object: JsonObject,
  row: Row,
  declared: DeclaredKinds,
  leaveOut: ReadonlySet<string>,
): JsonObject {
  const members = new Map<string, JsonValue>();
  for (const [i, name] of object.names.entries()) {
    if (!leaveOut.has(name)) members.set(name, object.values[i] ?? null);
  }
  for (const [name, value] of Object.entries(row)) {
    if (leaveOut.has(name)) continue;
    members.set(name, spellValue(value, name, Object.hasOwn(declared, name) ? declared[name] : undefined));
  }
  return new JsonObject([...members.keys()], [...members.values()]);
}

export function spellObject(object: JsonObject): string {
  return printExact(object, Number.POSITIVE_INFINITY);
}

/** What values of a member look like, for the kinds that nobody declared. */
export function kindOf(value: RowValue | undefined): ColumnKind | null {
  switch (typeof value) {
    case "bigint":
      return "integer";
    case "number":
      return "double";
    case "boolean":
      return "boolean";
    case "string":
      return "text";
    default:
      return null;
  }
}
