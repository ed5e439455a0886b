/** The phase that a route is in: the running proxy's word, where one answers, before the file's. */
import type { RouteView } from "../admin/route-view.ts";
import type { RouteSettings } from "../config/settings.ts";
import { CrossfadeError } from "../errors.ts";
import { PHASE_ROLES } from "../moves/phases.ts";
import { type Api, type ApiOptions, openApi } from "./api.ts";
import { Exit } from "./exit.ts";

/** Why rows of the target may not be written by hand now; null: they may. `config`: the file that names the proxy's API. */
export async function whyNotWritten(route: RouteSettings, config: string | undefined): Promise<string | null> {
  const { phase, mirror } = (await actingRoute(route, config === undefined ? {} : { config })).acting;
  const { primary, shadow } = PHASE_ROLES[phase];
  if (primary === "next") {
    return `route ${route.name} is in ${phase}: next is the source of truth, and its rows are not to be made what legacy says`;
  }
  if (shadow === null || !mirror.writes) return null;
  return (
    `route ${route.name} is in ${phase} and its writes are mirrored: a row written now could undo a newer one. ` +
    `The running proxy repairs keys in turn with live writes (crossfade repair --route ${route.name}); ` +
    "or do this while the route is legacy-only, or with its writes switched off (mirror: { writes: false })"
  );
}

interface Acting {
  readonly acting: RouteSettings;
  /** null: nothing runs here, or it is another one's: the file is all that there is. */
  readonly api: Api | null;
  /** Why there is none. */
  readonly why: string;
}

export async function actingRoute(route: RouteSettings, options: ApiOptions): Promise<Acting> {
  try {
    const api = await openApi(options);
    const view = await api.get<RouteView>(`/api/v1/routes/${encodeURIComponent(route.name)}`);
    if (view === null) return { acting: route, api: null, why: `${api.url} has no route ${route.name}` };
    return { acting: { ...route, phase: view.phase, mirror: view.mirror }, api, why: "" };
  } catch (thrown) {
    if (!(thrown instanceof Exit) && !(thrown instanceof CrossfadeError)) throw thrown;
    return { acting: route, api: null, why: thrown.message };
  }
}
