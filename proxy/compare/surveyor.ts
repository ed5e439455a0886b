/**
 * The thread beside the event loop that surveys pairs. It has no part in any outcome, so it is not the one that compares: a
 * pair that finds no room here is not counted, and no comparison waits for one that does.
 */
import { Worker } from "node:worker_threads";
import { type Survey, SURVEYED_MAX_BYTES } from "../evidence/places.ts";
import type { ComparableAnswer } from "./diff-answers.ts";
import type { SurveyPair } from "./survey.ts";

export interface Surveyor {
  /** Resolves, whatever happens. The bodies' bytes are copied before this returns. */
  survey(pair: SurveyPair): Promise<Survey>;
  close(): Promise<void>;
}

export interface SurveyorSettings {
  /** Secret bytes that hashes of values are made with. */
  readonly key: Buffer;
  /** Pairs that wait or are looked at; further ones are not taken. */
  readonly mostWaiting: number;
  /** For one pair; past it the thread is ended, and a new one takes the next. */
  readonly timeLimitMs: number;
}

/** Unbuilt this file ends in .ts and built in .js; so does the worker beside it. */
const WORKER_SCRIPT = new URL(
  import.meta.url.endsWith(".ts") ? "./survey-worker.ts" : "./survey-worker.js",
  import.meta.url,
);
const HEAP_MAX_MB = 256;

interface Job {
  readonly pair: SurveyPair;
  readonly end: (survey: Survey) => void;
}

export function createSurveyor({ key, mostWaiting, timeLimitMs }: SurveyorSettings): Surveyor {
  const waiting: Job[] = [];
  const ending = new Set<Promise<unknown>>();
  let worker: Worker | null = null;
  let running: Job | null = null;
  let timer: NodeJS.Timeout | null = null;
  let closed = false;

  function next(): void {
    if (running !== null) return;
    const job = waiting.shift();
    if (job === undefined) {
      // An idle thread must not keep the process from ending.
      worker?.unref();
      return;
    }
    running = job;
    try {
      worker ??= start();
      worker.ref();
      timer = setTimeout(abandon, timeLimitMs).unref();
      worker.postMessage(job.pair, [memoryOf(job.pair.first), memoryOf(job.pair.second)]);
    } catch {
      abandon();
    }
  }

  function start(): Worker {
    const started = new Worker(WORKER_SCRIPT, {
      name: "crossfade-survey",
      workerData: Uint8Array.from(key),
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MAX_MB },
    });
    started.on("message", (survey: Survey) => {
      if (worker === started) finish(survey);
    });
    for (const event of ["error", "exit"]) {
      started.on(event, () => {
        if (worker === started) abandon();
      });
    }
    return started;
  }

  function abandon(): void {
    end();
    finish({ why: "failed" });
  }

  function end(): void {
    const ended = worker?.terminate();
    worker = null;
    if (ended === undefined) return;
    ending.add(ended);
    void ended.finally(() => ending.delete(ended));
  }

  function finish(survey: Survey): void {
    if (timer !== null) clearTimeout(timer);
    const job = running;
    running = null;
    job?.end(survey);
    next();
  }

  return {
    survey(pair) {
      if (!isSmall(pair.first) || !isSmall(pair.second)) return Promise.resolve({ why: "too-large" });
      if (closed || waiting.length + (running === null ? 0 : 1) >= mostWaiting)
        return Promise.resolve({ why: "overload" });
      return new Promise((resolve) => {
        waiting.push({ pair: { ...pair, first: owned(pair.first), second: owned(pair.second) }, end: resolve });
        next();
      });
    },
    async close() {
      closed = true;
      for (const job of waiting.splice(0)) job.end({ why: "failed" });
      abandon();
      await Promise.all(ending);
    },
  };
}

function isSmall({ body }: ComparableAnswer): boolean {
  return body.kind === "bytes" && body.bytes.length <= SURVEYED_MAX_BYTES;
}

/** In memory of its own, to be handed over: posting a Buffer as it is would clone all the memory it is a view of. */
function owned(answer: ComparableAnswer): ComparableAnswer {
  return answer.body.kind === "digest"
    ? answer
    : { ...answer, body: { kind: "bytes", bytes: new Uint8Array(answer.body.bytes) } };
}

function memoryOf({ body }: ComparableAnswer): ArrayBuffer {
  if (body.kind === "digest") throw new TypeError("only bodies in memory are surveyed");
  return body.bytes.buffer as ArrayBuffer;
}
