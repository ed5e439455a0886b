/** The phase that a route is in, where it is not simply what its file says: kept by the store, and put over the file. Pure. */
import type { Phase, RouteSettings, Settings } from "../config/settings.ts";
import { PHASE_ROLES } from "./phases.ts";
import { crossesBarrier } from "./phase-steps.ts";

export interface KeptPhase {
  readonly route: string;
  readonly phase: Phase;
  /** One more with each move over the barrier; the first is 1. Sent to services as `x-crossfade-epoch`. */
  readonly epoch: number;
  /** How often the route's phase has been set, this time included; absent: by a version that did not count, 0. */
  readonly changes?: number;
  /** What the file said when it was set: another value there acts, as far as it crosses no barrier. */
  readonly file: Phase;
  /** Who has set it: a token's name, `loopback`, or `file`. */
  readonly by: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly reason: string | null;
  /** ISO 8601, UTC: since when the other service misses what is written, having been written to before. */
  readonly behindSince: string | null;
  /** ISO 8601, UTC: since when next is the source of truth; absent or null: it is not, or nobody noted it. */
  readonly cutOverAt?: string | null;
}

/** A compare-and-set: takes effect where the route still has that epoch and was set at that time. */
export interface PhaseMove {
  readonly row: KeptPhase;
  /** null: no row is kept yet. */
  readonly instead: Pick<KeptPhase, "epoch" | "at"> | null;
}

/** Whether what is kept is what the move was decided on. */
export function isStill(kept: KeptPhase | undefined, expected: PhaseMove["instead"]): boolean {
  if (kept === undefined || expected === null) return kept === undefined && expected === null;
  return kept.epoch === expected.epoch && kept.at === expected.at;
}

/**
 * Whether a row was set after another one of its route: a store that has the other one has lost it. Not by `at`, which is as each
 * process' clock had it.
 */
export function isLater(row: OrderedRow, other: OrderedRow | undefined): boolean {
  if (other === undefined) return true;
  return row.epoch === other.epoch ? changesOf(row) > changesOf(other) : row.epoch > other.epoch;
}

type OrderedRow = Pick<KeptPhase, "epoch" | "changes">;

/** Of the row that is set in place of this one. */
export function nextChange(before: OrderedRow | null | undefined): Required<Pick<KeptPhase, "changes">> {
  return { changes: (before === null || before === undefined ? 0 : changesOf(before)) + 1 };
}

function changesOf({ changes = 0 }: OrderedRow): number {
  return changes;
}

/**
 * The phase that acts. The file's acts when its value changes; a move by CLI or API holds until then. A file never takes a
 * route over the barrier.
 */
export function actingPhase(route: Pick<RouteSettings, "phase">, kept: KeptPhase | undefined): Phase {
  if (kept === undefined) return route.phase;
  return kept.file === route.phase || crossesBarrier(kept.phase, route.phase) ? kept.phase : route.phase;
}

/** Epoch ms: since when next is the source of truth; null: it is not, or nobody noted it. */
export function cutOverOf(kept: KeptPhase | undefined): number | null {
  if (kept === undefined || PHASE_ROLES[kept.phase].primary !== "next") return null;
  return Date.parse(kept.cutOverAt ?? kept.at);
}

export function withPhases(file: Settings, kept: ReadonlyMap<string, KeptPhase>): Settings {
  if (kept.size === 0) return file;
  const routes = file.routes.map((route) => {
    const phase = actingPhase(route, kept.get(route.name));
    return phase === route.phase ? route : { ...route, phase };
  });
  return { ...file, routes };
}

/** What is to be kept where the file says something else than when the row was set, or says it for the first time; null: nothing. */
export function rowForFile(route: RouteSettings, kept: KeptPhase | undefined, at: string): KeptPhase | null {
  const said = { route: route.name, file: route.phase, by: "file", at, reason: null, ...nextChange(kept) };
  if (kept === undefined) {
    return { ...said, phase: route.phase, ...cutOver(route.phase, null, at), epoch: 1, behindSince: null };
  }
  // Where it may not act it is looked at again whenever it changes, and at each start.
  if (kept.file === route.phase || crossesBarrier(kept.phase, route.phase)) return null;
  return {
    ...said,
    phase: route.phase,
    ...cutOver(route.phase, kept, at),
    epoch: kept.epoch,
    behindSince: behindAfter({ ...kept, sharedDatabase: route.sharedDatabase }, route.phase, at),
  };
}

/** `at`: when the move is made. Nothing where next is not the source of truth afterwards. */
export function cutOver(to: Phase, before: KeptPhase | null, at: string): Pick<KeptPhase, "cutOverAt"> {
  if (PHASE_ROLES[to].primary !== "next") return {};
  const wasBeyond = before !== null && PHASE_ROLES[before.phase].primary === "next";
  return { cutOverAt: wasBeyond ? (before.cutOverAt ?? before.at) : at };
}

/** `at`: when the move is made. */
export function behindAfter(
  {
    phase,
    behindSince,
    sharedDatabase = false,
  }: Pick<KeptPhase, "phase" | "behindSince"> & Partial<Pick<RouteSettings, "sharedDatabase">>,
  to: Phase,
  at: string,
): string | null {
  // What one service writes the other one has.
  if (sharedDatabase) return null;
  if (PHASE_ROLES[to].shadow !== null) return null;
  return PHASE_ROLES[phase].shadow === null ? behindSince : at;
}

/** Routes that move together: those of one entity have their order in common, and `group` joins more. */
export function groupOf(routes: readonly RouteSettings[], name: string): readonly RouteSettings[] {
  const route = routes.find((one) => one.name === name);
  return route === undefined ? [] : routes.filter((one) => groupName(one) === groupName(route));
}

function groupName({ name, entity, group }: Pick<RouteSettings, "name" | "entity" | "group">): string {
  if (group !== null) return `group ${group}`;
  return entity === null ? `route ${name}` : `entity ${entity}`;
}
