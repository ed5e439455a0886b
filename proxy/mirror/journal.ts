import type { AcceptedWrite, Intent, Journal, JournalHealth, PrimaryEnd } from "../journal.ts";

const WELL: JournalHealth = { problem: null, bytes: 0, pendingBytes: 0, limitBytes: null };

/** Nothing is recorded: for routes and tests that accept it. */
export function createNullJournal(): Journal {
  let position = 0;
  return {
    kind: "none",
    intend: () => null,
    answered: () => undefined,
    keep: () => null,
    sent: () => undefined,
    canTellOfFirst: () => true,
    heldUp() {},
    readBackDue() {},
    readBackEnded() {},
    settled() {},
    waiting: () => 0,
    waitingSince: () => null,
    nextWaiting: async () => [],
    take() {},
    holds: () => false,
    position: () => position,
    nextPosition: () => ++position,
    reached: () => true,
    whenReached: () => null,
    depth: () => 0,
    health: () => WELL,
    close: async () => {},
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
 * journal takes this one's place behind the same port. It keeps nothing for later: what is in memory already would gain
 * nothing by it.
 */
export function createMemoryJournal(): MemoryJournal {
  const entries = new Map<string, Entry>();
  const none = createNullJournal();
  return {
    ...none,
    kind: "memory",
    intend(intent) {
      none.nextPosition();
      entries.set(intent.exchangeId, { intent, end: null, key: intent.key, attempts: 0 });
      return null;
    },
    answered(exchangeId, end, key, _write?: AcceptedWrite) {
      const entry = entries.get(exchangeId);
      if (entry !== undefined) {
        entry.end = end;
        entry.key = key;
      }
      return none.nextPosition();
    },
    sent(exchangeId, attempt) {
      const entry = entries.get(exchangeId);
      if (entry !== undefined) entry.attempts = attempt;
      none.nextPosition();
      return undefined;
    },
    settled(exchangeId) {
      if (entries.delete(exchangeId)) none.nextPosition();
    },
    depth: () => entries.size,
    open: () => [...entries.values()],
  };
}
