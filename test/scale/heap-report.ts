/** Loaded before the proxy with `--expose-gc`: says over the IPC channel how many bytes of its heap are in use. */
import { setTimeout as wait } from "node:timers/promises";
import { isMainThread } from "node:worker_threads";

async function report(): Promise<void> {
  // What a finaliser frees is found by the next collection.
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await wait(20);
  }
  const { heapUsed, external } = process.memoryUsage();
  process.send?.({ heapBytes: heapUsed + external });
}

if (isMainThread) {
  process.on("message", (message: { readonly reportHeap?: true }) => {
    if (message.reportHeap) void report();
  });
}
