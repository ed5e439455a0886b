import { Worker } from "node:worker_threads";
import type { Verdict } from "../exchange.ts";
import type { AnswerPair } from "./diff-answers.ts";
import type { ComparableBody } from "./diff-bodies.ts";
import type { WorkerReply } from "./worker.ts";

export interface Job {
  readonly pair: AnswerPair;
  /** Bodies whose memory may be handed over. */
  readonly spare: readonly Uint8Array[];
  readonly end: (end: Verdict | { readonly failed: string }) => void;
}

export interface SeatSettings {
  readonly script: URL;
  readonly timeLimitMs: number;
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
  #worker: Worker | null = null;
  /** The worker has loaded: what a job takes from here on is its own time. */
  #isReady = false;
  #job: Job | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** Threads that were told to end. */
  readonly #ending = new Set<Promise<unknown>>();

  constructor(settings: SeatSettings) {
    this.#settings = settings;
  }

  get isFree(): boolean {
    return this.#job === null;
  }

  async run(job: Job): Promise<void> {
    this.#job = job;
    const primary = await ownBody(job.pair.primary.body, job.spare);
    const shadow = await ownBody(job.pair.shadow.body, job.spare);
    if (this.#job !== job) return;
    try {
      const worker = this.#worker ?? this.#start();
      worker.ref();
      const pair: AnswerPair = {
        ...job.pair,
        primary: { ...job.pair.primary, body: primary.body },
        shadow: { ...job.pair.shadow, body: shadow.body },
      };
      if (this.#isReady) this.#limit(this.#settings.timeLimitMs, "comparing");
      worker.postMessage(pair, [...primary.transfer, ...shadow.transfer]);
    } catch (error) {
      this.#abandon(`the compare worker could not be used: ${wordsOf(error)}`);
    }
  }

  async close(): Promise<void> {
    this.#abandon("compare has ended");
    await Promise.all(this.#ending);
  }

  #start(): Worker {
    const worker = new Worker(this.#settings.script, {
      name: "crossfade-compare",
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
      this.#finish(reply.kind === "verdict" ? reply.verdict : { failed: reply.why });
    }
  }

  #limit(ms: number, what: string): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    // The worker itself keeps the process alive while it has a job.
    this.#timer = setTimeout(() => this.#abandon(`${what} took longer than ${ms} ms`), ms).unref();
  }

  /** Gives up the thread, and the job with it. */
  #abandon(why: string): void {
    const worker = this.#worker;
    this.#worker = null;
    if (worker !== null) {
      const ending = worker.terminate().finally(() => this.#ending.delete(ending));
      this.#ending.add(ending);
    }
    this.#finish({ failed: why });
  }

  #finish(end: Verdict | { readonly failed: string }): void {
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

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A copy of this many bytes takes well below a millisecond. */
const COPY_STEP_BYTES = 256 * 1024;

/**
 * A copy that can be handed over. Posting a Buffer as it is would clone all the memory it is a view of (a whole pool or
 * socket chunk); handing over the caller's own would take it away from the caller, who may have said that it is spare.
 * Large ones are copied step by step.
 */
async function ownBody(
  body: ComparableBody,
  spare: readonly Uint8Array[],
): Promise<{ body: ComparableBody; transfer: ArrayBuffer[] }> {
  if (body.kind === "digest") return { body, transfer: [] };
  if (spare.includes(body.bytes)) return { body, transfer: [body.bytes.buffer as ArrayBuffer] };
  const memory = new ArrayBuffer(body.bytes.length);
  const bytes = new Uint8Array(memory);
  for (let from = 0; from < bytes.length; from += COPY_STEP_BYTES) {
    if (from > 0) await new Promise((resolve) => setImmediate(resolve));
    bytes.set(body.bytes.subarray(from, from + COPY_STEP_BYTES), from);
  }
  return { body: { kind: "bytes", bytes }, transfer: [memory] };
}
