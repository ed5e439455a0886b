/**
 * The share of the event loop that the shadow's side takes at once. Shadows answer, time out and come back in bursts, a
 * thousand in one turn where they were sent in one turn; a client must not wait until all of them are dealt with.
 */

/** Copies that go on in one turn: about half a millisecond. */
const COPIES_A_TURN = 32;
/** Of one turn, for work that was put off. */
const SLICE_MS = 1;
/**
 * In each turn at least this part of what waits is done, however long it takes: where turns are long, slices of a fixed
 * length fall behind, and what waits would grow as long as the traffic lasts (measured: by 2,000 a second).
 */
const SLICE_SHARE = 1 / 32;

interface Batch {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  size: number;
}

const batches: Batch[] = [];

/** A later turn of the event loop: the next, unless many wait. One promise for all of a turn. */
export function untilLaterTurn(): Promise<void> {
  let last = batches.at(-1);
  if (last === undefined || last.size >= COPIES_A_TURN) {
    const { promise, resolve } = Promise.withResolvers<void>();
    last = { promise, resolve, size: 0 };
    if (batches.push(last) === 1) setImmediate(letBatchGoOn);
  }
  last.size++;
  return last.promise;
}

function letBatchGoOn(): void {
  batches.shift()?.resolve();
  if (batches.length > 0) setImmediate(letBatchGoOn);
}

const putOff: (() => void)[] = [];

/** Runs `work`, which does not throw, in a later turn, in the order of the calls: as much in each as its slice has room for. */
export function inSlices(work: () => void): void {
  if (putOff.push(work) === 1) setImmediate(workOff);
}

function workOff(): void {
  const until = performance.now() + SLICE_MS;
  const least = putOff.length * SLICE_SHARE;
  let done = 0;
  do putOff[done++]?.();
  while (done < putOff.length && (done < least || performance.now() < until));
  putOff.splice(0, done);
  if (putOff.length > 0) setImmediate(workOff);
}
