/** `crossfade repair`: starts a run over the repair list of a running Crossfade and watches it to its end. */
import { setTimeout as pause } from "node:timers/promises";
import type { JobRecord } from "../repair-job.ts";
import { type ApiOptions, type Api, openApi } from "./api.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { formatJob, isAllRepaired, progressBar, progressLine } from "./repair-text.ts";
import { clearLine, openTerminal, type Terminal, writeOver } from "./terminal.ts";

export interface RepairOptions extends ApiOptions {
  readonly json?: boolean;
  readonly color?: boolean;
  readonly route?: string;
  readonly dryRun?: boolean;
  readonly rate?: string;
  readonly reason?: string;
}

const LOOK_EVERY_MS = 200;
/** Where the progress is written in lines of their own. */
const LINE_EVERY_MS = 5_000;

export async function runRepair(options: RepairOptions): Promise<ExitCode> {
  const { route, dryRun = false, rate, reason } = options;
  const api = await openApi(options);
  const terminal = openTerminal(options);
  const started = await api.post<JobRecord>("/api/v1/repairs/run", { route, dryRun, rate, reason });
  if (started === null) throw api.stranger();
  const job = await watchRun(api, started, terminal, options.json === true);
  if (options.json === true) terminal.print(JSON.stringify(job));
  else for (const line of formatJob(job, terminal.width, terminal.paint)) terminal.print(line);
  if (job.state === "failed") return EXIT.failed;
  return isAllRepaired(job) ? EXIT.done : EXIT.no;
}

/** Until it has ended; how far it is is told, unless `quiet`. */
export async function watchRun(api: Api, started: JobRecord, terminal: Terminal, quiet: boolean): Promise<JobRecord> {
  return await watch(api, started, quiet ? SILENT : shownProgress((line) => terminal.complain(line)));
}

/** Until it has ended. Ctrl-C cancels it: keys that were begun are finished, and the rest stays on the list. */
async function watch(api: Api, started: JobRecord, progress: Progress): Promise<JobRecord> {
  const path = `/api/v1/jobs/${started.id}`;
  let cancelling: Promise<unknown> = Promise.resolve();
  const cancel = (): void => {
    cancelling = api.patch(path, { state: "cancelled" }).catch(() => undefined);
  };
  process.once("SIGINT", cancel);
  try {
    for (let job = started; ;) {
      progress.show(job);
      if (job.state !== "running") return job;
      await pause(LOOK_EVERY_MS);
      await cancelling;
      job = (await api.get<JobRecord>(path)) ?? (await Promise.reject(api.stranger()));
    }
  } finally {
    progress.clear();
    process.off("SIGINT", cancel);
  }
}

interface Progress {
  show(job: JobRecord): void;
  clear(): void;
}

const SILENT: Progress = { show() {}, clear() {} };

/** On stderr: a bar on a terminal, else a line now and then. */
function shownProgress(say: (line: string) => void): Progress {
  const { stderr } = process;
  let lastAt = performance.now();
  if (stderr.isTTY !== true) {
    return {
      show(job) {
        if (job.state !== "running" || performance.now() - lastAt < LINE_EVERY_MS) return;
        lastAt = performance.now();
        say(progressLine(job));
      },
      clear() {},
    };
  }
  return {
    show: (job) => writeOver(progressBar(job)),
    clear: clearLine,
  };
}
