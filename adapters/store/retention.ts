/** How much evidence a store keeps. Counts, repairs and gaps are no evidence: they are never evicted. */
export interface Retention {
  /** Records that arrived longer ago are evicted. */
  readonly keepMs: number;
  /** Records beside the samples of groups; the oldest go first. */
  readonly keepRecords: number;
  /** All records with the samples, as JSON. */
  readonly keepBytes: number;
  /** Groups; the one that was not seen for the longest time goes first, with its samples. */
  readonly keepGroups: number;
  /** Places of which counts are kept, those seen last; none that was not seen for `keepMs`. */
  readonly keepPlaces: number;
  /** Exchanges that are kept whole, as JSON; the oldest go first. */
  readonly keepPairBytes: number;
  /** Keys on one route's repair list; past it the whole collection is on it. */
  readonly repairKeys: number;
}

const DAY = 24 * 60 * 60 * 1000;
const MIB = 1024 * 1024;

export const DEFAULT_RETENTION: Retention = {
  keepMs: 7 * DAY,
  keepRecords: 100_000,
  keepBytes: 512 * MIB,
  keepGroups: 5_000,
  keepPlaces: 4_000,
  keepPairBytes: 64 * MIB,
  repairKeys: 100_000,
};
