import type { Journal } from "../journal.ts";
import type { Clock, Store, StoreWrite } from "../ports.ts";

/** How often it is looked whether the journal has come as far as the counts. */
const LOOK_EVERY_MS = 5;
/** While somebody waits for it. */
const LOOK_ASKED_MS = 1;
/** A journal that takes longer is not waited for: its routes have a gap by then. */
const PATIENCE_MS = 5_000;

const ASK_AFTER_MS = 250;

interface Waiting {
  readonly writes: readonly StoreWrite[];
  readonly position: number;
  readonly since: number;
}

/**
 * Hands counts to the store together with the journal's position that they count up to, and not before the journal has
 * written that far: what the store has counted is never missing in the journal, and what it has not is counted from there
 * after a crash. So each write is counted once.
 */
export class CountedWrites implements Pick<Store, "append"> {
  readonly #store: Pick<Store, "append">;
  readonly #journal: Pick<Journal, "position" | "reached" | "whenReached">;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(
    store: Pick<Store, "append">,
    journal: Pick<Journal, "position" | "reached" | "whenReached">,
    clock: Pick<Clock, "monotonic">,
  ) {
    this.#store = store;
    this.#journal = journal;
    this.#clock = clock;
  }

  /** Called when each write that was counted has its record, and none that has a record is not counted: between two turns. */
  append(writes: readonly StoreWrite[]): void {
    this.#waiting.push({ writes, position: this.#journal.position(), since: this.#clock.monotonic() });
    this.#timer ??= setTimeout(() => this.#look(), LOOK_EVERY_MS);
  }

  /** The store to whoever asks it: an answer has what was appended here before, unless the journal is far behind. */
  readable(store: Store): Store {
    return withInstead(store, {
      outcomeCounts: () => this.#caughtUp().then(() => store.outcomeCounts()),
      eligibleCounts: () => this.#caughtUp().then(() => store.eligibleCounts()),
      divergences: (query) => this.#caughtUp().then(() => store.divergences(query)),
      divergence: (id) => this.#caughtUp().then(() => store.divergence(id)),
      groups: (query) => this.#caughtUp().then(() => store.groups(query)),
      group: (id) => this.#caughtUp().then(() => store.group(id)),
      decideGroup: (id, decision) => this.#caughtUp().then(() => store.decideGroup(id, decision)),
      eraseDivergences: (query) => this.#caughtUp().then(() => store.eraseDivergences(query)),
      pairs: (query) => this.#caughtUp().then(() => store.pairs(query)),
      pair: (id) => this.#caughtUp().then(() => store.pair(id)),
      repairs: (query) => this.#caughtUp().then(() => store.repairs(query)),
      repairWork: (query) => this.#caughtUp().then(() => store.repairWork(query)),
      endRepair: (work, end) => this.#caughtUp().then(() => store.endRepair(work, end)),
      gaps: (query) => this.#caughtUp().then(() => store.gaps(query)),
      openWork: () => this.#caughtUp().then(() => store.openWork()),
    });
  }

  #caughtUp(): Promise<boolean> {
    return this.caughtUp(ASK_AFTER_MS);
  }

  /** Resolves once the store has been given what was appended so far: true, or false where that takes longer. */
  async caughtUp(withinMs: number): Promise<boolean> {
    const last = this.#waiting.at(-1);
    const until = this.#clock.monotonic() + withinMs;
    const isBehind = (): boolean => last !== undefined && this.#waiting.includes(last);
    // What is waited for the journal writes at once.
    if (last !== undefined) void this.#journal.whenReached(last.position);
    for (;;) {
      if (isBehind()) this.#look();
      if (!isBehind() || this.#clock.monotonic() >= until) return !isBehind();
      await new Promise((resolve) => setTimeout(resolve, LOOK_ASKED_MS));
    }
  }

  /** The process ends: hands over what still waits. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const waiting of this.#waiting.splice(0)) this.#pass(waiting);
  }

  #look(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const now = this.#clock.monotonic();
    let passed = 0;
    for (const waiting of this.#waiting) {
      if (!this.#journal.reached(waiting.position) && now - waiting.since < PATIENCE_MS) break;
      this.#pass(waiting);
      passed++;
    }
    this.#waiting.splice(0, passed);
    if (this.#waiting.length > 0) this.#timer = setTimeout(() => this.#look(), LOOK_EVERY_MS);
  }

  #pass({ writes, position }: Waiting): void {
    this.#store.append(writes);
    this.#store.append([{ type: "journal-mark", position }]);
  }
}

/** The store, with these of its methods instead of its own. It may be of a class, so that its parts cannot be copied. */
function withInstead(store: Store, instead: Partial<Store>): Store {
  return new Proxy(store, {
    get(whole, name: keyof Store) {
      if (name in instead) return instead[name];
      const own = whole[name];
      return typeof own === "function" ? (own as () => unknown).bind(whole) : own;
    },
  });
}
