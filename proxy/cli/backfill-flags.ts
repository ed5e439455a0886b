/** What `crossfade backfill` is told on its command line. */
import type { ApiOptions } from "./api.ts";
import type { TimeOrOff } from "./options.ts";

export interface BackfillFlags extends ApiOptions {
  readonly json?: boolean;
  readonly color?: boolean;
  readonly dryRun?: boolean;
  readonly try?: number;
  readonly types?: string;
  /** A file with a key a line, or keys with commas in between. */
  readonly keys?: string;
  /** ISO 8601, UTC. */
  readonly since?: string;
  /** Ranges of keys that are brought over at the same time. */
  readonly ranges?: number;
  readonly restart?: boolean;
  readonly checkpoint?: string;
  readonly maxRate?: number;
  /** ms; null: off. */
  readonly maxLag: TimeOrOff;
  /** ms; null: off. */
  readonly maxLatency: TimeOrOff;
  readonly pauseFile?: string;
  readonly chunk?: number;
  readonly maxSetAside: number;
}

/** What tells a backfill of some rows from one of others; null: all are brought over. */
export function choiceOf({ keys, since }: BackfillFlags): "keys" | "since" | null {
  return keys !== undefined ? "keys" : since !== undefined ? "since" : null;
}
