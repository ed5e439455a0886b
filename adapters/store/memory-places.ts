/** What is known of places, in memory and within what is to be kept. */
import type { KeptPlace } from "../../proxy/evidence/places.ts";
import { placeKey } from "./place-key.ts";
import type { Retention } from "./retention.ts";

export class MemoryPlaces {
  readonly #retention: Retention;
  readonly #places = new Map<string, KeptPlace>();

  constructor(retention: Retention) {
    this.#retention = retention;
  }

  keep(places: readonly KeptPlace[], now: number): void {
    for (const place of places) this.#places.set(placeKey(place), place);
    this.#evict(now);
  }

  all(): readonly KeptPlace[] {
    return [...this.#places.values()].sort((a, b) => b.lastSeen - a.lastSeen);
  }

  #evict(now: number): void {
    const { keepMs, keepPlaces } = this.#retention;
    for (const { lastSeen, ...address } of this.all().toReversed()) {
      if (this.#places.size <= keepPlaces && lastSeen >= now - keepMs) return;
      this.#places.delete(placeKey(address));
    }
  }
}
