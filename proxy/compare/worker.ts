/** The thread that compares what would hold up the event loop. Started by comparer.ts; one pair at a time. */
import { parentPort } from "node:worker_threads";
import type { Verdict } from "../exchange.ts";
import { giveWayToTraffic } from "../thread-priority.ts";
import { type AnswerPair, compareAnswers } from "./diff-answers.ts";

export type WorkerReply =
  | { readonly kind: "ready" }
  | { readonly kind: "verdict"; readonly verdict: Verdict }
  | { readonly kind: "failed"; readonly why: string };

const port = parentPort;
if (port === null) throw new Error("compare/worker runs as a worker thread only");

giveWayToTraffic("always");

port.on("message", ({ primary, shadow, rules, now }: AnswerPair) => {
  let reply: WorkerReply;
  try {
    reply = { kind: "verdict", verdict: compareAnswers(primary, shadow, rules, now) };
  } catch (error) {
    reply = { kind: "failed", why: error instanceof Error ? error.message : String(error) };
  }
  port.postMessage(reply);
});
port.postMessage({ kind: "ready" } satisfies WorkerReply);
