/**
 * Keeps how jobs over rows ended, and what a clean comparison ends: gaps that were over when it began, and places on the repair
 * list that stand for a whole collection. A gap is of a route: it ends where all rows that the route's writes may change were
 * found equal since.
 */
import type { AuditedChange } from "../evidence/audit.ts";
import type { CollectionSettings } from "../config/collection-settings.ts";
import type { RouteSettings, Settings } from "../config/settings.ts";
import type { GapRecord, RepairWork } from "../evidence/evidence.ts";
import type { Snapshot } from "../exchange.ts";
import { makeUlid } from "../identity.ts";
import type { Clock, Store } from "../ports.ts";
import type { LeaningCounter } from "../moves/leaning-counter.ts";
import { namesEntity } from "../reach.ts";
import {
  collectionsOf,
  entitiesOf,
  foundOf,
  isClean,
  ownEntity,
  type ReconcileReport,
  type RowJobEnd,
  type RowJobEnds,
  type RowJobTold,
  tablesDigest,
} from "./row-jobs.ts";

export interface RowJobEndsParts {
  readonly store: Pick<Store, "append" | "flush" | "rowJobs" | "gaps" | "repairWork" | "endRepair">;
  readonly snapshot: () => Snapshot;
  readonly clock: Pick<Clock, "now">;
  readonly audit: (change: AuditedChange) => void;
  readonly leaning: Pick<LeaningCounter, "lean">;
}

interface Begun {
  readonly collection: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly gaps: readonly GapRecord[];
  readonly repairs: readonly RepairWork[];
}

const AT_ONCE = 1_000;
/** Jobs that were begun and have not ended; the oldest are forgotten. */
const MOST_BEGUN = 100;

export function createRowJobEnds({ store, snapshot, clock, audit, leaning }: RowJobEndsParts): RowJobEnds {
  const begun = new Map<string, Begun>();

  return {
    async begin(name) {
      const { settings } = snapshot();
      const collection = settings.collections.find((one) => one.name === name);
      if (collection === undefined) return null;
      const now = clock.now();
      const routes = concernedBy(settings, collection.route).map((route) => route.name);
      const gaps = (await allGaps(routes)).filter(({ to }) => to !== null);
      const repairs = (await allRepairs(routes)).filter(({ notBefore }) => isPast(notBefore, now));
      const id = makeUlid(now);
      begun.set(id, { collection: name, at: new Date(now).toISOString(), gaps, repairs });
      const [oldest] = begun.keys();
      if (begun.size > MOST_BEGUN && oldest !== undefined) begun.delete(oldest);
      return id;
    },
    async end(id, report, by) {
      const job = begun.get(id);
      const { settings } = snapshot();
      const collection = settings.collections.find((one) => one.name === job?.collection);
      if (job === undefined || collection === undefined) return null;
      begun.delete(id);
      const endedAt = new Date(clock.now()).toISOString();
      const tables = tablesDigest(collection);
      const of = { collection: collection.name, tables, begunAt: job.at, endedAt };
      const cleanAt = report.job === "reconcile" ? await lastClean(collection, report, job.at) : null;
      const end: RowJobEnd = { ...report, ...of, ...(cleanAt === null ? {} : { cleanAt }) };
      store.append([{ type: "row-job", end }]);
      await store.flush();
      if (report.job === "reconcile" && report.around !== null && report.around.legacy > 0)
        leaning.lean(collection.route, "direct-write", report.around.legacy);
      const told = report.job === "reconcile" && isClean(report) ? await endWhatIsBehind(settings, job) : NOTHING_ENDED;
      if (report.job === "reconcile") {
        audit({ by, action: "reconcile", subject: collection.name, what: wordsOf(report, told), reason: null });
      }
      return told;
    },
  };

  async function lastClean(of: CollectionSettings, report: ReconcileReport, begunAt: string): Promise<string | null> {
    if (isClean(report)) return begunAt;
    const before = foundOf(of, await store.rowJobs()).reconcile;
    if (before === null) return null;
    return before.cleanAt ?? (isClean(before) ? before.begunAt : null);
  }

  async function endWhatIsBehind(settings: Settings, { gaps, repairs }: Begun): Promise<RowJobTold> {
    const ends = await store.rowJobs();
    const isEqualSince = (name: string, time: string): boolean => {
      const route = settings.routes.find((one) => one.name === name);
      return route !== undefined && areEqualSince(settings, route, ends, time);
    };
    const over = gaps.filter(({ route, to }) => to !== null && isEqualSince(route, to));
    store.append(over.map(({ id }) => ({ type: "gap-withdrawn", id })));
    let repairsEnded = 0;
    for (const work of repairs.filter(({ route, since }) => isEqualSince(route, since))) {
      // What was marked again meanwhile stays.
      if ((await store.endRepair(work, { kind: "equal" })) === "done") repairsEnded += 1;
    }
    await store.flush();
    return { gapsEnded: over.length, repairsEnded };
  }

  async function allGaps(routes: readonly string[]): Promise<readonly GapRecord[]> {
    const all: GapRecord[] = [];
    for (const route of routes) {
      let cursor: string | null = null;
      do {
        const page: Awaited<ReturnType<Store["gaps"]>> = await store.gaps({
          route,
          limit: AT_ONCE,
          ...(cursor === null ? {} : { cursor }),
        });
        all.push(...page.items);
        cursor = page.next;
      } while (cursor !== null);
    }
    return all;
  }

  /** Those that stand for more than one entity. */
  async function allRepairs(routes: readonly string[]): Promise<readonly RepairWork[]> {
    const all: RepairWork[] = [];
    for (const route of routes) {
      let after = 0;
      for (;;) {
        const works = await store.repairWork({ route, after, dueAt: null, limit: AT_ONCE });
        all.push(...works.filter(({ key }) => key === null || !namesEntity(key)));
        const last = works.at(-1);
        if (last === undefined || works.length < AT_ONCE) break;
        after = last.id;
      }
    }
    return all;
  }
}

const NOTHING_ENDED: RowJobTold = { gapsEnded: 0, repairsEnded: 0 };

/** Routes whose writes may change rows of this one's. */
function concernedBy({ routes }: Settings, name: string): readonly RouteSettings[] {
  const own = routes.find((route) => route.name === name);
  return own === undefined ? [] : routes.filter((route) => entitiesOf(route).includes(ownEntity(own)));
}

/** Whether all rows that its writes may change were found equal by comparisons that began after that time. */
function areEqualSince(settings: Settings, route: RouteSettings, ends: readonly RowJobEnd[], time: string): boolean {
  return entitiesOf(route).every((entity) => {
    const collections = collectionsOf(settings, entity);
    return (
      collections.length > 0 &&
      collections.every((collection) => {
        const { reconcile } = foundOf(collection, ends);
        return reconcile !== null && isClean(reconcile) && Date.parse(reconcile.begunAt) >= Date.parse(time);
      })
    );
  });
}

function isPast(time: string | null, now: number): boolean {
  return time === null || Date.parse(time) <= now;
}

function wordsOf(report: ReconcileReport, { gapsEnded, repairsEnded }: RowJobTold): string {
  const { sourceRows, targetRows, missing, mismatched, extra, unmade } = report;
  const found = `${sourceRows} rows against ${targetRows}: ${missing} missing, ${mismatched} mismatched, ${extra ?? "unknown"} extra, ${unmade} unmade`;
  return gapsEnded + repairsEnded === 0
    ? found
    : `${found}; ${gapsEnded} gaps and ${repairsEnded} repairs of whole collections ended`;
}
