/** How much clients still lean on values, paths and shapes that their primary has not: what is counted of it. */
import type { Telemetry } from "../ports.ts";

/** Of one route, since the process began. */
export interface MappedForClients {
  /** In which something had to be made the primary's, or the client's. */
  readonly requests: number;
  readonly answers: number;
  /** Of both, those that should have been looked at and passed as they were: too large, a part alone, or the store was away. */
  readonly unmapped: number;
}

export interface Mapping {
  readonly route: string;
  readonly of: "request" | "answer";
  readonly result: "mapped" | "unmapped";
}

export interface ClientMappings {
  count(mapping: Mapping, times?: number): void;
  of(route: string): MappedForClients;
}

const NONE: MappedForClients = { requests: 0, answers: 0, unmapped: 0 };

export function createClientMappings(telemetry: Pick<Telemetry, "mappedForClient">): ClientMappings {
  const routes = new Map<string, MappedForClients>();
  return {
    count({ route, of, result }, times = 1) {
      const counts = routes.get(route) ?? NONE;
      const counted = result === "unmapped" ? "unmapped" : of === "request" ? "requests" : "answers";
      routes.set(route, { ...counts, [counted]: counts[counted] + times });
      telemetry.mappedForClient(route, of, result, times);
    },
    of: (route) => routes.get(route) ?? NONE,
  };
}
