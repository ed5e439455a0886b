import { hash } from "node:crypto";
import type { CompareSettings } from "../config/compare-settings.ts";

const digests = new WeakMap<CompareSettings, string>();

/** Tells whether two counts were made by the same rules of a comparison. */
export function rulesDigest(compare: CompareSettings): string {
  let digest = digests.get(compare);
  if (digest === undefined) {
    const { noise: _noise, ...rules } = compare;
    digest = hash("sha256", JSON.stringify(rules), "hex").slice(0, 8);
    digests.set(compare, digest);
  }
  return digest;
}
