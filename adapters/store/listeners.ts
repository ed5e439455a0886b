import type { GroupEvent } from "../../proxy/evidence/evidence.ts";

export type GroupListener = (event: GroupEvent) => void;

/** Who wants to hear of groups. What one of them throws is its own affair: the store goes on. */
export class GroupListeners {
  readonly #listeners = new Set<GroupListener>();

  add(listener: GroupListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(events: readonly GroupEvent[]): void {
    for (const event of events) {
      for (const listener of this.#listeners) {
        try {
          listener(event);
        } catch {
          // Nothing that is kept depends on it.
        }
      }
    }
  }
}
