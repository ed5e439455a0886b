import { createHash, type Hash } from "node:crypto";
import type { ByteBudget } from "../process/byte-budget.ts";
import type { BodyCopy } from "../exchange.ts";
import type { Spool } from "./spool.ts";
import type { SpoolFile } from "./spool-file.ts";

export interface CaptureLimits {
  /** One body in memory. */
  readonly memoryBytes: number;
  /** One body on disk. */
  readonly diskBytes: number;
  /** What goes to the spool outlives the process, where the journal has the write. */
  readonly lasting?: boolean;
}

/** What became of the copy. `lost`: the budget or the spool gave out; the stream itself went on. */
export type Captured =
  | { readonly kind: "kept"; readonly copy: BodyCopy; readonly length: number }
  | { readonly kind: "lost"; readonly why: "queue-full" | "spool-full"; readonly length: number };

/** Takes a copy of one body as it passes. */
export interface BodyTaker {
  /** Whether it holds the chunk itself from here on. Never waits, never fails the stream. */
  take(chunk: Buffer): boolean;
  /** The copy as it stands once the body has ended. */
  result(): Captured;
  /** Gives back what is held. The copy must not be used afterwards. */
  discard(): void;
}

export interface BodyTakers {
  readonly request: BodyTaker;
  readonly answer: BodyTaker;
}

/** What copies are paid from. */
export interface CaptureParts {
  /** Memory. */
  readonly budget: ByteBudget;
  readonly spool: Spool;
}

const NO_BYTES = Buffer.alloc(0);

/**
 * A bounded copy of one body as it passes: in memory up to the first cap, then in the spool up to the second, then only
 * its digest and length. Taking a chunk never waits and never fails the stream.
 */
export class Capture implements BodyTaker {
  readonly #limits: CaptureLimits;
  readonly #budget: ByteBudget;
  readonly #spool: Spool;
  #chunks: Buffer[] = [];
  #length = 0;
  #held = 0;
  #file: SpoolFile | null = null;
  /** Running digest of what may not lie in the spool at all. */
  #digest: Hash | null = null;
  /** The file holds nothing any more: only its digest is taken. */
  #fileIsDigest = false;
  #discarded = false;
  #lost: "queue-full" | "spool-full" | null = null;

  constructor(limits: CaptureLimits, budget: ByteBudget, spool: Spool) {
    this.#limits = limits;
    this.#budget = budget;
    this.#spool = spool;
  }

  /** The body so far, where all of it is in memory; else null. */
  peek(): Buffer | null {
    if (this.#lost !== null || this.#file !== null || this.#digest !== null) return null;
    return this.#join();
  }

  take(chunk: Buffer): boolean {
    this.#length += chunk.length;
    // An upload may go on after its exchange has ended (an early answer): nobody would give back what it held.
    if (this.#lost !== null || this.#discarded) return false;
    if (this.#digest !== null) {
      this.#digest.update(chunk);
    } else if (this.#length > this.#limits.diskBytes && !this.#fileIsDigest) {
      this.#toDigest(chunk);
    } else if (this.#file !== null || this.#length > this.#limits.memoryBytes) {
      this.#toSpool(chunk);
    } else if (this.#budget.take(chunk.length)) {
      this.#held += chunk.length;
      this.#chunks.push(chunk);
      return true;
    } else {
      this.#lose("queue-full");
    }
    return false;
  }

  result(): Captured {
    const length = this.#length;
    if (this.#lost !== null) return { kind: "lost", why: this.#lost, length };
    if (this.#digest !== null) {
      return { kind: "kept", copy: { kind: "digest", length, sha256: this.#digest.copy().digest("hex") }, length };
    }
    const file = this.#file;
    if (file !== null) {
      if (file.failure !== null) return { kind: "lost", why: "spool-full", length };
      const copy: BodyCopy = this.#fileIsDigest
        ? { kind: "digest", length, sha256: file.whole().then((failure) => (failure === null ? file.sha256 : "")) }
        : { kind: "spooled", length, file };
      return { kind: "kept", copy, length };
    }
    return { kind: "kept", copy: { kind: "memory", bytes: this.#join() }, length };
  }

  discard(): void {
    this.#discarded = true;
    this.#free();
  }

  #free(): void {
    this.#budget.give(this.#held);
    this.#held = 0;
    this.#chunks = [];
    this.#file?.discard();
  }

  #join(): Buffer {
    if (this.#chunks.length === 0) return NO_BYTES;
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] as Buffer;
  }

  #toSpool(chunk: Buffer): void {
    if (this.#file === null) {
      this.#file = this.#spool.begin(this.#limits.lasting);
      for (const earlier of this.#chunks) this.#file.write(earlier);
      this.#budget.give(this.#held);
      this.#held = 0;
      this.#chunks = [];
    }
    if (!this.#file.write(chunk)) this.#lose("spool-full");
  }

  #toDigest(chunk: Buffer): void {
    if (this.#file !== null) {
      this.#fileIsDigest = true;
      this.#file.digestOnly();
      this.#toSpool(chunk);
      return;
    }
    this.#digest = createHash("sha256");
    for (const earlier of this.#chunks) this.#digest.update(earlier);
    this.#digest.update(chunk);
    this.#free();
  }

  #lose(why: "queue-full" | "spool-full"): void {
    this.#lost = why;
    this.#free();
    this.#file = null;
  }
}

export function captures(limits: CaptureLimits, { budget, spool }: CaptureParts): BodyTakers {
  return { request: new Capture(limits, budget, spool), answer: new Capture(limits, budget, spool) };
}

export function capturedInMemory(bytes: Buffer): Captured {
  return { kind: "kept", copy: { kind: "memory", bytes }, length: bytes.length };
}
