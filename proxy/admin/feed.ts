import type { DivergenceRecord } from "../evidence/evidence.ts";

export interface Feed {
  /** Costs one length check while nobody listens. A listener that throws is the listener's problem: it is dropped. */
  publish(record: DivergenceRecord): void;
  subscribe(listener: (record: DivergenceRecord) => void): () => void;
}

/** Hands recorded divergences to whoever watches live. Keeps nothing: each reader bounds its own buffer. */
export function createFeed(): Feed {
  const listeners = new Set<(record: DivergenceRecord) => void>();
  return {
    publish(record) {
      if (listeners.size === 0) return;
      for (const listener of listeners) {
        try {
          listener(record);
        } catch {
          listeners.delete(listener);
        }
      }
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
