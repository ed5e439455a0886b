import type { Missing } from "../evidence.ts";
import { makeUlid } from "../identity.ts";
import type { GapMarker } from "../journal.ts";
import type { Clock, Store } from "../ports.ts";

interface Gap {
  readonly id: string;
  readonly route: string;
  readonly misses: Missing;
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
  readonly #store: Pick<Store, "append">;
  readonly #clock: Clock;
  readonly #marker: GapMarker | null;
  readonly #open = new Map<string, Gap>();

  /** `marker`: what tells of the gap where neither journal nor store can. */
  constructor(store: Pick<Store, "append">, clock: Clock, marker: GapMarker | null = null) {
    this.#store = store;
    this.#clock = clock;
    this.#marker = marker;
  }

  /** `recorded`: the intent's own; `misses`: who is to get the copy. Resolves once the marker is durable; null: nothing is to be waited for. */
  unjournaled(route: string, recorded: Promise<void>, misses: Missing): Promise<void> | null {
    // Roles were swapped, by force: what legacy misses is not what next missed.
    if (this.#open.has(route) && this.#open.get(route)?.misses !== misses) this.journaled(route);
    const known = this.#open.get(route);
    const now = this.#clock.now();
    const gap = known ?? { id: makeUlid(now), route, misses, late: 0, isReal: false, isOver: false };
    gap.late++;
    recorded.then(
      () => this.#settle(gap),
      () => {
        gap.isReal = true;
        this.#settle(gap);
      },
    );
    if (known !== undefined) return null;
    this.#open.set(route, gap);
    const why = "the journal did not take intents in time; writes went to the primary unjournaled";
    this.#store.append([{ type: "gap-opened", id: gap.id, route, from: new Date(now).toISOString(), why, misses }]);
    return this.#marker?.open(route, now) ?? null;
  }

  journaled(route: string): void {
    const gap = this.#open.get(route);
    if (gap === undefined) return;
    this.#open.delete(route);
    this.#marker?.close(route);
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
