/** How many rows the next chunk has: as many as fit a time and an amount of memory. Pure. */

/** A chunk that takes longer holds more back at a kill, and locks rows for longer; a shorter one is all round trips. */
const WANTED_MS = 250;
const MOST_BYTES = 16 * 1024 * 1024;
export const FIRST_ROWS = 500;
const FEWEST_ROWS = 10;
/** However small the rows: a refused chunk is halved until the rows that are at fault stand alone. */
const MOST_ROWS = 20_000;
/** It grows by half at most, so that one lucky chunk does not make the next one huge; it shrinks at once. */
const GROWTH = 1.5;
const SHRINK = 0.2;

export interface ChunkCost {
  readonly rows: number;
  /** About what their values take. */
  readonly bytes: number;
  /** Reading, making and writing. */
  readonly ms: number;
}

/** `most`: what was asked for. */
export function nextChunkRows({ rows, bytes, ms }: ChunkCost, most = MOST_ROWS): number {
  const floor = Math.min(FEWEST_ROWS, most);
  if (rows === 0) return Math.min(FIRST_ROWS, most);
  const byTime = WANTED_MS / Math.max(ms, 1);
  const byBytes = MOST_BYTES / Math.max(bytes, 1);
  const factor = Math.min(GROWTH, Math.max(SHRINK, Math.min(byTime, byBytes)));
  return Math.max(floor, Math.min(most, MOST_ROWS, Math.floor(rows * factor)));
}
