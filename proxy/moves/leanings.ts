/**
 * What still leans on legacy or on Crossfade, counted durably a route: whoever wants to take either out looks here
 * (proxy/moves/retire.ts). Shapes that store, API and CLI share. Pure.
 */

/**
 * fallback: a read that next missed was answered by legacy · translation: a client's request was made the primary's, or the answer
 * the client's · unmatched: a request that no route takes, under the route NO_ROUTE · direct-write: a change in legacy that did not
 * pass the proxy · repair: a key was put on the repair list, or once more · watched: since when all of this is counted, no times.
 */
export const LEANINGS = ["fallback", "translation", "unmatched", "direct-write", "repair", "watched"] as const;
export type LeaningKind = (typeof LEANINGS)[number];

/** Of requests that no route matches; they go to legacy and are not mirrored. */
export const NO_ROUTE = "(none)";

/** One a route and kind; added up over all processes of a store. */
export interface Leaning {
  readonly route: string;
  readonly on: LeaningKind;
  readonly times: number;
  /** Epoch ms of the first and of the last. */
  readonly first: number;
  readonly last: number;
}

export function addLeaning(known: Leaning | undefined, more: Leaning): Leaning {
  if (known === undefined) return more;
  return {
    ...known,
    times: known.times + more.times,
    first: Math.min(known.first, more.first),
    last: Math.max(known.last, more.last),
  };
}

export function leaningName({ route, on }: Pick<Leaning, "route" | "on">): string {
  return JSON.stringify([route, on]);
}

/** Every mark of a key is one: stores count them so. A time that cannot be read is the beginning of time. */
export function repairLeaning({
  route,
  at,
  times = 1,
}: {
  readonly route: string;
  readonly at: string;
  readonly times?: number;
}): Leaning {
  const ms = Date.parse(at) || 0;
  return { route, on: "repair", times, first: ms, last: ms };
}
