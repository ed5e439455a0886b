/** The thread that runs the user's transform: what it does to its globals, or to the event loop, stays here. */
import { parentPort, workerData } from "node:worker_threads";
import { makeRows, type Transform } from "./made-rows.ts";
import { type MadeBlock, packMade, type RowBlock, unpackRows } from "./row-block.ts";

export interface TransformOrder {
  readonly url: string;
}

export type FromTransform =
  | { readonly type: "ready" }
  /** `why` follows the module's name. */
  | { readonly type: "unusable"; readonly why: string }
  | { readonly type: "made"; readonly made: MadeBlock };

const port = parentPort;
if (port === null) throw new Error("the transform's thread is started by transformer.ts");

const tell = (message: FromTransform): void => port.postMessage(message);
const { url } = workerData as TransformOrder;

try {
  const { default: transform } = (await import(url)) as { readonly default?: unknown };
  if (typeof transform === "function") {
    port.on("message", (rows: RowBlock) => {
      tell({ type: "made", made: packMade(unpackRows(rows).map((row) => makeRows(transform as Transform, row))) });
    });
    tell({ type: "ready" });
  } else {
    tell({ type: "unusable", why: "has no function as its default export; write export default (row) => row" });
  }
} catch (thrown) {
  tell({ type: "unusable", why: `cannot be imported: ${thrown instanceof Error ? thrown.message : String(thrown)}` });
}
