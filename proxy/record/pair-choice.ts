/**
 * Which exchanges are kept whole. Those of each cause, and of each route and method that match or are excused, are counted:
 * the first few are taken, and then one now and then. What becomes of those that are taken is the store's affair (it keeps
 * some of the first, the last and those between); here it is decided what work is done at all.
 */
import type { PairOutcome } from "../evidence/stored-pair.ts";

/** As many as a store keeps of one cause. */
const TAKEN_AT_FIRST = 8;
/** Of exchanges that match or are excused only one in so many looks at the clock. */
const LOOKED_AT_MASK = 63;
const QUIET_EVERY_MS = 10_000;
const DIVERGENT_EVERY_MS = 1_000;
/** Methods of a route, and causes, that are told apart; a client can make up any number of both. */
const MOST_METHODS = 32;
const MOST_CAUSES = 2_000;

interface Seen {
  count: number;
  takenAt: number;
}

type Quiet = Record<"match" | "ignored", Seen>;

export class PairChoice {
  readonly #quiet = new Map<string, Map<string, Quiet>>();
  readonly #causes = new Map<string, Seen>();
  readonly #monotonic: () => number;

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /** Whether what has this outcome may be taken: of a divergence its cause decides, once it is known. */
  mayTake(route: string, method: string, outcome: PairOutcome): boolean {
    if (outcome === "divergent") return true;
    const seen = this.#quietOf(route, method)[outcome];
    seen.count += 1;
    if (seen.count > TAKEN_AT_FIRST && (seen.count & LOOKED_AT_MASK) !== 0) return false;
    return this.#isDue(seen, QUIET_EVERY_MS);
  }

  /** Whether a divergence of this cause is taken. */
  takes(cause: string): boolean {
    let seen = this.#causes.get(cause);
    if (seen === undefined) {
      if (this.#causes.size >= MOST_CAUSES) this.#causes.clear();
      this.#causes.set(cause, (seen = { count: 0, takenAt: 0 }));
    }
    seen.count += 1;
    return this.#isDue(seen, DIVERGENT_EVERY_MS);
  }

  #isDue(seen: Seen, everyMs: number): boolean {
    const now = this.#monotonic();
    if (seen.count > TAKEN_AT_FIRST && now - seen.takenAt < everyMs) return false;
    seen.takenAt = now;
    return true;
  }

  #quietOf(route: string, method: string): Quiet {
    let methods = this.#quiet.get(route);
    if (methods === undefined) this.#quiet.set(route, (methods = new Map<string, Quiet>()));
    const name = methods.has(method) || methods.size < MOST_METHODS ? method : "";
    let seen = methods.get(name);
    if (seen === undefined) {
      seen = { match: { count: 0, takenAt: 0 }, ignored: { count: 0, takenAt: 0 } };
      methods.set(name, seen);
    }
    return seen;
  }
}
