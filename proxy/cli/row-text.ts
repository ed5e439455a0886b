/** A row for people's eyes: what is secret by its name, or redacted by the route, is not shown. */
import type { Locator } from "../config/terms.ts";
import { matchesPointer } from "../json/pointer.ts";
import { isSecretName } from "../record/secret-names.ts";
import type { Row, RowValue } from "../rows/rows.ts";

const VALUE_MAX_CHARS = 80;

export function rowShown(row: Row, redact: readonly Locator[]): string {
  const patterns = redact.flatMap(({ source, name }) => (source === "body" || source === "answer" ? [name] : []));
  const shown = Object.entries(row).map(([column, value]) => {
    const isHidden = isSecretName(column) || patterns.some((pattern) => matchesPointer(pattern, [column]));
    return `${column}: ${isHidden && value !== null ? "[redacted]" : spell(value)}`;
  });
  return `{ ${shown.join(", ")} }`;
}

function spell(value: RowValue): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > VALUE_MAX_CHARS ? `${value.slice(0, VALUE_MAX_CHARS)}…` : value);
  }
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return Array.isArray(value) ? `[${value.map(spell).join(", ")}]` : String(value);
}
