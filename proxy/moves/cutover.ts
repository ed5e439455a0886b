/**
 * Moves routes from phase to phase (docs/cutover.md): what has to be so is looked at, then the routes go through the barrier
 * (barrier/barrier.ts, over several members barrier/shared-barrier.ts): new writes are held back, those under way end, what they left is
 * looked at again, and the move is kept by compare-and-set before anybody is let go on to the new primary. Whatever fails
 * before that leaves the old one.
 */
import type { AuditedChange } from "../evidence/audit.ts";
import { behindGap } from "./behind-gap.ts";
import type { Phase, RouteSettings, Settings } from "../config/settings.ts";
import type { Switchboard } from "../config/switchboard.ts";
import { type CutoverChecks, type Planned, spellTunnels } from "./cutover-checks.ts";
import { makeUlid } from "../identity.ts";
import { behindAfter, cutOver, groupOf, type KeptPhase, nextChange, type PhaseMove } from "./kept-phase.ts";
import { crossesBarrier, step, stepTowards } from "./phase-steps.ts";
import { type MoveCheck, type MoveOrder, type MoveReport } from "./phase-move.ts";
import type { Barrier, Crossed } from "../barrier/barrier.ts";
import type { PhaseBook } from "../phase/phase-book.ts";
import { plural } from "../phase/words.ts";
import type { Clock, Store } from "../ports.ts";

export interface CutoverParts {
  readonly acting: Pick<Switchboard, "snapshot" | "file">;
  readonly phases: Pick<PhaseBook, "rowOf">;
  readonly checks: CutoverChecks;
  readonly barrier: Barrier;
  readonly store: Pick<Store, "append" | "flush">;
  readonly clock: Clock;
  readonly audit: (change: AuditedChange) => void;
}

export interface Cutover {
  /** null: there is no such route. @throws CrossfadeError `store-unavailable` before anything was held */
  move(order: MoveOrder): Promise<MoveReport | null>;
  /** One that this process was asked for is under way, or tried. */
  readonly isMoving: boolean;
}

/** Of the routes that move; null: none is kept. */
type RowsBefore = ReadonlyMap<string, KeptPhase | null>;

export function createCutover(parts: CutoverParts): Cutover {
  const { acting, phases, store, clock } = parts;
  let isMoving = false;

  async function move(order: MoveOrder): Promise<MoveReport | null> {
    const { settings } = acting.snapshot();
    const route = settings.routes.find(({ name }) => name === order.route);
    if (route === undefined) return null;
    const planned = plan(order, route, settings);
    if ("end" in planned) return planned;
    if (isMoving) return refused(planned, [missing("step", "another move is under way; try again when it has ended")]);
    isMoving = true;
    // What the plan was made from: while the rest is looked at, another member or the file may come first.
    const before = new Map(planned.names.map((name) => [name, phases.rowOf(name) ?? null]));
    try {
      return await carryOut(planned, before);
    } finally {
      isMoving = false;
    }
  }

  function plan(order: MoveOrder, route: RouteSettings, settings: Settings): Planned | MoveReport {
    const routes = groupOf(settings.routes, route.name);
    const names = routes.map(({ name }) => name);
    const about = { order, routes, names, from: route.phase };
    const nowhere = { ...about, to: route.phase, crosses: false };
    const [other] = routes.filter(({ phase }) => phase !== route.phase);
    if (other !== undefined) {
      const why = `${route.name} moves together with ${other.name}, which is in phase ${other.phase}; bring all of ${names.join(", ")} to one phase first`;
      return refused(nowhere, [missing("group", why)]);
    }
    if (order.step === "unpin") {
      const to = acting.file().routes.find(({ name }) => name === route.name)?.phase ?? route.phase;
      const crosses = crossesBarrier(route.phase, to);
      if (!crosses) return { ...about, to, crosses };
      const way = `a file never takes a route over the barrier; crossfade phase ${route.name} ${stepTowards(to)}`;
      return refused({ ...about, to, crosses }, [missing("step", `the file says ${to}, and ${way}`)]);
    }
    const stepped = step(route.phase, order.step);
    if (!stepped.legal) return refused(nowhere, [missing("step", stepped.why)]);
    if (order.to !== undefined && order.to !== stepped.to) {
      const why = `it is in ${route.phase} by now, from where ${order.step} leads to ${stepped.to} and not to ${order.to}`;
      return refused(nowhere, [missing("step", why)]);
    }
    return { ...about, to: stepped.to, crosses: crossesBarrier(route.phase, stepped.to) };
  }

  async function carryOut(planned: Planned, before: RowsBefore): Promise<MoveReport> {
    const { order, crosses, names } = planned;
    const checks = await parts.checks.of(planned);
    if (checks.some(({ state }) => state === "missing")) return refused(planned, checks);
    if (order.dryRun) {
      const estimatedPauseMs = crosses ? Math.round(parts.checks.lagOf(names)) : null;
      const pausing = crosses ? `; writes would be held back for about ${estimatedPauseMs} ms` : "";
      const sentence = `${names.join(", ")} would move from ${planned.from} to ${planned.to}${pausing}`;
      return report(planned, { end: "would-move", sentence, checks, estimatedPauseMs });
    }
    const gaps = await openGaps(planned, before);
    let end: Crossed["end"] = "aborted";
    try {
      const crossed = await parts.barrier.cross({
        routes: names,
        moves: movesOf(planned, before),
        drains: crosses,
        stillFit: () => (crosses && !order.force ? stillFit(names, planned.to) : Promise.resolve(null)),
      });
      end = crossed.end;
      return end === "moved" ? moved(planned, checks, crossed) : stays(planned, checks, crossed);
    } finally {
      endGaps(gaps, end);
    }
  }

  /**
   * What the other service has missed while a route mirrored nothing is on no list: only a reconcile can say. It is told before
   * the move, which forgets since when that is: whoever makes it may die right behind it.
   */
  async function openGaps({ routes, to }: Planned, before: RowsBefore): Promise<readonly string[]> {
    const gaps = routes.flatMap(({ name: route, sharedDatabase }) => {
      const from = before.get(route)?.behindSince ?? null;
      if (sharedDatabase || from === null) return [];
      return behindGap(makeUlid(clock.now()), from, { route, phase: to }) ?? [];
    });
    if (gaps.length === 0) return [];
    store.append(gaps);
    await store.flush();
    return gaps.map(({ id }) => id);
  }

  function endGaps(ids: readonly string[], end: Crossed["end"]): void {
    if (ids.length === 0) return;
    const to = new Date(clock.now()).toISOString();
    store.append(
      ids.map((id) =>
        end === "moved" ? { type: "gap-closed" as const, id, to } : { type: "gap-withdrawn" as const, id },
      ),
    );
  }

  /** What the last writes left. */
  async function stillFit(names: readonly string[], to: Phase): Promise<string | null> {
    const { repairs, gaps } = await parts.checks.openOf(names, to);
    if (repairs > 0) return `the last writes left ${plural(repairs, "key")} on the repair list`;
    return gaps > 0 ? `the last writes left ${plural(gaps, "gap")}` : null;
  }

  function movesOf({ order, routes, from, to, crosses }: Planned, rows: RowsBefore): readonly PhaseMove[] {
    const at = new Date(clock.now()).toISOString();
    const file = new Map(acting.file().routes.map(({ name, phase }) => [name, phase]));
    return routes.map(({ name, sharedDatabase }): PhaseMove => {
      const before = rows.get(name) ?? null;
      const row: KeptPhase = {
        route: name,
        phase: to,
        epoch: (before?.epoch ?? 1) + (crosses ? 1 : 0),
        ...nextChange(before),
        file: file.get(name) ?? to,
        by: order.by,
        at,
        reason: order.reason,
        ...cutOver(to, before ?? null, at),
        behindSince: behindAfter({ sharedDatabase, phase: from, behindSince: before?.behindSince ?? null }, to, at),
      };
      return { row, instead: before };
    });
  }

  function stays(planned: Planned, checks: readonly MoveCheck[], { end, why, ...told }: Crossed): MoveReport {
    const { order, names, from } = planned;
    if (end !== "aborted") return refused(planned, [...checks, missing("step", why ?? "")]);
    const sentence = `${names.join(", ")} stays in ${from}: ${why}`;
    parts.audit({
      by: order.by,
      action: "phase",
      subject: order.route,
      what: `${spellMove(planned, order.force)} given up: ${why}`,
      reason: order.reason,
    });
    return report(planned, { end, sentence, checks, ...told });
  }

  function moved(
    planned: Planned,
    looked: readonly MoveCheck[],
    { pauseMs, refusedWrites, tunnels }: Crossed,
  ): MoveReport {
    // Other members' are counted while they move.
    const checks = looked.map((check) =>
      check.name === "tunnels" && tunnels !== null
        ? { ...check, text: spellTunnels(tunnels, planned.from, planned.routes) }
        : check,
    );
    const { order, names, from, to, crosses } = planned;
    const gates = checks.filter(({ name }) => name === "gate" || name === "retire").map(({ text }) => text);
    const what = [
      spellMove(
        planned,
        checks.some(({ state }) => state === "forced"),
      ),
      ...gates,
    ].join("; ");
    parts.audit({ by: order.by, action: "phase", subject: order.route, what, reason: order.reason });
    const paused = pauseMs === null ? "" : `; writes were held back for ${pauseMs} ms`;
    const inFile = acting.file().routes.some(({ name, phase }) => names.includes(name) && phase !== to);
    const write =
      crosses && inFile ? `; write phase: ${to} in the file too, so that a lost store cannot take it back` : "";
    const sentence = `${names.join(", ")} moved from ${from} to ${to}${paused}${write}`;
    return report(planned, { end: "moved", sentence, checks, pauseMs, refusedWrites });
  }

  function refused(planned: Planned, checks: readonly MoveCheck[]): MoveReport {
    const why = checks.filter(({ state }) => state === "missing").map(({ text }) => text);
    const sentence = `${planned.names.join(", ")} stays in ${planned.from}: ${why.join("; ")}`;
    return report(planned, { end: "refused", sentence, checks });
  }

  function report(
    { order, names, from, to, crosses }: Planned,
    told: Pick<MoveReport, "end" | "sentence" | "checks"> & Partial<MoveReport>,
  ): MoveReport {
    const epoch = Math.max(...names.map((name) => phases.rowOf(name)?.epoch ?? 1));
    const { dryRun } = order;
    return {
      dryRun,
      routes: names,
      from,
      to,
      crosses,
      epoch,
      pauseMs: null,
      estimatedPauseMs: null,
      refusedWrites: 0,
      ...told,
    };
  }

  return {
    move,
    get isMoving() {
      return isMoving;
    },
  };
}

/** The audit's words. */
function spellMove({ from, to }: Pick<MoveReport, "from" | "to">, forced: boolean): string {
  return `phase ${from} → ${to}${forced ? ", forced" : ""}`;
}

function missing(name: MoveCheck["name"], text: string): MoveCheck {
  return { name, state: "missing", text };
}
