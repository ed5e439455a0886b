/** What became of reads that next, as the primary, had nothing for, and of what legacy had of them, since the process began. */
import type { CopyResult, FallbackResult } from "./fallback-results.ts";
import { COPY_RESULTS, FALLBACK_RESULTS } from "./fallback-results.ts";
import type { Telemetry } from "../ports.ts";

/** Of one route. */
export interface FallbackReads extends Readonly<Record<FallbackResult, number>> {
  /** Entities that were to be brought over. */
  readonly copies: Readonly<Record<CopyResult, number>>;
}

export interface FallbackCounts {
  count(route: string, result: FallbackResult, times?: number): void;
  copied(route: string, result: CopyResult): void;
  of(route: string): FallbackReads;
}

export function createFallbackCounts(telemetry: Pick<Telemetry, "fallbackRead" | "copiedForward">): FallbackCounts {
  const reads = new Map<string, number>();
  const copies = new Map<string, number>();
  const add = (counts: Map<string, number>, route: string, result: string, times: number): void => {
    const name = `${result} ${route}`;
    counts.set(name, (counts.get(name) ?? 0) + times);
  };
  const all = <R extends string>(counts: Map<string, number>, route: string, results: readonly R[]) =>
    Object.fromEntries(results.map((result) => [result, counts.get(`${result} ${route}`) ?? 0])) as Record<R, number>;
  return {
    count(route, result, times = 1) {
      add(reads, route, result, times);
      telemetry.fallbackRead(route, result, times);
    },
    copied(route, result) {
      add(copies, route, result, 1);
      telemetry.copiedForward(route, result);
    },
    of: (route) => ({ ...all(reads, route, FALLBACK_RESULTS), copies: all(copies, route, COPY_RESULTS) }),
  };
}
