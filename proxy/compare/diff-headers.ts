import type { RawHeaders } from "../exchange.ts";
import { isJsonType, type MediaType, parseMediaType } from "./decode.ts";
import type { Findings } from "./findings.ts";

/**
 * Compares the answer headers of these lower-case names, and no others. Each multipart makes up its own boundary, so another
 * one says nothing, unless `haveSameBytes`: then one of the two is in its body, and the other is wrong.
 */
export function diffHeaders(
  names: readonly string[],
  primary: RawHeaders,
  shadow: RawHeaders,
  haveSameBytes: () => boolean,
  findings: Findings,
): void {
  for (const name of names) {
    const a = valueOf(primary, name);
    const b = valueOf(shadow, name);
    if (a === b) continue;
    if (name !== "content-type" || a === null || b === null || !areSameType(a, b, haveSameBytes))
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

function areSameType(a: string, b: string, haveSameBytes: () => boolean): boolean {
  const [typeA, typeB] = [parseMediaType(a), parseMediaType(b)];
  if (typeA === null || typeB === null || canonical(typeA) !== canonical(typeB)) return false;
  return boundaryOf(typeA) === boundaryOf(typeB) || !haveSameBytes();
}

function boundaryOf({ essence, parameters }: MediaType): string | null {
  if (!essence.startsWith("multipart/")) return null;
  return parameters.find(([name]) => name === "boundary")?.[1] ?? null;
}

/** Media types that mean the same have the same text: case, spaces, order of parameters and boundary aside. */
function canonical(type: MediaType): string {
  const isJson = isJsonType(type.essence);
  const parameters = type.parameters
    .map(([name, value]) => [name, name === "charset" ? value.toLowerCase() : value] as const)
    .filter(([name]) => !(name === "boundary" && type.essence.startsWith("multipart/")))
    // JSON is UTF-8 whether it says so or not (RFC 8259, 8.1 and 11).
    .filter(([name, value]) => !(isJson && name === "charset" && value === "utf-8"));
  return JSON.stringify([type.essence, parameters]);
}
