/** What has to be known of, or changed in, a list of raw headers before Node writes it. Pure. */
import type { RawHeaders } from "../exchange.ts";

/** Content-Length of an answer, or -1 where it has none or not a usable one. */
export function announcedLength(headers: readonly string[]): number {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length === 14 && name.toLowerCase() === "content-length") {
      const length = Number(headers[i + 1]);
      return Number.isSafeInteger(length) && length >= 0 ? length : -1;
    }
  }
  return -1;
}

export function pairsOf(flat: RawHeaders): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push([flat[i] as string, flat[i + 1] as string]);
  return pairs;
}

/** Node writes early hints from an object whose `link` it insists on. */
export function hintsOf(headers: RawHeaders): Record<string, string | string[]> {
  const hints: Record<string, string | string[]> = {};
  for (const [name, value] of pairsOf(headers)) {
    const lower = name.toLowerCase();
    const earlier = hints[lower];
    // Node takes one link a value; others write several into one line.
    const values = lower === "link" ? value.split(/,\s*(?=<)/) : [value];
    const all = earlier === undefined ? values : [...(Array.isArray(earlier) ? earlier : [earlier]), ...values];
    hints[lower] = all.length === 1 ? (all[0] as string) : all;
  }
  return hints;
}

export function dropHeader(headers: string[], name: string): void {
  for (let i = headers.length - 2; i >= 0; i -= 2) {
    if ((headers[i] as string).toLowerCase() === name) headers.splice(i, 2);
  }
}
