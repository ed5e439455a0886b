import type { ByteBudget } from "../process/byte-budget.ts";
import type { BodyTaker, Captured } from "../forward/capture.ts";
import type { BodyTold } from "./messages.ts";

const NO_BYTES = Buffer.alloc(0);

/**
 * A worker's copy of one body: kept until the exchange has ended, and told with its end; what is larger than `memoryBytes` goes
 * to the parent as it comes. Both are paid from the worker's share of `limits.queued`; where that gives out the copy is lost,
 * and the stream goes on.
 */
export class RelayedBody implements BodyTaker {
  readonly #memoryBytes: number;
  readonly #budget: ByteBudget;
  readonly #relay: (chunk: Buffer, written: () => void) => void;
  #chunks: Buffer[] = [];
  #length = 0;
  #held = 0;
  #state: "kept" | "relayed" | "lost" | "discarded" = "kept";

  constructor(memoryBytes: number, budget: ByteBudget, relay: (chunk: Buffer, written: () => void) => void) {
    this.#memoryBytes = memoryBytes;
    this.#budget = budget;
    this.#relay = relay;
  }

  take(chunk: Buffer): boolean {
    this.#length += chunk.length;
    if (this.#state === "lost" || this.#state === "discarded") return false;
    if (!this.#budget.take(chunk.length)) {
      this.#state = "lost";
      this.#free();
      return false;
    }
    if (this.#state === "kept" && this.#length <= this.#memoryBytes) {
      this.#held += chunk.length;
      this.#chunks.push(chunk);
      return true;
    }
    if (this.#state === "kept") {
      this.#state = "relayed";
      const earlier = this.#chunks;
      this.#chunks = [];
      this.#held = 0;
      for (const one of earlier) this.#send(one);
    }
    this.#send(chunk);
    return true;
  }

  /** What stands behind the message of its end, and what is said of it. */
  told(): { readonly body: BodyTold; readonly chunks: readonly Buffer[] } {
    const isLost = this.#state === "lost";
    return { body: { length: this.#length, kept: this.#held, isLost }, chunks: this.#chunks };
  }

  /** Of a body that was relayed nothing is left here. */
  result(): Captured {
    if (this.#state !== "kept") return { kind: "lost", why: "queue-full", length: this.#length };
    const [first = NO_BYTES] = this.#chunks;
    const bytes = this.#chunks.length > 1 ? Buffer.concat(this.#chunks) : first;
    return { kind: "kept", copy: { kind: "memory", bytes }, length: this.#length };
  }

  discard(): void {
    if (this.#state === "kept") this.#free();
    this.#state = "discarded";
  }

  #send(chunk: Buffer): void {
    this.#relay(chunk, () => this.#budget.give(chunk.length));
  }

  #free(): void {
    this.#budget.give(this.#held);
    this.#held = 0;
    this.#chunks = [];
  }
}
