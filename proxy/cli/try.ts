import { loadSettings } from "../config/load.ts";
import { formatConfigMessage } from "../config/message.ts";
import { HarFault } from "../try/har-scan.ts";
import { runTrial, type TrialReport } from "../try/trial.ts";
import { withoutPort } from "../target.ts";
import { configFileOf } from "./check.ts";
import { EXIT, Exit, type ExitCode } from "./exit.ts";
import { bar } from "./bars.ts";
import { openProgress } from "./progress.ts";
import { openTerminal } from "./terminal.ts";
import { printable } from "../controls.ts";
import { formatTrial, jsonOfTrial } from "./try-text.ts";

export interface TryOptions {
  readonly config?: string;
  readonly legacy?: string;
  readonly next?: string;
  readonly host?: string;
  readonly concurrency: number;
  readonly limit?: number;
  readonly json?: boolean;
  readonly color?: boolean;
}

const EXIT_CODES = { invalid: EXIT.no, usage: EXIT.usage, unreadable: EXIT.failed } as const;

/** `crossfade try FILE.har` */
export async function runTry(file: string, options: TryOptions): Promise<ExitCode> {
  const terminal = openTerminal(options);
  const { legacy, next } = options;
  const config = configFileOf(options);
  // Only reads are sent: where no file says what next does on a write, nobody needs to.
  const flags = { legacy, next, ...(config === null ? { effects: "suppressed" } : {}) };
  const loaded = loadSettings({ file: config, flags, env: process.env });
  if (!loaded.ok)
    throw new Exit(EXIT_CODES[loaded.reason], loaded.errors.map(formatConfigMessage).map(printable).join("\n"));
  const say = (line: string): void => terminal.complain(`crossfade: ${printable(line)}`);
  for (const warning of [...loaded.warnings, ...loaded.expired]) say(`warning: ${formatConfigMessage(warning)}`);

  const progress = openProgress(say);
  let report: TrialReport;
  try {
    report = await runTrial({
      file,
      settings: loaded.settings,
      concurrency: options.concurrency,
      limit: options.limit ?? null,
      host: options.host === undefined ? null : withoutPort(options.host),
      progress: (done, of) => {
        const words = `${done} of ${of} requests sent to both services`;
        progress.tell(words, () => `${bar(of === 0 ? 1 : done / of)} ${words}`);
      },
    });
  } catch (thrown) {
    if (thrown instanceof HarFault) throw new Exit(EXIT.failed, printable(`${file} ${thrown.message}`));
    throw thrown;
  } finally {
    progress.end();
  }
  if (options.json === true) for (const value of jsonOfTrial(report)) terminal.print(JSON.stringify(value));
  else for (const line of formatTrial(report, terminal.width, terminal.paint)) terminal.print(line);
  if (report.stopped !== null) throw new Exit(EXIT.failed, printable(report.stopped));
  return report.sums.divergent + report.sums.failed > 0 ? EXIT.no : EXIT.done;
}
