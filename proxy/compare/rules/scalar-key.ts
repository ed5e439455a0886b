import { canonicalNumber } from "../../json/number.ts";
import { JsonNumber, type JsonValue } from "../../json/value.ts";

/** The same text for two scalars exactly when they are equal; null for containers. */
export function scalarKey(value: JsonValue): string | null {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return `"${value}`;
  return value instanceof JsonNumber ? `#${canonicalNumber(value.raw)}` : null;
}
