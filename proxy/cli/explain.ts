import { runExplain } from "../config/check.ts";
import { type CheckOptions, configFileOf, flagsOf, tell } from "./check.ts";
import { decisionSteps } from "./decision-steps.ts";
import type { ExitCode } from "./exit.ts";

export interface ExplainOptions extends CheckOptions {
  readonly host?: string;
  readonly header?: readonly (readonly [name: string, value: string])[];
}

/** `crossfade explain METHOD PATH`: asks the very functions that decide about a request in the proxy. */
export function explainConfig(method: string, path: string, options: ExplainOptions): ExitCode {
  const input = { file: configFileOf(options), flags: flagsOf(options), env: process.env };
  const report = runExplain(input, decisionSteps, {
    method,
    path,
    host: options.host,
    headers: options.header ?? [],
  });
  return tell(report, options);
}
