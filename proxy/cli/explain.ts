import { runExplain } from "../config/check.ts";
import type { ExplainSteps } from "../config/explain.ts";
import type { Settings } from "../config/settings.ts";
import { keyAtHead, samplePoint } from "../route/entity-key.ts";
import { classifyRequest, planExchange } from "../route/plan.ts";
import { compileRouter } from "../route/router.ts";
import { type CheckOptions, configFileOf, flagsOf, tell } from "./check.ts";
import type { ExitCode } from "./exit.ts";

export interface ExplainOptions extends CheckOptions {
  readonly host?: string;
  readonly header?: readonly (readonly [name: string, value: string])[];
}

/** `crossfade explain METHOD PATH`: asks the very functions that decide about a request in the proxy. */
export function explainConfig(method: string, path: string, options: ExplainOptions): ExitCode {
  const input = { file: configFileOf(options), flags: flagsOf(options), env: process.env };
  const report = runExplain(input, stepsOf, {
    method,
    path,
    host: options.host,
    headers: options.header ?? [],
  });
  return tell(report, options);
}

function stepsOf(settings: Settings): ExplainSteps {
  const router = compileRouter(settings.routes);
  return { match: (request) => router.match(request), classifyRequest, planExchange, keyAtHead, samplePoint };
}
