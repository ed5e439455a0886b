import type { Verdict } from "../exchange.ts";
import { compareCheaply } from "./diff-answers.ts";
import { heldBytes as bytesOf, type HeldPair, isInMemory } from "./held-pair.ts";
import { type Job, type JobEnd, WorkerSeat } from "./worker-seat.ts";

/** Compares pairs of answers without holding up the event loop. Nothing here throws or rejects. */
export interface Comparer {
  /** The verdict, at once, where finding it is sure to cost no more than about a millisecond; else null. */
  compareInline(pair: HeldPair): Verdict | null;
  /**
   * The verdict of a worker thread. `overloaded`: the pair does not fit into the queue; `failed`: the worker crashed or
   * overran its time (it is replaced), in words. `hookFailure`: a function of the user's failed, and rules alone decided.
   * The bodies' bytes must not change, and their files stay open, until this resolves.
   */
  compare(pair: HeldPair): Promise<CompareEnd>;
  /** Bytes of the pairs that wait or are being compared. */
  queuedBytes(): number;
  /** Ends the workers; what was waiting ends `failed`. */
  close(): Promise<void>;
}

export type CompareEnd = JobEnd | { readonly overloaded: true };

export interface ComparerSettings {
  /** Bytes of bodies held for comparing at once, in the queue and in workers. A pair larger than this is never taken. */
  readonly queueBytes: number;
  /** Worker threads at most, and one more for pairs with a user's module; each starts when first needed. */
  readonly workers: number;
  /** For one pair; past it the worker is ended and replaced. */
  readonly timeLimitMs: number;
  /** For all functions of a user's module, for one pair. Default 1000. */
  readonly hookLimitMs?: number;
  /** The worker's script; by default the worker.ts (built: worker.js) beside this file. */
  readonly script?: URL;
}

/** Unbuilt this file ends in .ts and built in .js; so does the worker beside it. */
const WORKER_SCRIPT = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

/** What a queued pair costs beside its bodies: headers, closures. */
const PAIR_OVERHEAD_BYTES = 1024;
const HOOK_LIMIT_MS = 1_000;

export function createComparer(settings: ComparerSettings): Comparer {
  const { queueBytes, timeLimitMs, hookLimitMs = HOOK_LIMIT_MS, script = WORKER_SCRIPT } = settings;
  let heldBytes = 0;
  let closed = false;
  const byRules = makeLine(settings.workers);
  // A module that hangs holds up those pairs alone that modules take part in.
  const byModules = makeLine(1);

  function makeLine(workers: number): Line {
    const freed = (): void => seatNext(line);
    const seats = Array.from({ length: workers }, () => new WorkerSeat({ script, timeLimitMs, hookLimitMs, freed }));
    const line: Line = { waiting: [], seats, heldBytes: 0 };
    return line;
  }

  function seatNext({ waiting, seats }: Line): void {
    const seat = seats.find((candidate) => candidate.isFree);
    const job = seat === undefined ? undefined : waiting.shift();
    if (job !== undefined) void seat?.run(job);
  }

  /** Pairs with modules fill half of the queue at most, but for one that is larger by itself. */
  function hasRoom(line: Line, bytes: number): boolean {
    if (heldBytes + bytes > queueBytes) return false;
    return line === byRules || line.heldBytes === 0 || line.heldBytes + bytes <= queueBytes / 2;
  }

  function compare(pair: HeldPair): Promise<CompareEnd> {
    const bytes = bytesOf(pair) + PAIR_OVERHEAD_BYTES;
    if (closed) return Promise.resolve({ failed: "compare has ended" });
    const line = pair.hooks === undefined ? byRules : byModules;
    if (!hasRoom(line, bytes)) return Promise.resolve({ overloaded: true });
    heldBytes += bytes;
    line.heldBytes += bytes;
    return new Promise((resolve) => {
      const end: Job["end"] = (result) => {
        heldBytes -= bytes;
        line.heldBytes -= bytes;
        resolve(result);
      };
      line.waiting.push({ pair, end });
      seatNext(line);
    });
  }

  async function close(): Promise<void> {
    closed = true;
    const lines = [byRules, byModules];
    for (const job of lines.flatMap(({ waiting }) => waiting.splice(0))) job.end({ failed: "compare has ended" });
    await Promise.all(lines.flatMap(({ seats }) => seats.map((seat) => seat.close())));
  }

  return {
    compareInline: (pair) => (isInMemory(pair) ? compareCheaply(pair) : null),
    compare,
    queuedBytes: () => heldBytes,
    close,
  };
}

/** Pairs that wait for the same threads. */
interface Line {
  readonly waiting: Job[];
  readonly seats: readonly WorkerSeat[];
  heldBytes: number;
}
