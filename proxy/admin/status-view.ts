/** `GET /api/v1/status`: built from plain data, and what the dashboard and the CLI show. Pure. */
import type { Settings } from "../config/settings.ts";
import type { RunningJobRecord } from "../rows/running-job.ts";
import { headlineOf } from "./headline.ts";
import { type MemberView, viewMember } from "./member-view.ts";
import { type CollectionStatus, viewCollection } from "./collection-status.ts";
import type { StatusInput } from "./parts.ts";
import { buildRouteStatus, type RouteStatus } from "./route-status.ts";
import { warningsOf } from "./warnings.ts";

export interface StatusView {
  /** The sentence that matters most now. */
  readonly summary: string;
  readonly ready: boolean;
  /** What is wrong, worst first. */
  readonly warnings: readonly string[];
  readonly routes: readonly RouteStatus[];
  readonly collections: readonly CollectionStatus[];
  readonly store: StatusInput["store"];
  /** Backfills and comparisons of rows that are under way and tell this process of themselves. */
  readonly jobs: readonly RunningJobRecord[];
  readonly members: readonly MemberView[];
  readonly config: StatusInput["config"];
  readonly workers: StatusInput["workers"];
  readonly services: StatusInput["services"];
  readonly queue: StatusInput["queue"];
  readonly journal: StatusInput["journal"];
  readonly log: StatusInput["log"];
  readonly pairs: StatusInput["pairs"];
  readonly webhook: StatusInput["webhook"];
  readonly telemetry: StatusInput["telemetry"];
  /** false: the kill switch is thrown. */
  readonly mirroring: boolean;
  readonly killSwitch: StatusInput["killSwitch"];
  readonly version: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly time: string;
}

export function buildStatusView(
  input: StatusInput,
  settings: Settings,
  version: string,
  jobs: readonly RunningJobRecord[] = [],
): StatusView {
  const settingsByName = new Map(settings.routes.map((route) => [route.name, route]));
  const routes = input.routes.map((state) => {
    const own = settingsByName.get(state.name);
    return buildRouteStatus(state, {
      unit: (own?.mirror.readShare ?? 0) > 0 ? "exchanges" : "writes",
      divergenceBelow: own?.gate.divergenceBelow ?? 0,
    });
  });
  const warnings = warningsOf(input, routes);
  return {
    summary: headlineOf(input, routes, warnings),
    ready: input.notReady === null,
    warnings,
    routes,
    collections: input.collections.map(viewCollection),
    store: input.store,
    jobs,
    members: input.members.map(viewMember),
    config: input.config,
    workers: input.workers,
    services: input.services,
    queue: input.queue,
    journal: input.journal,
    log: input.log,
    pairs: input.pairs,
    webhook: input.webhook,
    telemetry: input.telemetry,
    mirroring: input.killSwitch === null,
    killSwitch: input.killSwitch,
    version,
    startedAt: isoTime(input.startedAt),
    time: isoTime(input.now),
  };
}

function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
