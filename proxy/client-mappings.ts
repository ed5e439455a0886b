/** How much clients still lean on values, paths and shapes that their primary has not: what is counted of it. */
import type { Telemetry } from "./ports.ts";

/** Of one route, since the process began. */
export interface MappedForClients {
  /** In which something had to be made the primary's, or the client's. */
  readonly requests: number;
  readonly answers: number;
  /** Of both, those that should have been looked at and passed as they were: too large, a part alone, or the store was away. */
  readonly unmapped: number;
}

export interface ClientMappings {
  count(route: string, of: "requests" | "answers", result: "mapped" | "unmapped"): void;
  of(route: string): MappedForClients;
}

const NONE: MappedForClients = { requests: 0, answers: 0, unmapped: 0 };

export function createClientMappings(telemetry: Pick<Telemetry, "mappedForClient">): ClientMappings {
  const routes = new Map<string, MappedForClients>();
  return {
    count(route, of, result) {
      const counts = routes.get(route) ?? NONE;
      const counted = result === "mapped" ? of : "unmapped";
      routes.set(route, { ...counts, [counted]: counts[counted] + 1 });
      telemetry.mappedForClient(route, of === "requests" ? "request" : "answer", result);
    },
    of: (route) => routes.get(route) ?? NONE,
  };
}
