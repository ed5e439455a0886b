/**
 * What becomes of everything that is handed to one signal's exporter: sent, given up, or dropped because too much waited. The
 * SDK's batch processors bound their queues too, but tell nobody what they drop. Loaded at every start: imports nothing.
 */

export type SentResult = "sent" | "failed" | "dropped";

/** What became of what was given to an exporter. */
export class Tally {
  readonly counts: Record<SentResult, number> = { sent: 0, failed: 0, dropped: 0 };
  /** Why the last batch failed, or null where it did not. */
  problem: string | null = null;
  readonly #count: (result: SentResult, count: number) => void;

  constructor(count: (result: SentResult, count: number) => void) {
    this.#count = count;
  }

  /** They have been lost for want of room. */
  lost(count: number): void {
    this.#add("dropped", count);
  }

  /** A batch of so many has ended; `problem`: why it failed, or null. */
  ended(count: number, problem: string | null): void {
    this.problem = problem;
    this.#add(problem === null ? "sent" : "failed", count);
  }

  #add(result: SentResult, count: number): void {
    this.counts[result] += count;
    this.#count(result, count);
  }
}

/** With a bound on what waits, until the collector has it, or will not. */
export class Outbox<Item> extends Tally {
  readonly #capacity: number;
  #waiting = 0;
  /** Come before there was anybody to take them. */
  #early: Item[] = [];
  #take: ((item: Item) => void) | null = null;

  constructor(capacity: number, count: (result: SentResult, count: number) => void) {
    super(count);
    this.#capacity = capacity;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Never waits. */
  offer(item: Item): void {
    if (this.#waiting >= this.#capacity) {
      this.lost(1);
      return;
    }
    this.#waiting += 1;
    if (this.#take === null) this.#early.push(item);
    else this.#take(item);
  }

  /** `take` gets what has waited for it, and then all that is offered. */
  open(take: (item: Item) => void): void {
    this.#take = take;
    const early = this.#early;
    this.#early = [];
    for (const item of early) take(item);
  }

  override ended(count: number, problem: string | null): void {
    this.#waiting -= count;
    super.ended(count, problem);
  }
}
