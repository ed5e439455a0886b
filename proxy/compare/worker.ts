/** The thread that compares what would hold up the event loop. Started by comparer.ts; one pair at a time. */
import { parentPort, workerData } from "node:worker_threads";
import type { Verdict } from "../exchange.ts";
import { readStored } from "../evidence/stored-body.ts";
import { giveWayToTraffic } from "../process/thread-priority.ts";
import { compareByModule } from "./compare-by-module.ts";
import { type AnswerPair, type ComparableAnswer, compareAnswers, type HookUse } from "./diff-answers.ts";
import type { HeldAnswer, HeldPair } from "./held-pair.ts";
import { HookCalls, HookError, type HookFailure } from "./hook-calls.ts";
import { hookLoader } from "./hook-loader.ts";
import { openStepLog } from "./hook-watch.ts";

export type WorkerReply =
  | { readonly kind: "ready" }
  | {
      readonly kind: "verdict";
      readonly verdict: Verdict;
      /** The verdict is that of the rules alone, because a function of the user's failed. */
      readonly hookFailure?: HookFailure;
    }
  | { readonly kind: "failed"; readonly why: string };

const port = parentPort;
if (port === null) throw new Error("compare/worker runs as a worker thread only");

/** What a seat tells its thread. */
export interface WorkerOrder {
  readonly steps: SharedArrayBuffer;
  /** For all functions of a module, for one pair. */
  readonly hookLimitMs: number;
}

const { steps, hookLimitMs } = workerData as WorkerOrder;
const log = openStepLog(steps);
const loadHooks = hookLoader(log);

giveWayToTraffic("always");

port.on("message", (held: HeldPair) => {
  let pair: AnswerPair;
  try {
    pair = { ...held, primary: readAnswer(held.primary), shadow: readAnswer(held.shadow) };
  } catch (error) {
    tellFailure(error);
    return;
  }
  if (pair.hooks === undefined) reply(() => compareByRules(pair));
  else void compareWithHooks(pair, pair.hooks);
});
port.postMessage({ kind: "ready" } satisfies WorkerReply);

/** Read here, so that what is much is never memory of the main thread. */
function readAnswer(answer: HeldAnswer): ComparableAnswer {
  const { body } = answer;
  return { ...answer, body: body.kind === "stored" ? { kind: "bytes", bytes: readStored(body) } : body };
}

function tellFailure(error: unknown): void {
  const why = error instanceof Error ? error.message : String(error);
  port?.postMessage({ kind: "failed", why } satisfies WorkerReply);
}

function reply(compare: () => Verdict, hookFailure?: HookFailure): void {
  let told: WorkerReply;
  try {
    told = { kind: "verdict", verdict: compare(), ...(hookFailure === undefined ? {} : { hookFailure }) };
  } catch (error) {
    tellFailure(error);
    return;
  }
  port?.postMessage(told);
}

function compareByRules({ primary, shadow, rules, now }: AnswerPair): Verdict {
  return compareAnswers(primary, shadow, rules, now);
}

async function compareWithHooks(pair: AnswerPair, use: HookUse): Promise<void> {
  try {
    const hooks = await loadHooks(use.module);
    const verdict = compareByModule(pair, use, hooks, new HookCalls(log, use.module.file, hookLimitMs));
    reply(() => verdict);
  } catch (error) {
    reply(() => compareByRules(pair), error instanceof HookError ? error.failure : undefined);
  }
}
