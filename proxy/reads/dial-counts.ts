/** What became of reads that fell to next while legacy was the primary, since the process began. */
import type { DialResult } from "./dial-results.ts";
import type { Telemetry } from "../ports.ts";

/** Of one route. */
export interface DialledReads {
  readonly next: number;
  readonly pinned: number;
  readonly askedAgain: number;
}

export interface DialCounts {
  count(route: string, result: DialResult, times?: number): void;
  of(route: string): DialledReads;
}

const NONE: DialledReads = { next: 0, pinned: 0, askedAgain: 0 };
const FIELD = { next: "next", pinned: "pinned", "asked-again": "askedAgain" } as const;

export function createDialCounts(telemetry: Pick<Telemetry, "dialledRead">): DialCounts {
  const routes = new Map<string, DialledReads>();
  return {
    count(route, result, times = 1) {
      const counts = routes.get(route) ?? NONE;
      const field = FIELD[result];
      routes.set(route, { ...counts, [field]: counts[field] + times });
      telemetry.dialledRead(route, result, times);
    },
    of: (route) => routes.get(route) ?? NONE,
  };
}
