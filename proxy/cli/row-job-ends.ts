/** Tells the running proxy how a job over rows ended: the gate asks for it, and gaps end by it. */
import { PHASE_ROLES } from "../moves/phases.ts";
import type { RowJobReport, RowJobTold } from "../rows/row-jobs.ts";
import { actingRoute } from "./acting-route.ts";
import { type ApiOptions, openApi } from "./api.ts";
import type { NamedCollection } from "./collection.ts";
import { Exit } from "./exit.ts";
import { CrossfadeError } from "../errors.ts";

export interface RowJobTeller {
  /** Returns a sentence of what has come of it, or of why nobody was told; null: there is nothing to say. */
  end(report: RowJobReport): Promise<string | null>;
}

/** Before the first row is looked at. Nobody has to be there: then nobody is told. */
export async function openRowJob(named: NamedCollection, options: ApiOptions): Promise<RowJobTeller> {
  const { collection, route } = named;
  const { api, acting, why } = await actingRoute(route, options);
  // Of a route that nobody mirrors yet the gate is not asked soon, and no proxy need run.
  const matters = PHASE_ROLES[acting.phase].shadow !== null;
  const untold = (because: string): RowJobTeller => ({
    end: () => Promise.resolve(matters ? `the gate of ${route.name} does not know of this: ${because}` : null),
  });
  if (api === null) return untold(why);
  const begun = await post<{ readonly id: string }>(
    `/api/v1/collections/${encodeURIComponent(collection.name)}/begin`,
    {},
  );
  if (typeof begun === "string") return untold(begun);
  return {
    async end(report) {
      const told = await post<RowJobTold>(`/api/v1/row-jobs/${begun.id}/end`, report);
      if (typeof told === "string") return `the gate of ${route.name} does not know of this: ${told}`;
      const { gapsEnded, repairsEnded } = told;
      if (gapsEnded + repairsEnded === 0) return null;
      return `ended by this: ${gapsEnded} gaps, ${repairsEnded} repairs of whole collections`;
    },
  };

  /** In words: nobody took it. */
  async function post<T>(path: string, order: unknown): Promise<T | string> {
    try {
      const answer = await (await openApi(options)).post<T>(path, order);
      return (
        answer ?? `${api?.url} knows no collection ${collection.name}, was restarted meanwhile, or is older than this`
      );
    } catch (thrown) {
      if (thrown instanceof Exit || thrown instanceof CrossfadeError) return thrown.message;
      throw thrown;
    }
  }
}
