/** `crossfade retire [ROUTE]`: what still leans on legacy or on Crossfade, of one route or of each. */
import type { StatusView } from "../admin/status-view.ts";
import type { RetireAnswer } from "../moves/retire.ts";
import { type Api, type ApiOptions, openApi } from "./api.ts";
import { EXIT, Exit, type ExitCode } from "./exit.ts";
import { formatRetire } from "./retire-text.ts";
import { openTerminal } from "./terminal.ts";

export interface RetireOptions extends ApiOptions {
  /** A time. */
  readonly quiet?: string;
  readonly json?: boolean;
  readonly color?: boolean;
}

/** Exit 1: something leans on either, or there is no such route. */
export async function runRetire(route: string | undefined, options: RetireOptions): Promise<ExitCode> {
  const api = await openApi(options);
  const terminal = openTerminal(options);
  const names = route === undefined ? await allRoutes(api) : [route];
  let clean = true;
  for (const [i, name] of names.entries()) {
    const path = `/api/v1/routes/${encodeURIComponent(name)}/retire`;
    const answer = await api.get<RetireAnswer>(path, { quiet: options.quiet });
    if (answer === null) {
      throw new Exit(EXIT.no, `no route is named ${JSON.stringify(name)}; crossfade status lists them`);
    }
    clean &&= answer.clean;
    if (options.json === true) {
      terminal.print(JSON.stringify(answer));
      continue;
    }
    if (i > 0) terminal.print("");
    for (const line of formatRetire(answer, terminal.width, terminal.paint)) terminal.print(line);
  }
  return clean ? EXIT.done : EXIT.no;
}

async function allRoutes(api: Api): Promise<readonly string[]> {
  const status = await api.get<StatusView>("/api/v1/status");
  if (status === null) throw api.stranger();
  return status.routes.map(({ name }) => name);
}
