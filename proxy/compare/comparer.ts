import type { Verdict } from "../exchange.ts";
import { type AnswerPair, compareCheaply } from "./diff-answers.ts";
import type { ComparableBody } from "./diff-bodies.ts";
import { type Job, WorkerSeat } from "./worker-seat.ts";

/** Compares pairs of answers without holding up the event loop. Nothing here throws or rejects. */
export interface Comparer {
  /** The verdict, at once, where finding it is sure to cost no more than about a millisecond; else null. */
  compareInline(pair: AnswerPair): Verdict | null;
  /**
   * The verdict of a worker thread. `overloaded`: the pair does not fit into the queue; `failed`: the worker crashed or
   * overran its time (it is replaced), in words. The bodies' bytes must not change until this resolves; those that are
   * `spare`, each all of its memory, are handed over and empty afterwards.
   */
  compare(pair: AnswerPair, spare?: readonly Uint8Array[]): Promise<CompareEnd>;
  /** Bytes of the pairs that wait or are being compared. */
  queuedBytes(): number;
  /** Ends the workers; what was waiting ends `failed`. */
  close(): Promise<void>;
}

export type CompareEnd = Verdict | { readonly overloaded: true } | { readonly failed: string };

export interface ComparerSettings {
  /** Bytes of bodies held for comparing at once, in the queue and in workers. A pair larger than this is never taken. */
  readonly queueBytes: number;
  /** Worker threads at most; each starts when first needed. */
  readonly workers: number;
  /** For one pair; past it the worker is ended and replaced. */
  readonly timeLimitMs: number;
  /** The worker's script; by default the worker.ts (built: worker.js) beside this file. */
  readonly script?: URL;
}

/** Unbuilt this file ends in .ts and built in .js; so does the worker beside it. */
const WORKER_SCRIPT = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

/** What a queued pair costs beside its bodies: headers, closures. */
const PAIR_OVERHEAD_BYTES = 1024;

export function createComparer(settings: ComparerSettings): Comparer {
  const { queueBytes, timeLimitMs, script = WORKER_SCRIPT } = settings;
  const waiting: Job[] = [];
  let heldBytes = 0;
  let closed = false;
  const seats = Array.from(
    { length: settings.workers },
    () => new WorkerSeat({ script, timeLimitMs, freed: seatNext }),
  );

  function seatNext(): void {
    const seat = seats.find((candidate) => candidate.isFree);
    const job = seat === undefined ? undefined : waiting.shift();
    if (job !== undefined) void seat?.run(job);
  }

  function compare(pair: AnswerPair, spare: readonly Uint8Array[] = []): Promise<CompareEnd> {
    const bytes = lengthInMemory(pair.primary.body) + lengthInMemory(pair.shadow.body) + PAIR_OVERHEAD_BYTES;
    if (closed) return Promise.resolve({ failed: "compare has ended" });
    if (heldBytes + bytes > queueBytes) return Promise.resolve({ overloaded: true });
    heldBytes += bytes;
    return new Promise((resolve) => {
      const end: Job["end"] = (result) => {
        heldBytes -= bytes;
        resolve(result);
      };
      waiting.push({ pair, spare, end });
      seatNext();
    });
  }

  async function close(): Promise<void> {
    closed = true;
    for (const job of waiting.splice(0)) job.end({ failed: "compare has ended" });
    await Promise.all(seats.map((seat) => seat.close()));
  }

  return { compareInline: compareCheaply, compare, queuedBytes: () => heldBytes, close };
}

function lengthInMemory(body: ComparableBody): number {
  return body.kind === "bytes" ? body.bytes.length : 0;
}
