/** Asks whether legacy can be switched off for a route and Crossfade taken out: what was counted, and what the store has open. */
import type { RouteSettings, Settings } from "../config/settings.ts";
import type { Snapshot } from "../exchange.ts";
import type { GapRecord } from "../evidence/evidence.ts";
import type { LeaningCounter } from "./leaning-counter.ts";
import { NO_ROUTE } from "./leanings.ts";
import type { Clock, Store } from "../ports.ts";
import { askRetire, type LookedForChanges } from "../phase/retire.ts";
import type { RetireAnswer } from "./retire.ts";
import { collectionsOf, foundOf, ownEntity } from "../rows/row-jobs.ts";

export interface RetireReportParts {
  readonly counter: Pick<LeaningCounter, "flush">;
  readonly store: Pick<Store, "leanings" | "openWork" | "gaps" | "rowJobs">;
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
      const { settings } = parts.snapshot();
      const route = settings.routes.find((one) => one.name === name);
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
        looked: await lookedForChanges(parts.store, settings, route),
      });
    },
  };
}

/** null: not in every collection of the route, so that nothing is known of some rows. */
async function lookedForChanges(
  store: Pick<Store, "rowJobs">,
  settings: Settings,
  route: RouteSettings,
): Promise<LookedForChanges | null> {
  const collections = route.sharedDatabase ? [] : collectionsOf(settings, ownEntity(route));
  if (collections.length === 0 || collections.some(({ marks }) => marks === null)) return null;
  const ends = await store.rowJobs();
  let [from, to] = [0, Number.POSITIVE_INFINITY];
  for (const collection of collections) {
    const { reconcile } = foundOf(collection, ends);
    if (reconcile === null || reconcile.around === null || collection.marks === null) return null;
    from = Math.max(from, collection.marks.since);
    // What was changed while it was made may have been missed.
    to = Math.min(to, Date.parse(reconcile.begunAt));
  }
  return { from, to, freshForMs: route.gate.reconcileFresherThanMs };
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
