/** The thread that looks at all places of a pair. Started by surveyor.ts; one pair at a time. */
import { parentPort, workerData } from "node:worker_threads";
import type { Survey } from "../evidence/places.ts";
import { giveWayToTraffic } from "../process/thread-priority.ts";
import { type SurveyPair, surveyPair } from "./survey.ts";

const port = parentPort;
if (port === null) throw new Error("compare/survey-worker runs as a worker thread only");

const key = workerData as Uint8Array;

giveWayToTraffic("always");

port.on("message", (pair: SurveyPair) => {
  let survey: Survey;
  try {
    survey = surveyPair(pair, key);
  } catch {
    survey = { why: "failed" };
  }
  port.postMessage(survey);
});
