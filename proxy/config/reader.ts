/**
 * Reads a changed file in a thread of its own, which ends with it: of 500 routes, YAML alone takes a fifth of a second,
 * and no client should wait for that.
 */
import { Worker } from "node:worker_threads";
import type { LoadInput } from "./load.ts";
import type { ActingPhases } from "./reload-rules.ts";
import type { Reading } from "./reread.ts";
import type { Settings } from "./settings.ts";

export interface ReadOrder {
  readonly input: LoadInput;
  readonly running: Settings;
  readonly acting: ActingPhases;
}

/** Compiled or not, the thread's file lies beside this one; the compiler rewrites imports, not URLs. */
const WORKER_URL = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

/** Never rejects: a thread that fails is a file that is refused, and `files` is empty. */
export function rereadInThread(order: ReadOrder): Promise<Reading> {
  return new Promise((resolve) => {
    const failed = (why: string): void => {
      const error = { file: order.input.file ?? "", line: null, column: null, text: `could not be read: ${why}` };
      resolve({ ok: false, errors: [error], files: [] });
    };
    let worker: Worker;
    try {
      worker = new Worker(WORKER_URL, { workerData: order });
    } catch (thrown) {
      failed(String(thrown));
      return;
    }
    worker.once("message", resolve);
    worker.once("error", (error) => failed(String(error)));
    worker.once("exit", (code) => failed(`its thread ended (${code})`));
    worker.unref();
  });
}
