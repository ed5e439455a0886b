/** The thread that compares what would hold up the event loop. Started by comparer.ts; one pair at a time. */
import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import type { ModuleSettings } from "../config/settings.ts";
import type { Verdict } from "../exchange.ts";
import { digestOfModule, isUsersFile } from "../module-files.ts";
import { readStored } from "../stored-body.ts";
import { giveWayToTraffic } from "../thread-priority.ts";
import { compareByModule } from "./compare-by-module.ts";
import { type AnswerPair, type ComparableAnswer, compareAnswers, type HookUse } from "./diff-answers.ts";
import type { HeldAnswer, HeldPair } from "./held-pair.ts";
import { HookCalls, HookError, type HookFailure, type Hooks, thrownWords } from "./hook-calls.ts";
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
/** By file and digest: a changed module is another one. */
const loaded = new Map<string, Hooks>();

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

/** @throws HookError: it is not the module that the config was loaded with, or cannot be imported */
async function loadHooks({ file, imports, sha256 }: ModuleSettings): Promise<Hooks> {
  const url = `${pathToFileURL(file).href}?crossfade=${sha256}`;
  const known = loaded.get(url);
  if (known !== undefined) return known;
  prepareForModules();
  log.enter("import");
  try {
    if (digestOf(file, imports) !== sha256) throw new HookError("import", "has changed since the config was loaded");
    const hooks = (await import(url)) as Hooks;
    loaded.set(url, hooks);
    return hooks;
  } catch (error) {
    throw error instanceof HookError ? error : new HookError("import", thrownWords(error, file));
  } finally {
    log.leave();
  }
}

const LEFT_BEHIND = ["uncaughtException", "unhandledRejection"] as const;

let isPrepared = false;

function prepareForModules(): void {
  if (isPrepared) return;
  isPrepared = true;
  // What a function leaves behind, such as a promise that fails, must not end the thread of other pairs.
  for (const event of LEFT_BEHIND) process.on(event, () => undefined);
  // What a version of a module imports is of the same version: Node would give it what it read for an earlier one.
  registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      const version = /\?crossfade=[0-9a-f]+$/.exec(context.parentURL ?? "")?.[0];
      const isOfVersion = version !== undefined && isUsersFile(found.url) && !found.url.includes("?");
      return isOfVersion ? { ...found, url: found.url + version } : found;
    },
  });
}

function digestOf(file: string, imports: readonly string[]): string | null {
  try {
    return digestOfModule(file, imports);
  } catch {
    return null;
  }
}
