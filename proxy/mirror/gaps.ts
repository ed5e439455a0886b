import { makeUlid } from "../identity.ts";
import type { Clock, Store } from "../ports.ts";

/**
 * Intervals in which writes went to the primary without a durable intent. One at a time per route: opened by the first
 * such write, closed by the next that was journaled again. A closed gap stays listed until a reconcile clears it.
 */
export class Gaps {
  readonly #store: Pick<Store, "append">;
  readonly #clock: Clock;
  readonly #open = new Map<string, string>();

  constructor(store: Pick<Store, "append">, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  unjournaled(route: string): void {
    if (this.#open.has(route)) return;
    const now = this.#clock.now();
    const id = makeUlid(now);
    this.#open.set(route, id);
    const why = "the journal did not take intents in time; writes went to the primary unjournaled";
    this.#store.append([{ type: "gap-opened", id, route, from: new Date(now).toISOString(), why }]);
  }

  journaled(route: string): void {
    const id = this.#open.get(route);
    if (id === undefined) return;
    this.#open.delete(route);
    this.#store.append([{ type: "gap-closed", id, to: new Date(this.#clock.now()).toISOString() }]);
  }
}
