/** Asks whether legacy can be switched off for a route and Crossfade taken out: what was counted, and what the store has open. */
import type { Snapshot } from "./exchange.ts";
import type { GapRecord } from "./evidence.ts";
import type { LeaningCounter } from "./leaning-counter.ts";
import { NO_ROUTE } from "./leanings.ts";
import type { Clock, Store } from "./ports.ts";
import { askRetire } from "./phase/retire.ts";
import type { RetireAnswer } from "./retire.ts";

export interface RetireReportParts {
  readonly counter: Pick<LeaningCounter, "flush">;
  readonly store: Pick<Store, "leanings" | "openWork" | "gaps">;
  /** Epoch ms: since when next is the route's source of truth; null: it is not, or nobody noted it. */
  readonly cutOverAt: (route: string) => number | null;
  readonly snapshot: () => Snapshot;
  readonly clock: Pick<Clock, "now">;
}

export interface RetireReport {
  /**
   * `quietMs`: instead of what the route's settings ask for. null: there is no such route.
   * @throws CrossfadeError `store-unavailable`: then nobody can say
   */
  ask(route: string, quietMs?: number): Promise<RetireAnswer | null>;
}

const GAPS_AT_ONCE = 1_000;

export function createRetireReport(parts: RetireReportParts): RetireReport {
  return {
    async ask(name, quietMs) {
      const route = parts.snapshot().settings.routes.find((one) => one.name === name);
      if (route === undefined) return null;
      parts.counter.flush();
      const leanings = await parts.store.leanings();
      const open = (await parts.store.openWork()).find((one) => one.route === name);
      return askRetire({
        route,
        quietMs: quietMs ?? route.retire.quietMs,
        now: parts.clock.now(),
        cutOverAt: parts.cutOverAt(name),
        leanings: leanings.filter((one) => one.route === name || (one.route === NO_ROUTE && one.on === "unmatched")),
        openRepairs: open?.repairs ?? 0,
        gaps: (open?.gaps ?? 0) === 0 ? [] : await allGaps(parts.store, name),
      });
    },
  };
}

/** Gaps do not come with traffic: they are few. */
async function allGaps(store: Pick<Store, "gaps">, route: string): Promise<readonly GapRecord[]> {
  const all: GapRecord[] = [];
  let cursor: string | null = null;
  do {
    const query = { route, limit: GAPS_AT_ONCE, ...(cursor === null ? {} : { cursor }) };
    const page: Awaited<ReturnType<Store["gaps"]>> = await store.gaps(query);
    all.push(...page.items);
    cursor = page.next;
  } while (cursor !== null);
  return all;
}
