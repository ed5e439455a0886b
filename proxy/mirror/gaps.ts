import type { Missing } from "../evidence/evidence.ts";
import { makeUlid } from "../identity.ts";
import type { GapMarker } from "../journal.ts";
import type { Clock, Store } from "../ports.ts";

/** How long writes wait until the marker is durable, from the beginning of their gap: a disk that hangs holds them up once. */
const MARK_WAIT_MS = 15;

interface Gap {
  readonly id: string;
  readonly route: string;
  readonly misses: Missing;
  /** Resolves once the marker is durable, or is not waited for any more; null: it is so. */
  marking: Promise<void> | null;
  /** Writes in it whose intents may be recorded yet. */
  late: number;
  /** At least one write in it is in no journal, and will not be. */
  isReal: boolean;
  isOver: boolean;
}

/**
 * Intervals in which writes went to the primary without a durable intent. One at a time per route: opened by the first
 * such write, closed by the next that was journaled again. A closed gap stays listed until a reconcile clears it. One of
 * which every intent was recorded after all, merely late, is taken back, without waiting for a next write: nothing is missing.
 */
export class Gaps {
  readonly #store: Pick<Store, "append" | "flush" | "health">;
  readonly #clock: Clock;
  readonly #marker: GapMarker | null;
  readonly #open = new Map<string, Gap>();

  /** `marker`: what tells of the gap where neither journal nor store can. */
  constructor(store: Pick<Store, "append" | "flush" | "health">, clock: Clock, marker: GapMarker | null = null) {
    this.#store = store;
    this.#clock = clock;
    this.#marker = marker;
  }

  /** `recorded`: the intent's own; `misses`: who is to get the copy. Resolves once the marker is durable, within a bound; null: nothing is to be waited for. */
  unjournaled(route: string, recorded: Promise<void>, misses: Missing): Promise<void> | null {
    // Roles were swapped, by force: what legacy misses is not what next missed.
    if (this.#open.has(route) && this.#open.get(route)?.misses !== misses) this.journaled(route);
    const known = this.#open.get(route);
    const now = this.#clock.now();
    const gap = known ?? { id: makeUlid(now), route, misses, marking: null, late: 0, isReal: false, isOver: false };
    gap.late++;
    recorded.then(
      () => this.#settle(gap),
      () => {
        gap.isReal = true;
        this.#settle(gap);
      },
    );
    // Until the marker is there a kill would leave nothing that tells of this one either.
    if (known !== undefined) return known.marking;
    this.#open.set(route, gap);
    const why = "the journal did not take intents in time; writes went to the primary unjournaled";
    this.#store.append([{ type: "gap-opened", id: gap.id, route, from: new Date(now).toISOString(), why, misses }]);
    return this.#mark(gap, now);
  }

  #mark(gap: Gap, from: number): Promise<void> | null {
    if (this.#marker === null) return null;
    const { promise, resolve } = Promise.withResolvers<void>();
    const over = (): void => {
      clearTimeout(timer);
      gap.marking = null;
      resolve();
    };
    const timer = setTimeout(over, MARK_WAIT_MS);
    gap.marking = promise;
    this.#marker.open(gap.route, from).then(over, over);
    return promise;
  }

  /** What it tells of is told by the store from then on, or by the journal. */
  async #unmark({ route, isReal }: Gap): Promise<void> {
    if (isReal) {
      await this.#store.flush();
      // It tells too much rather than too little.
      if (this.#open.has(route) || this.#store.health().problem !== null) return;
    }
    this.#marker?.close(route);
  }

  journaled(route: string): void {
    const gap = this.#open.get(route);
    if (gap === undefined) return;
    this.#open.delete(route);
    void this.#unmark(gap);
    this.#store.append([{ type: "gap-closed", id: gap.id, to: new Date(this.#clock.now()).toISOString() }]);
    gap.isOver = true;
    this.#takeBack(gap);
  }

  #settle(gap: Gap): void {
    gap.late--;
    if (gap.late === 0 && !gap.isReal && !gap.isOver) this.journaled(gap.route);
    else this.#takeBack(gap);
  }

  #takeBack(gap: Gap): void {
    if (gap.isOver && gap.late === 0 && !gap.isReal) this.#store.append([{ type: "gap-withdrawn", id: gap.id }]);
  }
}
