/** What the rules of a whole config hand back. */
import type { ConfigMessage } from "./message.ts";

export interface Findings {
  readonly errors: ConfigMessage[];
  readonly warnings: ConfigMessage[];
  /** What only `crossfade check` says: true of many sound configs. */
  readonly advice: ConfigMessage[];
}

export function noFindings(): Findings {
  return { errors: [], warnings: [], advice: [] };
}
