/** `crossfade phase ROUTE [advance | rollback | unpin]`: where a route stands, and its next step. */
import type { RouteView } from "../admin/route-view.ts";
import type { MoveReport } from "../moves/phase-move.ts";
import { type ApiOptions, openApi } from "./api.ts";
import { EXIT, Exit, type ExitCode, Refused } from "./exit.ts";
import { formatMove, formatPhase } from "./phase-text.ts";
import { openTerminal } from "./terminal.ts";

export interface PhaseOptions extends ApiOptions {
  readonly json?: boolean;
  readonly color?: boolean;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly reason?: string;
}

export type PhaseStep = "advance" | "rollback" | "unpin";

/** Exit 1: it was not moved, would not be, or there is no such route. */
export async function runPhase(route: string, step: PhaseStep | undefined, options: PhaseOptions): Promise<ExitCode> {
  const { dryRun = false, force = false, reason } = options;
  const api = await openApi(options);
  const terminal = openTerminal(options);
  const unknown = new Exit(EXIT.no, `no route is named ${JSON.stringify(route)}; crossfade status lists them`);
  const path = `/api/v1/routes/${encodeURIComponent(route)}`;
  if (step === undefined) {
    if (dryRun || force || reason !== undefined) {
      throw new Exit(EXIT.usage, "name the step: crossfade phase ROUTE advance, rollback or unpin");
    }
    const view = await api.get<RouteView>(path);
    if (view === null) throw unknown;
    terminal.print(options.json === true ? JSON.stringify(view) : formatPhase(view));
    return EXIT.done;
  }
  const report = await api
    .post<MoveReport>(`${path}/phase`, { step, force, dryRun, reason })
    .catch((thrown: unknown) => {
      const said = thrown instanceof Refused ? (thrown.body as { readonly report?: MoveReport }).report : undefined;
      if (said === undefined) throw thrown;
      return said;
    });
  if (report === null) throw unknown;
  if (options.json === true) terminal.print(JSON.stringify(report));
  else for (const line of formatMove(report, terminal.width, terminal.paint)) terminal.print(line);
  return report.end === "moved" || report.end === "would-move" ? EXIT.done : EXIT.no;
}
