/** What the parent knows of values, for a worker that maps them for clients. */
import { PairCache, type Partner } from "../mirror/values/pair-cache.ts";
import type { PairBook, Sought } from "../mirror/values/pair-book.ts";
import type { Clock } from "../ports.ts";
import type { Link } from "./link.ts";
import type { FromWorker, ToWorker } from "./messages.ts";

/** In each worker: about 8 MB. */
const CAPACITY = 20_000;
const UNKNOWN_FOR_MS = 1_000;

interface Asked {
  readonly sought: readonly Sought[];
  readonly done: () => void;
  readonly failed: (error: Error) => void;
}

export class RemotePairs implements Pick<PairBook, "partnerOf" | "look"> {
  readonly #link: Pick<Link<FromWorker, ToWorker>, "send">;
  readonly #cache: PairCache;
  readonly #asked = new Map<number, Asked>();
  #questions = 0;

  constructor(link: Pick<Link<FromWorker, ToWorker>, "send">, clock: Clock) {
    this.#link = link;
    this.#cache = new PairCache({
      capacity: CAPACITY,
      unknownForMs: UNKNOWN_FOR_MS,
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
    });
  }

  partnerOf({ kind, side, text }: Sought): Partner | "unknown" | null {
    return this.#cache.partnerOf(kind, side, text);
  }

  /** Rejects where the store does not tell the parent. */
  look(all: readonly Sought[]): Promise<void> {
    const sought = all.filter((one) => this.partnerOf(one) === null);
    if (sought.length === 0) return Promise.resolve();
    const question = ++this.#questions;
    return new Promise((done, failed) => {
      this.#asked.set(question, { sought, done, failed });
      this.#link.send({ type: "values", question, sought });
    });
  }

  /** See `PairBook`. */
  settingsChanged(): void {
    this.#cache.forgetAllUnknown();
  }

  told({ question, found }: Extract<ToWorker, { type: "values" }>): void {
    const asked = this.#asked.get(question);
    this.#asked.delete(question);
    if (asked === undefined) return;
    if (found === null) {
      asked.failed(new Error("the store did not say what values are"));
      return;
    }
    for (const [i, { kind, side, text }] of asked.sought.entries()) {
      const pair = found[i] ?? null;
      if (pair === null) this.#cache.addUnknown(kind, side, text);
      else this.#cache.add(pair);
    }
    asked.done();
  }
}
