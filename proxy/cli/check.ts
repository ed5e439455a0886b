import { existsSync } from "node:fs";
import { runCheck } from "../config/check.ts";
import { DEFAULT_CONFIG } from "./api.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { openTerminal, printable } from "./terminal.ts";

export interface CheckOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly color?: boolean;
}

/** `crossfade check` */
export function checkConfig(options: CheckOptions): ExitCode {
  const terminal = openTerminal(options);
  const report = runCheck({ file: configFileOf(options), flags: {}, env: process.env });
  if (options.json === true) terminal.print(JSON.stringify(report.json));
  else for (const line of report.lines) terminal.print(printable(line));
  return report.exitCode === 0 ? EXIT.done : EXIT.no;
}

/** The file that was named, else ./crossfade.yaml, else none: then what is missing is said in one sentence. */
export function configFileOf({ config }: { readonly config?: string }): string | null {
  return config ?? (existsSync(DEFAULT_CONFIG) ? DEFAULT_CONFIG : null);
}
