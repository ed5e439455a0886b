/**
 * Which records of a group are kept as its samples, and which exchanges whole: the first, the last, and an even draw from those between. The draw
 * keeps the records whose ids hash lowest (bottom-k sampling): as even as a random one, and the same in every store
 * and after every restart, with nothing to remember but the samples themselves.
 */

/** Between the first and the last: 10 samples in all. */
export const DRAWN_SAMPLES = 8;

/** A place in [0, 2^32), even over ids: FNV-1a with murmur3's finish. */
export function sampleRank(recordId: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < recordId.length; i++) hash = Math.imul(hash ^ recordId.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** What becomes of the record that was a group's last until now: whether it is kept, and which sample it pushes out. */
export function drawSample(
  id: string,
  drawn: readonly string[],
): { readonly kept: boolean; readonly pushedOut: string | null } {
  if (drawn.length < DRAWN_SAMPLES) return { kept: true, pushedOut: null };
  let highest = "";
  let highestRank = -1;
  for (const other of drawn) {
    const rank = sampleRank(other);
    if (rank <= highestRank) continue;
    highest = other;
    highestRank = rank;
  }
  return sampleRank(id) < highestRank ? { kept: true, pushedOut: highest } : { kept: false, pushedOut: null };
}

/** Pairs of one bucket: the first, the last, and an even draw from those between. */
export const KEPT_PAIRS = 8;

/** Which pair of a bucket, given the ids of all in the order of their arrival, is one too many; null: none. */
export function surplusPair(ids: readonly string[]): string | null {
  if (ids.length <= KEPT_PAIRS) return null;
  const between = ids.slice(1, -1);
  return between.reduce((out, id) => (sampleRank(id) > sampleRank(out) ? id : out));
}
