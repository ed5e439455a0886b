/** How often a place differs, of what is known and at least: whether its values are equal in most exchanges. Pure. */
import type { Pair, Scope } from "./evidence.ts";

export interface Exposure {
  /** Exchanges of those that are counted which differ there. */
  readonly exchanges: number;
  /** Of the exchanges of the same method and kind of path, if all that agreed were such ones: the least it can be. */
  readonly atLeast: number;
  /** And if none was: the most. */
  readonly atMost: number;
  /** Pairs of scopes where the place is equal in most exchanges, though it is not so in others. */
  readonly strays: readonly Pair[];
}

const MOST = 0.5;

export function exposureOf(pairs: readonly Pair[], agreed: number): Exposure {
  const byScope = new Map<Scope, { pairs: Pair[]; exchanges: Set<string> }>();
  for (const pair of pairs) {
    let entry = byScope.get(pair.scope);
    if (entry === undefined) byScope.set(pair.scope, (entry = { pairs: [], exchanges: new Set() }));
    entry.pairs.push(pair);
    if (pair.isCounted) entry.exchanges.add(pair.record.id);
  }
  let [exchanges, seen] = [0, 0];
  let [allExchanges, allSeen] = [0, 0];
  const strays: Pair[] = [];
  for (const [{ divergent }, entry] of byScope) {
    // Statuses of two classes are told alone: their exchanges are not among those that were compared to the end.
    const compared = Math.max(divergent, entry.exchanges.size);
    allExchanges += entry.exchanges.size;
    allSeen += compared;
    if (entry.exchanges.size < MOST * compared) {
      for (const pair of entry.pairs) strays.push(pair);
      continue;
    }
    exchanges += entry.exchanges.size;
    seen += compared;
  }
  if (exchanges === 0)
    return {
      exchanges: allExchanges,
      atLeast: share(allExchanges, allSeen + agreed),
      atMost: share(allExchanges, allSeen),
      strays,
    };
  return { exchanges, atLeast: share(exchanges, seen + agreed), atMost: share(exchanges, seen), strays };
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
