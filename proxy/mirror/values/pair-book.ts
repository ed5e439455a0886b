/**
 * What is known of pairs: the last ones in memory, all of them in the store. A pair is known once the store has it, which
 * decides between two that disagree; nobody uses it before.
 */
import type { Identity } from "../../exchange.ts";
import type { Clock, Store } from "../../ports.ts";
import type { PairTaught } from "../../ids/value-pairs.ts";
import { PairCache, type Partner } from "./pair-cache.ts";
import type { Seal, Value, ValuePair } from "./seal.ts";

export type Lesson = PairTaught | "not-kept";

export interface Sought {
  readonly kind: string;
  readonly side: Identity;
  readonly text: string;
}

export interface PairBookOptions {
  readonly store: Pick<Store, "teachValues" | "findValues">;
  readonly seal: Seal;
  readonly clock: Clock;
  /** Pairs in memory. Default 100,000: about 40 MB. */
  readonly capacity?: number;
  /** Others learn pairs too: that one was unknown a moment ago says nothing. */
  readonly isShared: boolean;
  /** How long a pair waits for a store that fails. */
  readonly retryForMs: number;
  readonly caught: (step: string, error: unknown) => void;
}

const DEFAULT_CAPACITY = 100_000;
const UNKNOWN_FOR_MS = 1_000;
const TAUGHT_AT_ONCE = 500;
/** Pairs that wait for the store; what comes then is not kept. */
const MAX_WAITING = 10_000;
const RETRY_MS = 250;

interface Waiting {
  readonly pair: ValuePair;
  readonly until: number;
  readonly done: (lesson: Lesson) => void;
}

export class PairBook {
  readonly #options: PairBookOptions;
  readonly #cache: PairCache;
  #waiting: Waiting[] = [];
  #underway = 0;
  #isTeaching = false;
  #closed = false;

  constructor(options: PairBookOptions) {
    const { clock, capacity = DEFAULT_CAPACITY } = options;
    this.#options = options;
    this.#cache = new PairCache({
      capacity,
      unknownForMs: UNKNOWN_FOR_MS,
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
    });
  }

  /** Pairs that are not durable yet. */
  get waiting(): number {
    return this.#waiting.length + this.#underway;
  }

  /** As far as memory knows; null: `look` first. */
  partnerOf({ kind, side, text }: Sought): Partner | "unknown" | null {
    return this.#cache.partnerOf(kind, side, text);
  }

  pairOf({ kind, side, text }: Sought): ValuePair | "unknown" | null {
    return this.#cache.pairOf(kind, side, text);
  }

  /**
   * Phases may have moved: a value that clients were not told by its present primary matters from now on, and other members may
   * have learnt it a moment ago.
   */
  settingsChanged(): void {
    this.#cache.forgetAllUnknown();
  }

  isKnown(sought: Sought): boolean {
    const partner = this.partnerOf(sought);
    return partner !== null && partner !== "unknown";
  }

  /** Brings what memory does not know from the store, in one question. Rejects where the store has no answer. */
  async look(all: readonly Sought[]): Promise<void> {
    const { store, seal, isShared } = this.#options;
    const cold = all.filter((one) => {
      const partner = this.partnerOf(one);
      return partner === null || (isShared && partner === "unknown");
    });
    if (cold.length === 0) return;
    const asked = cold.map(({ kind, side, text }) => ({ kind, side, hash: seal.hash(kind, text) }));
    const rows = await store.findValues(asked);
    for (const [i, { kind, side, text }] of cold.entries()) {
      const row = rows[i] ?? null;
      const same: Value = { text, spelling: "plain" };
      const texts =
        row === null
          ? null
          : row.sealed === null
            ? { legacy: same, next: same, held: side, until: row.until }
            : seal.open(row);
      if (texts === null) this.#cache.addUnknown(kind, side, text);
      else this.#cache.add({ kind, ...texts });
    }
  }

  /** Resolves once the store has it, or has another one of its values, or when it could not be kept in time. */
  teach(pair: ValuePair): Promise<Lesson> {
    const { kind, legacy, next } = pair;
    const partner = this.partnerOf({ kind, side: "legacy", text: legacy.text });
    const back = this.partnerOf({ kind, side: "next", text: next.text });
    if (isPartner(partner, next) && isPartner(back, legacy)) return Promise.resolve("known");
    if (this.#closed || this.waiting >= MAX_WAITING) return Promise.resolve("not-kept");
    return new Promise((done) => {
      const until = this.#options.clock.monotonic() + this.#options.retryForMs;
      this.#waiting.push({ pair, until, done });
      if (!this.#isTeaching) void this.#teachAll();
    });
  }

  /** What waits for the store is given up: the process ends. */
  close(): void {
    this.#closed = true;
    for (const { done } of this.#waiting.splice(0)) done("not-kept");
  }

  /** One question at a time: what comes meanwhile is the next one. */
  async #teachAll(): Promise<void> {
    this.#isTeaching = true;
    // What one answer teaches goes together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, TAUGHT_AT_ONCE);
      this.#underway = batch.length;
      const lessons = await this.#tell(batch);
      this.#underway = 0;
      if (lessons !== null) {
        for (const [i, { pair, done }] of batch.entries()) {
          const lesson = lessons[i] ?? "not-kept";
          if (lesson === "kept") this.#cache.add(pair);
          // The store may know better how each side spells it.
          else this.#cache.forgetUnknown(pair);
          done(lesson);
        }
        continue;
      }
      const now = this.#options.clock.monotonic();
      for (const { done } of batch.filter(({ until }) => this.#closed || until <= now)) done("not-kept");
      if (this.#closed) break;
      this.#waiting = [...batch.filter(({ until }) => until > now), ...this.#waiting];
      if (this.#waiting.length > 0) await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
    }
    this.#isTeaching = false;
  }

  async #tell(batch: readonly Waiting[]): Promise<readonly PairTaught[] | null> {
    const { store, seal, clock, caught } = this.#options;
    try {
      return await store.teachValues(batch.map(({ pair }) => seal.close(pair, clock.now())));
    } catch (error) {
      caught("values", error);
      return null;
    }
  }
}

function isPartner(partner: Partner | "unknown" | null, value: Value): boolean {
  return partner !== null && partner !== "unknown" && partner.other.text === value.text;
}
