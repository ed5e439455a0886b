/**
 * Writes a chunk of rows beside live writes of the same rows, so that no older state comes over a newer one:
 *
 *   window ── read ── mark ── make ── freeze ─┬─ write ── confirm ── commit ── thaw
 *                                             └ drop what was touched: read it again, in a later window
 *
 * Of a replica it is waited, once the window is open, until it has what its primary had by then.
 *
 * A row is written if nothing that may concern it was under way from before it was read until its key was frozen; what is
 * written live from then on reaches the target after the commit. What is dropped five times is left to repair by state.
 *
 * What was touched is read again along with the next chunk: each window asks every member several times, which takes as long for a
 * few rows as for thousands, and until then the writes that touched it have come to their ends.
 */
import type { FreezeAnswer, FreezeOrder } from "../rows/backfill-window.ts";
import { foldId } from "../reach.ts";
import { keyOf, type Row, type RowKey, type RowPage, spellKey } from "../rows/rows.ts";

/** The running proxy, of one backfill. Whatever fails throws. */
export interface LiveWrites {
  /** Opens a window: from this position on everything is known. */
  window(): Promise<number>;
  /** The position of now. */
  mark(): Promise<number>;
  freeze(order: FreezeOrder): Promise<Exclude<FreezeAnswer, { readonly end: "over" }>>;
  /** false: it was lifted, and nothing may be committed. */
  confirm(freeze: number): Promise<boolean>;
  thaw(freeze: number): Promise<void>;
  /** Puts these on the repair list. */
  leaveToRepair(ids: readonly string[]): Promise<void>;
}

export interface LiveChunkParts<Written> {
  readonly live: LiveWrites;
  readonly key: readonly string[];
  /** What an entity key calls the row, without the entity. */
  readonly idOf: (row: Row) => string;
  /** Why what is read lacks some of what was told before this call, in words; null: it has all of it. Waits a while for that. */
  readonly behind: () => Promise<string | null>;
  /** Rows of chunks before that were dropped. */
  readonly earlier: readonly Dropped[];
  /** `keys` null: the chunk itself; else of these rows those that are there. */
  readonly read: (keys: readonly RowKey[] | null) => Promise<RowPage>;
  /** What is to be written of these rows; called with the freeze in place, once for those that may be written. */
  readonly prepare: (rows: readonly Row[]) => Promise<Prepared<Written>>;
  readonly pause: (ms: number) => Promise<void>;
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** It waits, and for what; null: no more. */
  readonly waits: (why: string | null) => void;
  readonly signal: AbortSignal;
}

/** A row that was read and not written, and how often. */
export interface Dropped {
  readonly key: RowKey;
  readonly times: number;
}

export interface Prepared<Written> {
  /** `confirm` is called as late as can be before each commit; false: that commit must not be. null: one was not made for that. */
  write(keep: (row: Row) => boolean, confirm: () => Promise<boolean>): Promise<Written | null>;
}

export interface LiveChunk<Written> {
  /** The chunk as it was read at first. */
  readonly page: RowPage;
  readonly written: readonly Written[];
  /** To be read again with the next chunk. Where the page was the last one: none. */
  readonly left: readonly Dropped[];
  /** Rows that were read again, each time. */
  readonly readAgain: number;
  readonly toRepair: number;
  /** How long copies of its rows were held back at the longest. */
  readonly longestFreezeMs: number;
  /** It was to stop before all of it was written: the chunk is not done. */
  readonly stopped: boolean;
}

/** After so many drops a row is left to repair. */
export const MOST_DROPS = 5;
/** Of more than these rows the next chunk would be mostly those of others. */
const MOST_LEFT = 1_000;
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 2_000;

export async function writeLiveChunk<Written>(parts: LiveChunkParts<Written>): Promise<LiveChunk<Written>> {
  const { live, key } = parts;
  const drops = new Map(parts.earlier.map((one) => [spellKey(one.key), one.times]));
  const written: Written[] = [];
  /** What is to be read, each in a window of its own; null: the chunk itself. */
  const queue: (readonly RowKey[] | null)[] = [null];
  /** Read again as a whole it may hold other rows: the last reading is what is gone on after. */
  let page: RowPage = { rows: [], isFull: true };
  const left: Dropped[] = [];
  let [readAgain, toRepair, waited, longestFreezeMs] = [0, 0, 0, 0];
  const pause = async (why: string | null): Promise<void> => {
    if (why !== null) parts.waits(why);
    await parts.pause(Math.min(FIRST_PAUSE_MS * 2 ** waited, LONGEST_PAUSE_MS));
    waited += 1;
  };
  for (let keys = queue.shift(); keys !== undefined; keys = queue.shift()) {
    if (parts.signal.aborted) return { page, written, left, readAgain, toRepair, longestFreezeMs, stopped: true };
    const begunAt = parts.now();
    const since = await live.window();
    const openAt = parts.now();
    const behind = await parts.behind();
    if (behind !== null) {
      queue.unshift(keys);
      await pause(behind);
      continue;
    }
    if (keys === null) page = await parts.read(null);
    const wanted = keys ?? parts.earlier.map((one) => one.key);
    const named = wanted.length === 0 ? [] : (await parts.read(wanted)).rows;
    // First those that come first: rows of the page may refer to them, and a target that checks that takes them in this order.
    const rows = keys === null ? [...named, ...page.rows] : named;
    readAgain += named.length;
    const readAt = parts.now();
    const read = await live.mark();
    if (rows.length === 0) continue;
    const prepared = await parts.prepare(rows);
    const frozen = await live.freeze({ since, read, ids: [...new Set(rows.map(parts.idOf))] });
    const frozenAt = parts.now();
    const done = frozen.end === "frozen" ? await writeFrozen(parts, prepared, frozen) : null;
    if (frozen.end === "frozen") longestFreezeMs = Math.max(longestFreezeMs, parts.now() - frozenAt);
    // What stands in the way is no fault of the rows: they are read again, and not counted as dropped.
    if (frozen.end === "later") {
      queue.unshift(keys);
      await pause(frozen.why);
      continue;
    }
    if (frozen.end === "frozen" && done === null) {
      queue.unshift(...halves(rows.map((row) => keyOf(row, key))));
      await pause("the freeze of a chunk ended before it was written");
      continue;
    }
    if (done?.written !== undefined) written.push(done.written);
    const dropped = done === null ? rows : rows.filter((row) => done.isDropped(foldId(parts.idOf(row))));
    const again: Dropped[] = [];
    const givenUp = new Set<string>();
    for (const row of dropped) {
      const rowKey = keyOf(row, key);
      const spelled = spellKey(rowKey);
      const times = (drops.get(spelled) ?? 0) + 1;
      drops.set(spelled, times);
      if (times < MOST_DROPS) again.push({ key: rowKey, times });
      else {
        givenUp.add(parts.idOf(row));
        toRepair += 1;
      }
    }
    if (givenUp.size > 0) await live.leaveToRepair([...givenUp]);
    if (again.length === 0) continue;
    if (frozen.end === "frozen" && page.isFull && left.length + again.length <= MOST_LEFT) {
      left.push(...again);
      continue;
    }
    // Where a window is long for what members take to answer, smaller ones are more, and no shorter.
    const isOfRows = readAt - openAt > frozenAt - readAt + openAt - begunAt;
    const isFirst = again.every(({ times }) => times === 1);
    const next = again.map((one) => one.key);
    queue.push(...(frozen.end === "dirty" && (isOfRows || !isFirst) ? halves(next) : [next]));
    await pause(frozen.end === "dirty" ? frozen.why : null);
  }
  parts.waits(null);
  return { page, written, left, readAgain, toRepair, longestFreezeMs, stopped: false };
}

/** The fewer rows, the shorter a window, and the less falls into it. */
function halves(keys: readonly RowKey[]): readonly (readonly RowKey[])[] {
  const middle = Math.ceil(keys.length / 2);
  return [keys.slice(0, middle), keys.slice(middle)].filter((half) => half.length > 0);
}

interface Frozen<Written> {
  readonly written: Written;
  readonly isDropped: (foldedId: string) => boolean;
}

/** null: the freeze was lifted before all was committed; what was is the same rows when it is written again. */
async function writeFrozen<Written>(
  { live, idOf }: LiveChunkParts<Written>,
  prepared: Prepared<Written>,
  { freeze, touched }: Extract<FreezeAnswer, { end: "frozen" }>,
): Promise<Frozen<Written> | null> {
  const dropped = new Set(touched.map(foldId));
  const isDropped = (id: string): boolean => dropped.has(id);
  const written = await prepared.write(
    (row) => !isDropped(foldId(idOf(row))),
    () => live.confirm(freeze),
  );
  // Not where it throws: a commit whose answer was lost may be done, or yet to be, and the freeze outlives it.
  await live.thaw(freeze);
  return written === null ? null : { written, isDropped };
}
