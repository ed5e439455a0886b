import { readFileSync } from "node:fs";

/** Crossfade's own version. Built, this file lies one folder deeper than unbuilt. */
export function readVersion(): string {
  for (const place of ["../package.json", "../../package.json"]) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(place, import.meta.url), "utf8")) as Record<
        string,
        string
      >;
      if (name === "crossfade" && version !== undefined) return version;
    } catch {
      continue;
    }
  }
  return "0.0.0";
}
