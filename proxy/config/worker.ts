/** The thread that reader.ts starts. */
import { parentPort, workerData } from "node:worker_threads";
import type { ReadOrder } from "./reader.ts";
import { reread } from "./reread.ts";

const { input, running, acting } = workerData as ReadOrder;
parentPort?.postMessage(reread(input, running, acting));
