/** The user's transform, run in a thread of its own. */
import { once } from "node:events";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { CrossfadeError } from "../errors.ts";
import type { Row } from "../rows/rows.ts";
import type { Made } from "./made-rows.ts";
import { packRows, unpackMade } from "./row-block.ts";
import type { FromTransform, TransformOrder } from "./worker.ts";

export interface Transformer {
  /** One for each row, in their order. One call at a time. @throws CrossfadeError where the thread ends or hangs */
  make(rows: readonly Row[]): Promise<readonly Made[]>;
  close(): Promise<void>;
}

/** A chunk takes a fraction of a second; a transform that is still busy then does not end. */
const LIMIT_MS = 30_000;
const WORKER_URL = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

/** Rows as they are. */
export const AS_THEY_ARE: Transformer = {
  make: async (rows) => await Promise.resolve(rows.map((row): Made => ({ ok: true, rows: [row] }))),
  close: async () => await Promise.resolve(),
};

/** @throws CrossfadeError where the module cannot be imported or exports no function */
export async function openTransformer(file: string, limitMs = LIMIT_MS): Promise<Transformer> {
  const order: TransformOrder = { url: pathToFileURL(file).href };
  const worker = new Worker(WORKER_URL, { workerData: order });
  worker.on("error", () => "told by whoever waits, or by the next call");
  const failed = (why: string): CrossfadeError =>
    new CrossfadeError("config-invalid", `the transform ${file} ${why}`, { source: "config" });

  async function answer(): Promise<FromTransform> {
    const end = new AbortController();
    const timer = setTimeout(() => end.abort(), limitMs);
    try {
      const { signal } = end;
      const told = once(worker, "message", { signal }) as Promise<[FromTransform]>;
      const ended = once(worker, "exit", { signal }).then((): never => {
        throw failed("ended its thread; take process.exit out");
      });
      // Both are left behind by the one that is first.
      told.catch(() => "told by the other");
      ended.catch(() => "told by the other");
      const [message] = await Promise.race([told, ended]);
      return message;
    } catch (thrown) {
      if (thrown instanceof CrossfadeError) throw thrown;
      if (end.signal.aborted) throw failed(`did not end within ${limitMs / 1000} s; it must be a plain function`);
      throw failed(`ended its thread: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    } finally {
      clearTimeout(timer);
      end.abort();
    }
  }

  async function orClosed(): Promise<FromTransform> {
    try {
      return await answer();
    } catch (thrown) {
      await worker.terminate();
      throw thrown;
    }
  }

  const first = await orClosed();
  if (first.type !== "ready") {
    await worker.terminate();
    throw failed(first.type === "unusable" ? first.why : "answered before it was asked");
  }
  return {
    async make(rows) {
      worker.postMessage(packRows(rows));
      const message = await orClosed();
      if (message.type !== "made") throw failed("answered what it was not asked");
      return unpackMade(message.made);
    },
    close: async () => void (await worker.terminate()),
  };
}

/** Of a module: what was made by another one is not gone on with. */
export function digestOfTransform(file: string | null): string | null {
  return file === null ? null : createHash("sha256").update(readFileSync(file)).digest("hex");
}
