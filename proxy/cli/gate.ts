/** `crossfade gate ROUTE`: whether it may be cut over, and what is missing. */
import type { GateAnswer } from "../moves/gate-evidence.ts";
import { type ApiOptions, openApi } from "./api.ts";
import { EXIT, Exit, type ExitCode } from "./exit.ts";
import { formatGate } from "./gate-text.ts";
import { openTerminal } from "./terminal.ts";

export interface GateOptions extends ApiOptions {
  readonly json?: boolean;
  readonly color?: boolean;
}

/** Exit 1: it is shut, or there is no such route. */
export async function runGate(route: string, options: GateOptions): Promise<ExitCode> {
  const api = await openApi(options);
  const terminal = openTerminal(options);
  const answer = await api.get<GateAnswer>(`/api/v1/routes/${encodeURIComponent(route)}/gate`);
  if (answer === null) {
    throw new Exit(EXIT.no, `no route is named ${JSON.stringify(route)}; crossfade status lists them`);
  }
  if (options.json === true) terminal.print(JSON.stringify(answer));
  else for (const line of formatGate(answer, terminal.width, terminal.paint)) terminal.print(line);
  return answer.open ? EXIT.done : EXIT.no;
}
