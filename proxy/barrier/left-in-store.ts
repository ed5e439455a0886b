/** Whether all that writes which have ended left is in the store: what is on the repair list, and gaps, are asked there. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Store } from "../ports.ts";

export interface LeftInStoreParts {
  readonly store: Pick<Store, "flush" | "health">;
  /** Whether the store has been given what waited for the journal (counted-writes.ts); null: nothing does. */
  readonly counted: { caughtUp(withinMs: number): Promise<boolean> } | null;
}

/** Resolves, within the time (ms), to null, or to why it is not. */
export async function leftInStore({ store, counted }: LeftInStoreParts, withinMs: number): Promise<string | null> {
  const until = performance.now() + withinMs;
  // The recorder hands over what a turn has brought at its end.
  for (let turn = 0; turn < 2; turn++) await nextTurn();
  if (counted !== null && !(await counted.caughtUp(withinMs))) return "the journal is behind with what they left";
  // A store that hangs is waited for longer by those whom nobody waits for.
  if (!(await inTime(store.flush(), until - performance.now())))
    return "the store has not taken in time what they left";
  const { isKeeping, problem } = store.health();
  return isKeeping ? null : problem;
}

/** Whether it ended within so many ms. @throws what it throws by then */
export async function inTime(work: Promise<unknown>, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(resolve, Math.max(0, ms), false);
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
