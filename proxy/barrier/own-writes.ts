/**
 * This process's writes to the routes of a move, its workers' among them: held back, ended, let go. What several processes agree on
 * is made of this in each of them (member-part.ts); one alone needs nothing else (barrier.ts).
 */
import type { OpenWrites } from "../phase/open-writes.ts";
import { plural } from "../phase/words.ts";
import type { HoldBounds, WriteHold } from "../phase/write-hold.ts";

export interface OwnWritesParts {
  readonly hold: WriteHold;
  readonly openWrites: Pick<OpenWrites, "whenNone" | "count">;
  /** Of the workers, where there are any. */
  readonly workers: () => WorkerHolds | null;
  /** Whether all that writes which have ended left is in the store, within the time (ms): else why not. */
  readonly settled: (withinMs: number) => Promise<string | null>;
}

/** Fronts in processes of their own, each with a hold of its own. */
export interface WorkerHolds {
  /**
   * Resolves once every worker holds back, all that it had let through before is in the books here, and its writes that are
   * in no books have ended; or else with why not.
   */
  holdWrites(routes: readonly string[], bounds: HoldBounds): Promise<string | null>;
  /** Each goes on under the settings that act by then. */
  releaseWrites(): void;
  /** Now, and those that were refused since the last `holdWrites`; both as they were some ms ago. */
  readonly held: number;
  readonly refused: number;
}

export interface OwnWrites {
  /** New ones wait from here on. */
  hold(routes: readonly string[]): void;
  /** null: those that were under way have ended, and what they left is in the store. Else why not within the time. */
  drained(withinMs: number): Promise<string | null>;
  release(): void;
  /** Now. */
  readonly held: number;
  /** Those that got 503 since the last `hold`. */
  readonly refused: number;
}

/** A held write is refused after so long, also where the store does not say whether the move was kept. */
export const HELD: HoldBounds = { atMost: 1_000, forMs: 5_000 };

export function createOwnWrites({ hold, openWrites, workers, settled }: OwnWritesParts): OwnWrites {
  let routes: readonly string[] = [];
  let held: Promise<string | null> = Promise.resolve(null);

  return {
    hold(next) {
      routes = next;
      hold.begin(routes, HELD);
      held = workers()?.holdWrites(routes, HELD) ?? Promise.resolve(null);
    },
    async drained(withinMs) {
      const until = performance.now() + withinMs;
      const signal = AbortSignal.timeout(withinMs);
      const late = new Promise<string>((resolve) => {
        signal.addEventListener("abort", () => resolve("worker processes did not hold back their writes in time"));
      });
      const why = await Promise.race([held, late]);
      if (why !== null) return why;
      await openWrites.whenNone(routes, signal);
      const open = openWrites.count(routes);
      if (open > 0) return `${plural(open, "write")} did not end within ${withinMs / 1000} s`;
      return await settled(Math.max(0, until - performance.now()));
    },
    release() {
      hold.release();
      workers()?.releaseWrites();
    },
    get held() {
      return hold.held + (workers()?.held ?? 0);
    },
    get refused() {
      return hold.refused + (workers()?.refused ?? 0);
    },
  };
}
