import { runExplain } from "../config/check.ts";
import type { ExplainSteps } from "../config/explain.ts";
import type { Settings } from "../config/settings.ts";
import { keyAtHead, samplePoint } from "../route/entity-key.ts";
import { classifyRequest, planExchange } from "../route/plan.ts";
import { compileRouter } from "../route/router.ts";
import { type CheckOptions, configFileOf } from "./check.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { openTerminal, printable } from "./terminal.ts";

export interface ExplainOptions extends CheckOptions {
  readonly host?: string;
  readonly header?: readonly (readonly [name: string, value: string])[];
}

/** `crossfade explain METHOD PATH`: asks the very functions that decide about a request in the proxy. */
export function explainConfig(method: string, path: string, options: ExplainOptions): ExitCode {
  const terminal = openTerminal(options);
  const report = runExplain({ file: configFileOf(options), flags: {}, env: process.env }, stepsOf, {
    method,
    path,
    host: options.host,
    headers: options.header ?? [],
  });
  if (options.json === true) terminal.print(JSON.stringify(report.json));
  else for (const line of report.lines) terminal.print(printable(line));
  return report.exitCode === 0 ? EXIT.done : EXIT.no;
}

function stepsOf(settings: Settings): ExplainSteps {
  const router = compileRouter(settings.routes);
  return { match: (request) => router.match(request), classifyRequest, planExchange, keyAtHead, samplePoint };
}
