import { setTimeout as pause } from "node:timers/promises";
import type { StatusView } from "../admin/status-view.ts";
import { type Api, type ApiOptions, openApi } from "./api.ts";
import { EXIT, Exit, type ExitCode } from "./exit.ts";
import { fitHeight, formatStatus, isBad } from "./status-text.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

export interface StatusOptions extends ApiOptions {
  readonly json?: boolean;
  readonly color?: boolean;
  readonly watch?: boolean;
}

const WATCH_EVERY_MS = 2_000;

/** `crossfade status`: exit 1 where a route diverges or the process is not ready. */
export async function runStatus(options: StatusOptions): Promise<ExitCode> {
  const api = await openApi(options);
  const terminal = openTerminal(options);
  const status = await readStatus(api);
  show(terminal, status, options);
  if (options.watch === true) await watch(api, terminal, options);
  return isBad(status) ? EXIT.no : EXIT.done;
}

/** Until Ctrl-C. Once it has begun, a Crossfade that is away is waited for. */
async function watch(api: Api, terminal: Terminal, options: StatusOptions): Promise<void> {
  for (;;) {
    await pause(WATCH_EVERY_MS);
    try {
      show(terminal, await readStatus(api), options);
    } catch (error) {
      if (!(error instanceof Exit)) throw error;
      terminal.complain(error.message);
    }
  }
}

async function readStatus(api: Api): Promise<StatusView> {
  const status = await api.get<StatusView>("/api/v1/status");
  if (status === null) throw api.stranger();
  return status;
}

function show(terminal: Terminal, status: StatusView, { json, watch: watching }: StatusOptions): void {
  if (json === true) {
    terminal.print(JSON.stringify(status));
    return;
  }
  const lines = formatStatus(status, terminal.width, terminal.paint);
  if (watching !== true || !terminal.interactive) {
    terminal.print(lines.join("\n"));
    return;
  }
  // Home, and clear what is below: no flicker, and no scrollback filled.
  terminal.print(`\u001b[H\u001b[J${fitHeight(lines, terminal.height).join("\n")}`);
}
