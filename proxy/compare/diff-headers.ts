import type { RawHeaders } from "../exchange.ts";
import { isJsonType, parseMediaType } from "./decode.ts";
import type { Findings } from "./findings.ts";

/** Compares the answer headers of these lower-case names, and no others. */
export function diffHeaders(
  names: readonly string[],
  primary: RawHeaders,
  shadow: RawHeaders,
  findings: Findings,
): void {
  for (const name of names) {
    const a = valueOf(primary, name);
    const b = valueOf(shadow, name);
    if (a === b) continue;
    if (name === "content-type" && a !== null && b !== null && canonicalMediaType(a) === canonicalMediaType(b))
      continue;
    findings.header(name, a, b);
  }
}

/**
 * All lines of one header. A list in several lines is the same list with commas (RFC 9110, 5.3); only cookies must stay
 * lines (RFC 6265, section 3).
 */
function valueOf(headers: RawHeaders, name: string): string | null {
  let value: string | null = null;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const candidate = headers[i] as string;
    if (candidate.length !== name.length || candidate.toLowerCase() !== name) continue;
    const line = headers[i + 1] as string;
    value = value === null ? line : value + (name === "set-cookie" ? "\n" : ", ") + line;
  }
  return value;
}

/** Media types that mean the same have the same text: case, spaces and order of parameters aside. */
function canonicalMediaType(contentType: string): string {
  const type = parseMediaType(contentType);
  if (type === null) return contentType;
  const isJson = isJsonType(type.essence);
  const parameters = type.parameters
    .map(([name, value]) => [name, name === "charset" ? value.toLowerCase() : value] as const)
    // Each answer makes up its own boundary.
    .filter(([name]) => !(name === "boundary" && type.essence.startsWith("multipart/")))
    // JSON is UTF-8 whether it says so or not (RFC 8259, 8.1 and 11).
    .filter(([name, value]) => !(isJson && name === "charset" && value === "utf-8"));
  return JSON.stringify([type.essence, parameters]);
}
