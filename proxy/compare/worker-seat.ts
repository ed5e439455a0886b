import { Worker } from "node:worker_threads";
import type { Verdict } from "../exchange.ts";
import type { HeldBody, HeldPair } from "./held-pair.ts";
import { type HookFailure, type HookStep, tookTooLong } from "./hook-calls.ts";
import { HookWatch } from "./hook-watch.ts";
import type { WorkerOrder, WorkerReply } from "./worker.ts";

export interface Job {
  readonly pair: HeldPair;
  readonly end: (end: JobEnd) => void;
}

/** `hookFailure`: a function of the user's failed, so that rules alone were to decide. */
export type JobEnd = (Verdict | { readonly failed: string }) & { readonly hookFailure?: HookFailure };

export interface SeatSettings {
  readonly script: URL;
  readonly timeLimitMs: number;
  /** For all functions of a user's module, for one pair; a thread that stays in one for longer is replaced. */
  readonly hookLimitMs: number;
  /** Called when the seat can take a job again. */
  readonly freed: () => void;
}

/** Loading the worker's modules takes 0.1 s; on a machine that swaps, or stands still, it may take long. */
const START_LIMIT_MS = 30_000;
/** Heap of one worker: a pair of the largest bodies that are parsed fits; one that does not ends the worker, not the process. */
const HEAP_MAX_MB = 1024;

/** A place for one worker thread, which is started when first needed and replaced after a crash or an overrun. */
export class WorkerSeat {
  readonly #settings: SeatSettings;
  readonly #hooks: HookWatch;
  #worker: Worker | null = null;
  /** The worker has loaded: what a job takes from here on is its own time. */
  #isReady = false;
  #job: Job | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** Threads that were told to end. */
  readonly #ending = new Set<Promise<unknown>>();

  constructor(settings: SeatSettings) {
    this.#settings = settings;
    this.#hooks = new HookWatch(settings.hookLimitMs, (step, limitMs) => {
      this.#abandon("a function of a module hangs", { step, why: tookTooLong(limitMs), costly: true });
    });
  }

  get isFree(): boolean {
    return this.#job === null;
  }

  async run(job: Job): Promise<void> {
    this.#job = job;
    const primary = await ownBody(job.pair.primary.body);
    const shadow = await ownBody(job.pair.shadow.body);
    if (this.#job !== job) return;
    try {
      const worker = this.#worker ?? this.#start();
      worker.ref();
      const pair: HeldPair = {
        ...job.pair,
        primary: { ...job.pair.primary, body: primary.body },
        shadow: { ...job.pair.shadow, body: shadow.body },
      };
      if (this.#isReady) this.#limit(this.#settings.timeLimitMs, "comparing");
      if (job.pair.hooks !== undefined) this.#hooks.begin();
      worker.postMessage(pair, [...primary.transfer, ...shadow.transfer]);
    } catch (error) {
      this.#abandon(`the compare worker could not be used: ${wordsOf(error)}`);
    }
  }

  async close(): Promise<void> {
    this.#end();
    this.#finish({ failed: "compare has ended" });
    await Promise.all(this.#ending);
  }

  #start(): Worker {
    const worker = new Worker(this.#settings.script, {
      name: "crossfade-compare",
      workerData: {
        steps: this.#hooks.forNewThread(),
        hookLimitMs: this.#settings.hookLimitMs,
      } satisfies WorkerOrder,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MAX_MB },
    });
    this.#worker = worker;
    this.#isReady = false;
    this.#limit(START_LIMIT_MS, "starting the compare worker");
    worker.on("message", (reply: WorkerReply) => {
      if (this.#worker === worker) this.#onReply(reply);
    });
    worker.on("error", (error: unknown) => {
      if (this.#worker === worker) this.#abandon(`the compare worker crashed: ${wordsOf(error)}`);
    });
    worker.on("exit", (code) => {
      if (this.#worker === worker) this.#abandon(`the compare worker ended with code ${code}`);
    });
    return worker;
  }

  #onReply(reply: WorkerReply): void {
    if (reply.kind === "ready") {
      this.#isReady = true;
      this.#limit(this.#settings.timeLimitMs, "comparing");
    } else {
      const { hookFailure } = reply.kind === "verdict" ? reply : {};
      const end: JobEnd = reply.kind === "verdict" ? reply.verdict : { failed: reply.why };
      this.#finish(hookFailure === undefined ? end : { ...end, hookFailure });
    }
  }

  #limit(ms: number, what: string): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    // The worker itself keeps the process alive while it has a job.
    this.#timer = setTimeout(() => this.#abandon(`${what} took longer than ${ms} ms`), ms).unref();
  }

  /** Gives up the thread, and the job with it: unless a module took part, for then rules alone can still decide. */
  #abandon(why: string, hang: HookFailure | null = null): void {
    const step = this.#hooks.running();
    const job = this.#job;
    this.#end();
    if (job?.pair.hooks === undefined) {
      this.#finish({ failed: why });
      return;
    }
    const { hooks: _hooks, ...pair } = job.pair;
    const hookFailure = hang ?? endedIn(step, why);
    const end: Job["end"] = (ended) => job.end(hookFailure === null ? ended : { ...ended, hookFailure });
    void this.run({ pair, end });
  }

  #end(): void {
    this.#hooks.end();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const worker = this.#worker;
    this.#worker = null;
    if (worker !== null) {
      const ending = worker.terminate().finally(() => this.#ending.delete(ending));
      this.#ending.add(ending);
    }
  }

  #finish(end: JobEnd): void {
    this.#hooks.end();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    // An idle worker must not keep the process from ending.
    this.#worker?.unref();
    const job = this.#job;
    this.#job = null;
    if (job === null) return;
    job.end(end);
    this.#settings.freed();
  }
}

/** A thread that ended in a function was ended by it: out of memory, or by `process.exit`. */
function endedIn(step: HookStep | null, why: string): HookFailure | null {
  if (step === null) return null;
  return { step, why: `ended its thread${/memory/i.test(why) ? ": out of memory" : ""}`, costly: true };
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A copy of this many bytes takes well below a millisecond. */
const COPY_STEP_BYTES = 256 * 1024;

/**
 * A copy that can be handed over. Posting a Buffer as it is would clone all the memory it is a view of (a whole pool or
 * socket chunk); handing over the caller's own would take it away from the caller.
 * Large ones are copied step by step.
 */
async function ownBody(body: HeldBody): Promise<{ body: HeldBody; transfer: ArrayBuffer[] }> {
  if (body.kind !== "bytes") return { body, transfer: [] };
  const memory = new ArrayBuffer(body.bytes.length);
  const bytes = new Uint8Array(memory);
  for (let from = 0; from < bytes.length; from += COPY_STEP_BYTES) {
    if (from > 0) await new Promise((resolve) => setImmediate(resolve));
    bytes.set(body.bytes.subarray(from, from + COPY_STEP_BYTES), from);
  }
  return { body: { kind: "bytes", bytes }, transfer: [memory] };
}
