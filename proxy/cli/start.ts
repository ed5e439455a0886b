import { openStore } from "../../adapters/store/open.ts";
import type { StartFlags } from "../config/flags.ts";
import { loadSettings, type NotLoaded } from "../config/load.ts";
import { formatConfigMessage } from "../config/message.ts";
import type { StopReport } from "../life/drain.ts";
import { spellSpan } from "../admin/sentences.ts";
import { deliveryKey } from "../record/secret-key.ts";
import { systemClock } from "../process/system-clock.ts";
import { configFileOf } from "./check.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { printable } from "../controls.ts";

export interface StartFlagsGiven extends StartFlags {
  readonly config?: string;
  readonly logLevel: string;
}

const EXIT_CODES = {
  invalid: EXIT.no,
  usage: EXIT.usage,
  unreadable: EXIT.failed,
} as const satisfies Record<NotLoaded["reason"], ExitCode>;

/** A second signal within this time is the same Ctrl-C: a shell sends it to the whole group, and npm passes it on again. */
const SAME_SIGNAL_MS = 1_000;

/** `crossfade start`: one ready line on stdout; everything else, warnings and the log, on stderr. Ends with a signal. */
export async function runStart(options: StartFlagsGiven): Promise<ExitCode> {
  const { config: _config, logLevel, ...flags } = options;
  const loaded = loadSettings({ file: configFileOf(options), flags, env: process.env });
  if (!loaded.ok) {
    for (const error of loaded.errors) complain(formatConfigMessage(error));
    return EXIT_CODES[loaded.reason];
  }
  for (const warning of [...loaded.warnings, ...loaded.expired]) complain(`warning: ${formatConfigMessage(warning)}`);
  // The proxy outlives whoever read its ready line.
  process.stdout.on("error", () => undefined);

  const stop = stopSignal();
  // Its thread opens the file while this one loads the rest.
  const store = openStore(loaded.settings, systemClock, () => deliveryKey(loaded.settings));
  store.catch(() => "startCrossfade awaits it, and says what went wrong");
  const { startCrossfade } = await import("../main.ts");
  const crossfade = await startCrossfade({
    store,
    settings: loaded.settings,
    files: loaded.files,
    flags,
    env: process.env,
    logLevel,
    warn: (line) => complain(`warning: ${line}`),
  });
  process.on("SIGHUP", () => void crossfade.reload());
  process.stdout.write(`crossfade ready proxy=${crossfade.proxyUrl} admin=${crossfade.adminUrl}\n`);

  const asked = await Promise.race([stop, crossfade.failed]).catch(async (error: unknown) => {
    await crossfade.stop(0);
    throw error;
  });
  complain(`${asked}: finishing what is under way`);
  complain(describeStop(await crossfade.stop()));
  process.exit(EXIT.done);
}

/**
 * Resolves with what asked the process to end: a signal, or the end of the launcher that holds its IPC channel. From
 * then on a further signal, when it is no echo of the first, ends the process at once.
 */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    let firstAt: number | null = null;
    const asked = (why: string): void => {
      const now = performance.now();
      if (firstAt === null) {
        firstAt = now;
        resolve(why);
      } else if (now - firstAt > SAME_SIGNAL_MS) {
        complain(`${why} again: ended at once, what was under way is lost`);
        process.exit(EXIT.failed);
      }
    };
    process.on("SIGTERM", () => asked("SIGTERM"));
    process.on("SIGINT", () => asked("SIGINT"));
    if (!process.connected) return;
    process.once("disconnect", () => asked("the launcher ended"));
    // Listening alone would keep a process alive whose start has failed.
    process.channel?.unref();
  });
}

/** One sentence of what was left. */
export function describeStop({ cutOff, abandoned, left: inJournal, tookMs, unwritten }: StopReport): string {
  const left: string[] = [];
  if (cutOff) left.push("client requests that did not end in time were cut off");
  if (abandoned > 0)
    left.push(
      `${abandoned} ${abandoned === 1 ? "copy was" : "copies were"} given up (dropped(shutdown), their keys are on the repair list)`,
    );
  if (inJournal > 0) {
    const writes = inJournal === 1 ? "1 write waits" : `${inJournal} writes wait`;
    left.push(`${writes} in the journal: the next start delivers them`);
  }
  const unkept = [counted(unwritten.storeWrites, "store write"), counted(unwritten.logLines, "log line")];
  const named = unkept.filter((words) => words !== null);
  if (named.length > 0) left.push(`${named.join(" and ")} could not be kept`);
  return `stopped after ${spellSpan(tookMs)}: ${left.length === 0 ? "nothing was left" : left.join("; ")}`;
}

function counted(number: number, noun: string): string | null {
  return number > 0 ? `${number} ${noun}${number === 1 ? "" : "s"}` : null;
}

function complain(line: string): void {
  process.stderr.write(`crossfade: ${printable(line)}\n`);
}
