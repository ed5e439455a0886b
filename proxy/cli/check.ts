import { existsSync } from "node:fs";
import { type Report, runCheck } from "../config/check.ts";
import type { StartFlags } from "../config/flags.ts";
import { DEFAULT_CONFIG } from "./api.ts";
import { decisionSteps } from "./decision-steps.ts";
import { EXIT, Exit, type ExitCode } from "./exit.ts";
import { openTerminal } from "./terminal.ts";
import { printable } from "../controls.ts";

export interface CheckOptions extends Pick<StartFlags, "legacy" | "next" | "effects"> {
  readonly config?: string;
  readonly json?: boolean;
  readonly color?: boolean;
}

/** `crossfade check` */
export function checkConfig(options: CheckOptions): ExitCode {
  const { width } = openTerminal(options);
  const input = { file: configFileOf(options), flags: flagsOf(options), env: process.env };
  return tell(runCheck(input, decisionSteps, width), options);
}

/**
 * Prints a report.
 * @throws Exit: the command line is unusable, or the file cannot be read, and no JSON was asked for
 */
export function tell({ lines, json, exitCode }: Report, options: CheckOptions): ExitCode {
  const terminal = openTerminal(options);
  if (options.json === true) terminal.print(JSON.stringify(json));
  else if (exitCode === EXIT.usage || exitCode === EXIT.failed)
    throw new Exit(exitCode, lines.map(printable).join("\n"));
  else for (const line of lines) terminal.print(printable(line));
  return exitCode;
}

/**
 * The file that was named, else ./crossfade.yaml where no flag names a service, else none: then what is missing is said
 * in one sentence.
 */
export function configFileOf({
  config,
  legacy,
  next,
}: Pick<CheckOptions, "config" | "legacy" | "next">): string | null {
  const named = legacy !== undefined || next !== undefined;
  return config ?? (!named && existsSync(DEFAULT_CONFIG) ? DEFAULT_CONFIG : null);
}

export function flagsOf({ legacy, next, effects }: CheckOptions): StartFlags {
  return { legacy, next, effects };
}
