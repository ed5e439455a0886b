/** How many rows the next chunk has: as many as fit a time and an amount of memory. Pure. */

/** A chunk that takes longer holds more back at a kill, and locks rows for longer; a shorter one is all round trips. */
const WANTED_MS = 250;
/** Where a chunk waits for others for longer than that, half of its time goes into rows: up to here, for copies wait while they are written. */
const MOST_WANTED_MS = 1_000;
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
  /** Beside that: for what it asked others, whose answers take as long for ten rows. */
  readonly waitedMs: number;
}

/** `most`: what was asked for. */
export function nextChunkRows({ rows, bytes, ms, waitedMs }: ChunkCost, most = MOST_ROWS): number {
  const floor = Math.min(FEWEST_ROWS, most);
  if (rows === 0) return Math.min(FIRST_ROWS, most);
  const wantedMs = Math.min(Math.max(WANTED_MS, waitedMs), MOST_WANTED_MS);
  const byTime = wantedMs / Math.max(ms, 1);
  const byBytes = MOST_BYTES / Math.max(bytes, 1);
  const factor = Math.min(GROWTH, Math.max(SHRINK, Math.min(byTime, byBytes)));
  return Math.max(floor, Math.min(most, MOST_ROWS, Math.floor(rows * factor)));
}
