/** Comparisons of rows that the process begins by itself. */
import type { Environment } from "../config/environment.ts";
import type { Snapshot } from "../exchange.ts";
import type { Claim } from "../members/claims.ts";
import type { Clock, Store } from "../ports.ts";
import { createReconcileSchedules, type ReconcileSchedules } from "../rows/reconcile-schedule.ts";
import type { Desk } from "./desk.ts";
import { runReconcileProcess } from "./reconcile-process.ts";

export interface ScheduledParts {
  readonly snapshot: () => Snapshot;
  readonly store: Pick<Store, "rowJobs">;
  readonly claim: Claim;
  readonly clock: Clock;
  readonly env: Environment;
  readonly desk: Pick<Desk, "caught">;
}

export function createScheduled({ snapshot, store, claim, clock, env, desk }: ScheduledParts): ReconcileSchedules {
  return createReconcileSchedules({
    collections: () => snapshot().settings.collections,
    store,
    claim,
    clock,
    caught: desk.caught,
    run: (order, adminUrl, signal) =>
      runReconcileProcess({ settings: snapshot().settings, store, adminUrl, env }, order, signal),
  });
}
