/**
 * Moves routes from phase to phase. Over the barrier (docs/cutover.md): what has to be so is looked at, new writes of the routes
 * are held back, those under way end, what they left is looked at again, and the move is kept by compare-and-set before anybody
 * is let go on to the new primary. Whatever fails before that leaves the old one.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { AuditedChange } from "./audit.ts";
import type { RouteSettings, Settings } from "./config/settings.ts";
import type { Switchboard } from "./config/switchboard.ts";
import type { CutoverChecks, Planned } from "./cutover-checks.ts";
import { CrossfadeError } from "./errors.ts";
import { makeUlid } from "./identity.ts";
import { behindAfter, groupOf, type KeptPhase } from "./kept-phase.ts";
import { crossesBarrier, step, stepTowards } from "./phase-steps.ts";
import { type MoveCheck, type MoveOrder, type MoveReport } from "./phase-move.ts";
import type { OpenWrites } from "./phase/open-writes.ts";
import type { PhaseBook } from "./phase/phase-book.ts";
import { plural } from "./phase/words.ts";
import type { WriteHold } from "./phase/write-hold.ts";
import { PHASE_ROLES } from "./phases.ts";
import type { Clock, Store } from "./ports.ts";

export interface CutoverParts {
  readonly acting: Pick<Switchboard, "snapshot" | "file" | "phasesMoved">;
  readonly phases: PhaseBook;
  readonly checks: CutoverChecks;
  readonly store: Pick<Store, "append">;
  /** Whether all that writes which have ended left is in the store, within the time (ms): else why not. */
  readonly settled: (withinMs: number) => Promise<string | null>;
  readonly hold: WriteHold;
  readonly openWrites: OpenWrites;
  readonly clock: Clock;
  readonly audit: (change: AuditedChange) => void;
}

export interface Cutover {
  /** null: there is no such route. @throws CrossfadeError `store-unavailable` before anything was held */
  move(order: MoveOrder): Promise<MoveReport | null>;
}

/** The whole hold: then it is given up. */
const DRAIN_WITHIN_MS = 3_000;
/** A held write is refused after so long, also where the store does not say whether the move was kept. */
const HELD_FOR_MS = 5_000;
const HELD_AT_MOST = 1_000;
const ASK_AGAIN_MS = 100;

export function createCutover(parts: CutoverParts): Cutover {
  const { acting, phases, store, hold, openWrites, clock } = parts;
  let isMoving = false;

  async function move(order: MoveOrder): Promise<MoveReport | null> {
    const { settings } = acting.snapshot();
    const route = settings.routes.find(({ name }) => name === order.route);
    if (route === undefined) return null;
    const planned = plan(order, route, settings);
    if ("end" in planned) return planned;
    if (isMoving) return refused(planned, [missing("step", "another move is under way; try again when it has ended")]);
    isMoving = true;
    try {
      return await carryOut(planned);
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
    return { ...about, to: stepped.to, crosses: crossesBarrier(route.phase, stepped.to) };
  }

  async function carryOut(planned: Planned): Promise<MoveReport> {
    const { order, crosses, names } = planned;
    const checks = await parts.checks.of(planned);
    if (checks.some(({ state }) => state === "missing")) return refused(planned, checks);
    if (order.dryRun) {
      const estimatedPauseMs = crosses ? Math.round(parts.checks.lagOf(names)) : null;
      const pausing = crosses ? `; writes would be held back for about ${estimatedPauseMs} ms` : "";
      const sentence = `${names.join(", ")} would move from ${planned.from} to ${planned.to}${pausing}`;
      return report(planned, { end: "would-move", sentence, checks, estimatedPauseMs });
    }
    if (crosses) return await cross(planned, checks);
    const kept = await keep(planned);
    if (kept !== null) return refused(planned, [...checks, missing("step", kept)]);
    return moved(planned, checks, {});
  }

  async function cross(planned: Planned, checks: readonly MoveCheck[]): Promise<MoveReport> {
    const begunAt = clock.monotonic();
    hold.begin(planned.names, { atMost: HELD_AT_MOST, forMs: HELD_FOR_MS });
    let why: string | null = "it failed";
    try {
      why = (await notDrained(planned)) ?? (await keep(planned));
      if (why === null) acting.phasesMoved();
    } catch (error) {
      if (!(error instanceof CrossfadeError)) throw error;
      why = error.message;
    } finally {
      hold.release();
    }
    const told = { pauseMs: Math.round((clock.monotonic() - begunAt) * 10) / 10, refusedWrites: hold.refused };
    if (why === null) return moved(planned, checks, told);
    const { order, names, from } = planned;
    const sentence = `${names.join(", ")} stays in ${from}: ${why}`;
    parts.audit({
      by: order.by,
      action: "phase",
      subject: order.route,
      what: `${spellMove(planned, order.force)} given up: ${why}`,
      reason: order.reason,
    });
    return report(planned, { end: "aborted", sentence, checks, ...told });
  }

  /** What is under way ends; why the move cannot be made now, or null. */
  async function notDrained({ order, names }: Planned): Promise<string | null> {
    await openWrites.whenNone(names, AbortSignal.timeout(DRAIN_WITHIN_MS));
    const open = openWrites.count(names);
    if (open > 0) return `${plural(open, "write")} did not end within ${DRAIN_WITHIN_MS / 1000} s`;
    const unsettled = await parts.settled(DRAIN_WITHIN_MS);
    if (unsettled !== null) return unsettled;
    if (order.force) return null;
    const { repairs, gaps } = await parts.checks.openOf(names);
    if (repairs > 0) return `the last writes left ${plural(repairs, "key")} on the repair list`;
    return gaps > 0 ? `the last writes left ${plural(gaps, "gap")}` : null;
  }

  /** null: it is kept, for good. */
  async function keep({ order, routes, from, to, crosses }: Planned): Promise<string | null> {
    const at = new Date(clock.now()).toISOString();
    const file = new Map(acting.file().routes.map(({ name, phase }) => [name, phase]));
    const rows = routes.map(({ name }): KeptPhase => {
      const before = phases.rowOf(name);
      return {
        route: name,
        phase: to,
        epoch: (before?.epoch ?? 1) + (crosses ? 1 : 0),
        file: file.get(name) ?? to,
        by: order.by,
        at,
        reason: order.reason,
        behindSince: behindAfter({ phase: from, behindSince: before?.behindSince ?? null }, to, at),
      };
    });
    const since = new Map(routes.map(({ name }) => [name, phases.rowOf(name)?.behindSince ?? null]));
    const end = await phases.move(rows).catch(async (error: unknown) => {
      if (!(error instanceof CrossfadeError)) throw error;
      return (await wasKept(rows)) ? ("done" as const) : error.message;
    });
    if (end === "changed") return "the phase was changed by somebody else meanwhile";
    if (end !== "done") return end;
    if (!crosses) acting.phasesMoved();
    if (PHASE_ROLES[to].shadow !== null) for (const [route, from] of since) if (from !== null) tellGap(route, from, at);
    return null;
  }

  /** The store did not say whether it was kept; nobody is let go before it does. */
  async function wasKept(rows: readonly KeptPhase[]): Promise<boolean> {
    for (;;) {
      try {
        await phases.reread();
        return rows.every(({ route, at, epoch }) => {
          const kept = phases.rowOf(route);
          return kept?.at === at && kept.epoch === epoch;
        });
      } catch (error) {
        if (!(error instanceof CrossfadeError)) throw error;
        await pause(ASK_AGAIN_MS);
      }
    }
  }

  /** What the other service has missed is on no list: only a reconcile can say. */
  function tellGap(route: string, from: string, to: string): void {
    const id = makeUlid(clock.now());
    const why = "the route mirrored nothing: its phase had no shadow";
    store.append([
      { type: "gap-opened", id, route, from, why },
      { type: "gap-closed", id, to },
    ]);
  }

  function moved(planned: Planned, checks: readonly MoveCheck[], told: Partial<MoveReport>): MoveReport {
    const { order, names, from, to, crosses } = planned;
    const gates = checks.filter(({ name }) => name === "gate").map(({ text }) => text);
    const what = [
      spellMove(
        planned,
        checks.some(({ state }) => state === "forced"),
      ),
      ...gates,
    ].join("; ");
    parts.audit({ by: order.by, action: "phase", subject: order.route, what, reason: order.reason });
    const paused =
      told.pauseMs === undefined || told.pauseMs === null ? "" : `; writes were held back for ${told.pauseMs} ms`;
    const inFile = acting.file().routes.some(({ name, phase }) => names.includes(name) && phase !== to);
    const write =
      crosses && inFile ? `; write phase: ${to} in the file too, so that a lost store cannot take it back` : "";
    const sentence = `${names.join(", ")} moved from ${from} to ${to}${paused}${write}`;
    return report(planned, { end: "moved", sentence, checks, ...told });
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

  return { move };
}

/** The audit's words. */
function spellMove({ from, to }: Pick<MoveReport, "from" | "to">, forced: boolean): string {
  return `phase ${from} → ${to}${forced ? ", forced" : ""}`;
}

function missing(name: MoveCheck["name"], text: string): MoveCheck {
  return { name, state: "missing", text };
}
