/**
 * Which routes fall back no more: all of their rows were compared and found equal by comparisons that began after next had become the
 * primary. Looked up again and again while any route falls back. The last comparison counts: one that finds rows missing has it go on.
 */
import type { RouteSettings, Settings } from "../config/settings.ts";
import { fallsBack } from "./dial.ts";
import { lookEvery, type Looks } from "../looks.ts";
import type { Store } from "../ports.ts";
import { collectionsOf, foundOf, isClean, ownEntity, type RowJobEnd } from "../rows/row-jobs.ts";

const LOOK_EVERY_MS = 2_000;

export interface FallbackEndsParts {
  readonly store: Pick<Store, "rowJobs">;
  readonly settings: () => Settings;
  /** Epoch ms: since when next is the route's source of truth; null: nobody noted it. */
  readonly cutOverAt: (route: string) => number | null;
}

export interface FallbackEnds extends Looks {
  isOver(route: string): boolean;
}

export function createFallbackEnds({ store, settings, cutOverAt }: FallbackEndsParts): FallbackEnds {
  let over: ReadonlySet<string> = new Set();
  const looks = lookEvery(LOOK_EVERY_MS, async () => {
    const ends = await store.rowJobs();
    const present = settings();
    const routes = present.routes.filter((route) => fallsBack(route));
    over = new Set(routes.filter((one) => isOver(present, one, ends, cutOverAt(one.name))).map(({ name }) => name));
  });

  return {
    ...looks,
    isOver: (route) => over.has(route),
  };
}

/** Pure. A route whose rows are in no collection never is: nobody compares them. */
export function isOver(
  settings: Settings,
  route: RouteSettings,
  ends: readonly RowJobEnd[],
  cutOverAt: number | null,
): boolean {
  const collections = collectionsOf(settings, ownEntity(route));
  if (cutOverAt === null || collections.length === 0) return false;
  return collections.every((collection) => {
    const { reconcile } = foundOf(collection, ends);
    return reconcile !== null && isClean(reconcile) && Date.parse(reconcile.begunAt) >= cutOverAt;
  });
}
