import type { ExplainSteps } from "../config/explain.ts";
import type { Settings } from "../config/settings.ts";
import { keyAtHead, samplePoint } from "../route/entity-key.ts";
import { dialPoint, wholeRead } from "../route/pin-names.ts";
import { classifyRequest, planExchange } from "../route/plan.ts";
import { compileRouter } from "../route/router.ts";

/** The very functions that decide about a request in the proxy, for what `check` and `explain` say of it. */
export function decisionSteps(settings: Settings): ExplainSteps {
  const router = compileRouter(settings.routes);
  return {
    match: (request) => router.match(request),
    classifyRequest,
    planExchange,
    keyAtHead,
    samplePoint,
    dialPoint,
    wholeRead,
  };
}
