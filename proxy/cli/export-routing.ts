/** `crossfade export --format nginx | envoy`: the routing that acts now, for a server in Crossfade's place. */
import { phasesFileOf } from "../../adapters/store/phases-file.ts";
import type { RouteView } from "../admin/route-view.ts";
import type { Settings } from "../config/settings.ts";
import { CrossfadeError } from "../errors.ts";
import { withPhases } from "../moves/kept-phase.ts";
import { envoyOf } from "../routing-export/envoy.ts";
import { exportRouting } from "../routing-export/exported-routing.ts";
import { nginxOf } from "../routing-export/nginx.ts";
import { type ApiOptions, DEFAULT_CONFIG, openApi } from "./api.ts";
import { EXIT, Exit, type ExitCode } from "./exit.ts";
import { loadedSettings } from "./loaded-settings.ts";
import type { ExportFormat } from "./options.ts";
import { readPages } from "./pages.ts";
import { openTerminal } from "./terminal.ts";

export interface ExportRoutingOptions extends ApiOptions {
  readonly format: ExportFormat;
}

/** Exit 1: there is something that clients need and that no routing does; it is printed all the same. */
export async function runExportRouting(options: ExportRoutingOptions): Promise<ExitCode> {
  const file = options.config ?? DEFAULT_CONFIG;
  const { settings, phasesFrom } = await acting(loadedSettings(file, { forTraffic: false }), options);
  const routing = exportRouting(settings);
  const about = [
    `Made by crossfade export on ${new Date().toISOString()} of ${file}.`,
    `Phases: ${phasesFrom}.`,
    "Stop Crossfade before this takes its place: its drain delivers what it has accepted.",
    ...routing.lost.map((what) => `Lost with Crossfade: ${what}.`),
    ...routing.cannot.map((what) => `NOT DONE HERE: ${what}.`),
  ];
  const terminal = openTerminal({});
  const text = options.format === "nginx" ? nginxOf(routing, about) : envoyOf(routing, about);
  for (const line of text.trimEnd().split("\n")) terminal.print(line);
  if (routing.cannot.length === 0) return EXIT.done;
  throw new Exit(EXIT.no, routing.cannot.map((what) => `not in this routing: ${what}`).join("\n"));
}

interface Acting {
  readonly settings: Settings;
  /** In words. */
  readonly phasesFrom: string;
}

/** The phases as the running proxy says; where none answers, as it has left them beside its store. */
async function acting(file: Settings, options: ApiOptions): Promise<Acting> {
  try {
    const api = await openApi(options);
    const phases = new Map<string, RouteView["phase"]>();
    for await (const view of readPages<RouteView>(api, "/api/v1/routes", {}, Infinity))
      phases.set(view.name, view.phase);
    const routes = file.routes.map((route) => ({ ...route, phase: phases.get(route.name) ?? route.phase }));
    return { settings: { ...file, routes }, phasesFrom: `those that act, told by ${api.url}` };
  } catch (thrown) {
    if (!(thrown instanceof Exit) && !(thrown instanceof CrossfadeError)) throw thrown;
    const copy = phasesFileOf(file);
    const kept = copy?.read() ?? [];
    const from = kept.length === 0 ? "those of the file" : `those kept in ${copy?.file}`;
    return {
      settings: withPhases(file, new Map(kept.map((row) => [row.route, row]))),
      phasesFrom: `${from} (${thrown.message})`,
    };
  }
}
