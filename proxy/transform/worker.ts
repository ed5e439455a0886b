/** The thread that runs a user's transforms. Started by module-thread.ts; one call at a time. */
import { parentPort, workerData } from "node:worker_threads";
import { HookCalls, HookError, type HookFailure } from "../compare/hook-calls.ts";
import { hookLoader } from "../compare/hook-loader.ts";
import { openStepLog } from "../compare/hook-watch.ts";
import type { ModuleSettings, TransformHookName } from "../config/compare-settings.ts";
import { giveWayToTraffic } from "../process/thread-priority.ts";
import { type HeldReply, type HeldRequest, throughAnswer, throughRequest } from "./module-message.ts";

export type ModuleCall = { readonly module: ModuleSettings<TransformHookName> } & (
  | { readonly step: "toNext"; readonly message: HeldRequest }
  | { readonly step: "answer"; readonly message: HeldReply }
);

export type ModuleReply =
  | { readonly ok: true; readonly message: HeldRequest | HeldReply }
  | { readonly ok: false; readonly failure: HookFailure };

export interface ModuleOrder {
  readonly steps: SharedArrayBuffer;
  readonly limitMs: number;
}

const port = parentPort;
if (port === null) throw new Error("transform/worker runs as a worker thread only");
const { steps, limitMs } = workerData as ModuleOrder;
const log = openStepLog(steps);
const loadHooks = hookLoader(log);

giveWayToTraffic("always");
port.on("message", (call: ModuleCall) => void run(call).then((reply) => port.postMessage(reply)));

async function run(call: ModuleCall): Promise<ModuleReply> {
  const { module, step } = call;
  try {
    const hook = (await loadHooks(module))[step];
    if (hook === undefined) return { ok: true, message: call.message };
    const calls = new HookCalls(log, module.file, limitMs);
    const message = calls.run(step, () =>
      call.step === "toNext" ? throughRequest(call.message, hook) : throughAnswer(call.message, hook),
    );
    calls.checkTime(step);
    return { ok: true, message };
  } catch (error) {
    if (error instanceof HookError) return { ok: false, failure: error.failure };
    return { ok: false, failure: { step, why: "could not be run", costly: false } };
  }
}
