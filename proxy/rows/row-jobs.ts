/** How jobs over the rows of a collection ended, as the gate asks for it: shapes that store, API and CLI share. Values. */
import { createHash } from "node:crypto";
import type { CollectionSettings, RowPlace } from "../config/collection-settings.ts";
import type { RouteSettings, Settings } from "../config/settings.ts";

/** All rows of before were brought over. */
export interface BackfillReport {
  readonly job: "backfill";
  readonly read: number;
  readonly written: number;
  /** Rows that cannot be made or written, and rows of one version and two contents. */
  readonly setAside: number;
  readonly conflicts: number;
}

/** All rows were compared. */
export interface ReconcileReport {
  readonly job: "reconcile";
  readonly sourceRows: number;
  readonly targetRows: number;
  readonly missing: number;
  readonly mismatched: number;
  /** null: rows that only the target has could not be looked for. */
  readonly extra: number | null;
  /** Rows that the transform makes nothing of, or throws at. */
  readonly unmade: number;
  /** Rows of each side that somebody changed around the proxy; null: nobody counted them. */
  readonly around: { readonly legacy: number; readonly next: number } | null;
}

/** Some rows of either side were compared: neither a clean comparison nor one that is not. */
export interface SampleReport {
  readonly job: "sample";
  readonly legacy: SampledRows;
  /** Rows that legacy has not; null: they could not be looked for. */
  readonly next: SampledRows | null;
  readonly missing: number;
  readonly mismatched: number;
  readonly unmade: number;
}

export interface SampledRows {
  readonly drawn: number;
  readonly differing: number;
  /** Of all rows of that side, 0 to 1, with 95 % confidence. */
  readonly shareAtMost: number;
}

export type RowJobReport = BackfillReport | ReconcileReport | SampleReport;

/** The last one of its kind of its collection. A store keeps it for good. */
export type RowJobEnd = RowJobReport & {
  readonly collection: string;
  /** Of tables, keys and rules of the collection. */
  readonly tables: string;
  /** ISO 8601, UTC. */
  readonly begunAt: string;
  readonly endedAt: string;
  /**
   * Of a comparison of all rows: when the last one began, this one included, that found both sides the same. Absent: none did, or an
   * earlier version kept it.
   */
  readonly cleanAt?: string;
};

export type EndedOf<Job extends RowJobEnd["job"]> = Extract<RowJobEnd, { readonly job: Job }>;

/** What is told of a job that has ended. */
export interface RowJobTold {
  /** Gaps that are over and behind it, and entries of the repair list for whole collections. */
  readonly gapsEnded: number;
  readonly repairsEnded: number;
}

export interface RowJobEnds {
  /** Its id; null: the configuration has no such collection. Rejects where the store has no answer. */
  begin(collection: string): Promise<string | null>;
  /** null: nobody knows a job of that id. Rejects where the store has no answer. */
  end(id: string, report: RowJobReport, by: string): Promise<RowJobTold | null>;
}

/** Of a comparison, as it is measured. */
export interface ReconciledCounts {
  readonly of: "all" | "sample";
  /** Rows of either side that were looked at. */
  readonly rows: number;
  /** By kind; what was not looked for is absent. */
  readonly differing: Readonly<Partial<Record<"missing" | "mismatched" | "extra" | "unmade", number>>>;
}

export function countsOf(end: EndedOf<"reconcile"> | EndedOf<"sample">): ReconciledCounts {
  const { missing, mismatched, unmade } = end;
  const extra = end.job === "sample" ? (end.next?.differing ?? null) : end.extra;
  const differing = { missing, mismatched, unmade, ...(extra === null ? {} : { extra }) };
  if (end.job === "reconcile") return { of: "all", rows: end.sourceRows + end.targetRows, differing };
  return { of: "sample", rows: end.legacy.drawn + (end.next?.drawn ?? 0), differing };
}

/** Both sides hold the same rows. */
export function isClean({ missing, mismatched, extra, unmade }: ReconcileReport): boolean {
  return missing === 0 && mismatched === 0 && extra === 0 && unmade === 0;
}

/** Tells whether a job was about the tables that the configuration names now. Credentials are not in it. */
export function tablesDigest({ source, target, transform, columns, values }: CollectionSettings): string {
  const all = [placeOf(source), placeOf(target), transform, columns, values];
  return createHash("sha256").update(JSON.stringify(all)).digest("hex").slice(0, 16);
}

function placeOf({ database, key, tombstone, ...more }: RowPlace): unknown {
  // Where there are none it is as it was before there could be.
  const place = tombstone === null ? more : { ...more, tombstone };
  if (!("url" in database)) return [database, key, place];
  const { protocol, host, pathname } = new URL(database.url);
  return [protocol, host, pathname, key, place];
}

/** The entities that a route's writes may change. One that has none stands for itself. */
export function entitiesOf(route: Pick<RouteSettings, "name" | "entity" | "touches">): readonly string[] {
  return [ownEntity(route), ...route.touches.map(({ entity }) => entity)];
}

/** Those that hold the rows which a route is about. */
export function collectionsOf({ collections, routes }: Settings, entity: string): readonly CollectionSettings[] {
  return collections.filter(({ route }) => {
    const of = routes.find(({ name }) => name === route);
    return of !== undefined && ownEntity(of) === entity;
  });
}

export function ownEntity({ name, entity }: Pick<RouteSettings, "name" | "entity">): string {
  return entity ?? `route ${name}`;
}

/** What was found of a collection, of its present tables alone. */
export interface CollectionFound {
  readonly name: string;
  readonly backfill: EndedOf<"backfill"> | null;
  readonly reconcile: EndedOf<"reconcile"> | null;
}

export function foundOf(collection: CollectionSettings, ends: readonly RowJobEnd[]): CollectionFound {
  return { name: collection.name, ...endsOf(collection, ends) };
}

/** The last end of each kind, where it was about the tables that are named now. */
export function endsOf(
  collection: CollectionSettings,
  ends: readonly RowJobEnd[],
): { readonly [Job in RowJobEnd["job"]]: EndedOf<Job> | null } {
  const tables = tablesDigest(collection);
  const of = <Job extends RowJobEnd["job"]>(job: Job): EndedOf<Job> | null =>
    (ends.find((end) => end.collection === collection.name && end.job === job && end.tables === tables) as
      | EndedOf<Job>
      | undefined) ?? null;
  return { backfill: of("backfill"), reconcile: of("reconcile"), sample: of("sample") };
}
