import type { RawHeaders } from "../exchange.ts";
import { isJsonType, parseMediaType } from "./decode.ts";
import type { Findings } from "./findings.ts";

/** Compares the answer headers of these lower-case names, and no others. */
export function diffHeaders(names: readonly string[], primary: RawHeaders, shadow: RawHeaders, findings: Findings): void {
  for (const name of names) {
    const a = valuesOf(primary, name);
    const b = valuesOf(shadow, name);
    if (!sameValues(name, a, b)) findings.header(name, a.length === 0 ? null : a.join(", "), b.length === 0 ? null : b.join(", "));
  }
}

function valuesOf(headers: RawHeaders, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const candidate = headers[i] as string;
    if (candidate.length === name.length && candidate.toLowerCase() === name) values.push(headers[i + 1] as string);
  }
  return values;
}

function sameValues(name: string, a: readonly string[], b: readonly string[]): boolean {
  if (a.length === 0 || b.length === 0) return a.length === b.length;
  // The one header whose lines must not be joined (RFC 6265, section 3); of the others, lines and commas say the same.
  if (name === "set-cookie") return a.length === b.length && a.every((value, i) => value === b[i]);
  const joinedA = a.join(", ");
  const joinedB = b.join(", ");
  if (joinedA === joinedB) return true;
  return name === "content-type" && canonicalMediaType(joinedA) === canonicalMediaType(joinedB);
}

/** Media types that mean the same have the same text: case, spaces and order of parameters aside. */
function canonicalMediaType(contentType: string): string {
  const type = parseMediaType(contentType);
  if (type === null) return contentType;
  const isJson = isJsonType(type.essence);
  const parameters = type.parameters
    .map(([name, value]) => [name, name === "charset" ? value.toLowerCase() : value] as const)
    // JSON is UTF-8 whether it says so or not (RFC 8259, 8.1 and 11).
    .filter(([name, value]) => !(isJson && name === "charset" && value === "utf-8"));
  return JSON.stringify([type.essence, parameters]);
}
