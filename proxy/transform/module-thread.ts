import { Worker } from "node:worker_threads";
import { type HookFailure, tookTooLong } from "../compare/hook-calls.ts";
import { HookWatch } from "../compare/hook-watch.ts";
import type { ModuleCall, ModuleOrder, ModuleReply } from "./worker.ts";

interface Waiting {
  readonly call: ModuleCall;
  readonly end: (reply: ModuleReply) => void;
}

/** For one call. */
const LIMIT_MS = 1_000;
const HEAP_MAX_MB = 512;

/** Unbuilt this file ends in .ts and built in .js; so does the worker beside it. */
const SCRIPT = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

/**
 * A thread for users' transforms, started when first needed and replaced after a crash or a call that does not end. One call
 * after the other; those that wait belong to copies, which are bounded where they wait.
 */
export class ModuleThread {
  readonly #watch: HookWatch;
  readonly #waiting: Waiting[] = [];
  #running: Waiting | null = null;
  #worker: Worker | null = null;
  #isClosed = false;
  /** Threads that were told to end. */
  readonly #ending = new Set<Promise<unknown>>();

  constructor() {
    this.#watch = new HookWatch(LIMIT_MS, (step, limitMs) => {
      this.#replace({ step, why: tookTooLong(limitMs), costly: true });
    });
  }

  /** Never rejects. */
  run(call: ModuleCall): Promise<ModuleReply> {
    const { promise, resolve } = Promise.withResolvers<ModuleReply>();
    this.#waiting.push({ call, end: resolve });
    this.#next();
    return promise;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#end();
    for (const { call, end } of this.#waiting.splice(0)) end(failed({ ...ENDED, step: call.step }));
    this.#finish(failed({ ...ENDED, step: this.#running?.call.step ?? "import" }));
    await Promise.all(this.#ending);
  }

  #next(): void {
    if (this.#running !== null) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#running = next;
    const { step } = next.call;
    if (this.#isClosed) {
      this.#finish(failed({ ...ENDED, step }));
      return;
    }
    try {
      const worker = this.#worker ?? this.#start();
      worker.ref();
      this.#watch.begin();
      worker.postMessage(next.call);
    } catch {
      this.#replace({ step, why: "could not be run: there is no thread for it", costly: false });
    }
  }

  #start(): Worker {
    const workerData: ModuleOrder = { steps: this.#watch.forNewThread(), limitMs: LIMIT_MS };
    const worker = new Worker(SCRIPT, {
      name: "crossfade-transform",
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MAX_MB },
    });
    this.#worker = worker;
    const onEnd = (): void => {
      if (this.#worker !== worker) return;
      const step = this.#watch.running() ?? this.#running?.call.step ?? "import";
      this.#replace({ step, why: "ended its thread", costly: true });
    };
    worker.on("message", (reply: ModuleReply) => {
      if (this.#worker === worker) this.#finish(reply);
    });
    worker.on("error", onEnd);
    worker.on("exit", onEnd);
    return worker;
  }

  #replace(failure: HookFailure): void {
    this.#end();
    this.#finish(failed(failure));
  }

  #end(): void {
    this.#watch.end();
    const worker = this.#worker;
    this.#worker = null;
    if (worker === null) return;
    const ending = worker.terminate().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  #finish(reply: ModuleReply): void {
    this.#watch.end();
    // An idle thread must not keep the process from ending.
    this.#worker?.unref();
    const running = this.#running;
    this.#running = null;
    running?.end(reply);
    this.#next();
  }
}

const ENDED = { why: "was not run: the process ends", costly: false } as const;

function failed(failure: HookFailure): ModuleReply {
  return { ok: false, failure };
}
