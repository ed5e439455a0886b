import type { Listener } from "../listen/server.ts";
import type { Pipeline } from "../pipeline.ts";

/** What was left when the process ended; all of it is counted, and on the repair list where it was a write. */
export interface DrainReport {
  /** Client exchanges that had to be cut off. */
  readonly cutOff: boolean;
  /** Copies given up: `dropped(shutdown)`. */
  readonly abandoned: number;
  /** Writes that wait in the journal: the next process delivers them. */
  readonly left: number;
  readonly tookMs: number;
}

export interface StopReport extends DrainReport {
  /** Since the start: what store and divergence log took and could not make durable. */
  readonly unwritten: { readonly storeWrites: number; readonly logLines: number };
}

export interface DrainParts {
  readonly listener: Listener;
  readonly pipeline: Pick<Pipeline, "leaveJournal" | "whenIdle" | "queued" | "abandon">;
  /** The key that is being repaired has its end: cut off, its write might still be applied. Never rejects. */
  readonly repaired: Promise<void>;
  /** Eligible exchanges that have no outcome yet and are not left to the next process. */
  readonly pending: () => number;
  /** Writes that are left to the next process. */
  readonly left: () => number;
  /** No further attempt at any shadow. */
  readonly closeGates: () => void;
  /** Ends the shadow leg's connections; what is on the wire is aborted. */
  readonly closeShadows: () => Promise<void>;
  readonly monotonic: () => number;
}

/** Of the budget, the part that clients have to finish in; the rest is for the lanes. */
const CLIENTS_SHARE = 0.5;
const LAST_OUTCOMES_MS = 2_000;

/** Stops accepting, lets clients finish, settles the lanes, and gives up what is left when the budget is used. */
export async function drain(parts: DrainParts, budgetMs: number): Promise<DrainReport> {
  const begunAt = parts.monotonic();
  const left = (): number => budgetMs - (parts.monotonic() - begunAt);

  const closed = parts.listener.close();
  const cutOff = !(await within(closed, budgetMs * CLIENTS_SHARE));
  if (cutOff) {
    parts.listener.closeAllConnections();
    await within(closed, LAST_OUTCOMES_MS);
  }
  parts.pipeline.leaveJournal();
  await within(parts.repaired, Math.max(0, left()));
  let abandoned = 0;
  if (!(await within(parts.pipeline.whenIdle(), Math.max(0, left())))) {
    const [queued, left] = [parts.pipeline.queued(), parts.left()];
    parts.closeGates();
    parts.pipeline.abandon();
    await parts.closeShadows();
    await within(parts.pipeline.whenIdle(), LAST_OUTCOMES_MS);
    abandoned = Math.max(0, queued - (parts.left() - left));
  }
  // Comparisons run beside the lanes, and outcomes are written down a few at a time: the last to come. While they come
  // they are waited for, however many they are: one that is not written down would be missing from the accounts.
  let least = Infinity;
  for (let lastAt = 0; parts.pending() > 0 && (parts.pending() < least || parts.monotonic() < lastAt);) {
    if (parts.pending() < least) lastAt = parts.monotonic() + LAST_OUTCOMES_MS;
    least = Math.min(least, parts.pending());
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return { cutOff, abandoned, left: parts.left(), tookMs: parts.monotonic() - begunAt };
}

/** Whether `work` ended within the time. */
async function within(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
