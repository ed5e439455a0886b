import type { Intent, Journal, PrimaryEnd } from "../ports.ts";

/** Nothing is recorded: for routes and tests that accept it. */
export function createNullJournal(): Journal {
  return {
    kind: "none",
    intend: () => null,
    answered() {},
    sent() {},
    settled() {},
    depth: () => 0,
  };
}

interface Entry {
  readonly intent: Intent;
  end: PrimaryEnd | null;
  key: string | null;
  attempts: number;
}

export interface MemoryJournal extends Journal {
  readonly kind: "memory";
  /** What has no outcome yet, oldest first: what an unclean end would lose. */
  open(): readonly Readonly<Entry>[];
}

/**
 * Kept for the life of the process. A crash loses it, which is why the store marks an unclean end as a gap; the durable
 * journal takes this one's place behind the same port.
 */
export function createMemoryJournal(): MemoryJournal {
  const entries = new Map<string, Entry>();
  return {
    kind: "memory",
    intend(intent) {
      entries.set(intent.exchangeId, { intent, end: null, key: intent.key, attempts: 0 });
      return null;
    },
    answered(exchangeId, end, key) {
      const entry = entries.get(exchangeId);
      if (entry === undefined) return;
      entry.end = end;
      entry.key = key;
    },
    sent(exchangeId, attempt) {
      const entry = entries.get(exchangeId);
      if (entry !== undefined) entry.attempts = attempt;
    },
    settled(exchangeId) {
      entries.delete(exchangeId);
    },
    depth: () => entries.size,
    open: () => [...entries.values()],
  };
}
