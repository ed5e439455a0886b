/** What the rules of a whole config hand back. */
import type { ConfigMessage } from "./message.ts";

export interface Findings {
  readonly errors: ConfigMessage[];
  readonly warnings: ConfigMessage[];
  /** Ignore rules that are past. They excuse nothing, which is all that a running proxy needs to know. */
  readonly expired: ConfigMessage[];
  /** What only `crossfade check` says: true of many sound configs. */
  readonly advice: ConfigMessage[];
}

export function noFindings(): Findings {
  return { errors: [], warnings: [], expired: [], advice: [] };
}
