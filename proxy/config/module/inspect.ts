/** What there is to say about a module before it is used: found out in a thread of its own, which may fail or hang. */
import { pathToFileURL } from "node:url";
import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from "node:worker_threads";
import type { HookName, TransformHookName } from "../compare-settings.ts";

export type ModuleHook = HookName | TransformHookName;

export interface InspectOrder {
  readonly url: string;
  /** Names of functions that count; at least one has to be there. */
  readonly wanted: readonly ModuleHook[];
  readonly port: MessagePort;
  /** Set to 1, and notified, once the answer is in `port`. */
  readonly done: Int32Array<SharedArrayBuffer>;
}

/** The thread tells the name of each file as it is imported, and last what it found. */
export type InspectMessage = string | Inspected;

export type Inspected =
  | { readonly ok: true; readonly hooks: readonly ModuleHook[] }
  /** `why` follows the setting's name and value. */
  | { readonly ok: false; readonly why: string };

/** Starting the thread takes 0.1 s; what a module does while it is imported should take far less. */
const IMPORT_LIMIT_MS = 10_000;

/** Compiled or not, the thread's file lies beside this one; the compiler rewrites imports, not URLs. */
const WORKER_URL = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

/**
 * Imports the file in a thread and waits for it: reading a config is synchronous, here and in the thread of a reload. The
 * module prints nothing: stdout belongs to the command that is run.
 */
export function inspectModule(
  file: string,
  wanted: readonly ModuleHook[],
): { readonly found: Inspected; readonly imports: readonly string[] } {
  const done = new Int32Array(new SharedArrayBuffer(4));
  const { port1, port2 } = new MessageChannel();
  const order: InspectOrder = { url: pathToFileURL(file).href, wanted, port: port2, done };
  let worker: Worker;
  try {
    worker = new Worker(WORKER_URL, { workerData: order, transferList: [port2], stdout: true, stderr: true });
  } catch (thrown) {
    return { found: { ok: false, why: `which cannot be looked at: ${String(thrown)}` }, imports: [] };
  }
  worker.on("error", () => "told by the message, or by its absence");
  worker.unref();
  Atomics.wait(done, 0, 0, IMPORT_LIMIT_MS);
  const { found, imports } = received(port1);
  port1.close();
  void worker.terminate();
  const late = `which is not imported within ${IMPORT_LIMIT_MS / 1000} s; let it do nothing but export functions`;
  return { found: found ?? { ok: false, why: late }, imports };
}

function received(port: MessagePort): { readonly found: Inspected | null; readonly imports: readonly string[] } {
  const imports: string[] = [];
  for (;;) {
    const message = receiveMessageOnPort(port)?.message as InspectMessage | undefined;
    if (message === undefined) return { found: null, imports: imports.sort() };
    if (typeof message !== "string") return { found: message, imports: imports.sort() };
    imports.push(message);
  }
}
