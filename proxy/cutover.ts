/**
 * Moves routes from phase to phase. Over the barrier (docs/cutover.md): what has to be so is looked at, new writes of the routes
 * are held back, those under way end, what they left is looked at again, and the move is kept by compare-and-set before anybody
 * is let go on to the new primary. Whatever fails before that leaves the old one.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { AuditedChange } from "./audit.ts";
import { whyNotMirrored } from "./config/route-rules.ts";
import type { Phase, RouteSettings, Settings } from "./config/settings.ts";
import type { Switchboard } from "./config/switchboard.ts";
import type { CutoverGate } from "./cutover-gate.ts";
import { CrossfadeError } from "./errors.ts";
import { makeUlid } from "./identity.ts";
import type { Journal } from "./journal.ts";
import type { Backlog } from "./mirror/backlog.ts";
import { behindAfter, groupOf, type KeptPhase } from "./kept-phase.ts";
import { crossesBarrier, step, type Step } from "./phase-steps.ts";
import { type MoveCheck, type MoveOrder, type MoveReport } from "./phase-move.ts";
import type { OpenWrites } from "./phase/open-writes.ts";
import type { PhaseBook } from "./phase/phase-book.ts";
import { plural, spellCount } from "./phase/words.ts";
import type { WriteHold } from "./phase/write-hold.ts";
import { PHASE_ROLES } from "./phases.ts";
import type { Clock, Store } from "./ports.ts";

export interface CutoverParts {
  readonly acting: Pick<Switchboard, "snapshot" | "file" | "phasesMoved">;
  readonly phases: PhaseBook;
  readonly gate: Pick<CutoverGate, "ask">;
  readonly store: Pick<Store, "append" | "openWork">;
  /** Whether all that writes which have ended left is in the store, within the time (ms): else why not. */
  readonly settled: (withinMs: number) => Promise<string | null>;
  readonly journal: Pick<Journal, "waiting">;
  readonly backlog: Pick<Backlog, "lagMs">;
  readonly hold: WriteHold;
  readonly openWrites: OpenWrites;
  /** Open connections of a route that changed their protocol. */
  readonly tunnels: (route: string) => number;
  readonly clock: Clock;
  readonly audit: (change: AuditedChange) => void;
}

export interface Cutover {
  /** null: there is no such route. @throws CrossfadeError `store-unavailable` before anything was held */
  move(order: MoveOrder): Promise<MoveReport | null>;
}

/** Of writes under way, before any is held: the shadow is this close behind, or it is waited for so long. */
const CLOSE_MS = 250;
const PATIENCE_MS = 10_000;
/** The whole hold: then it is given up. */
const DRAIN_WITHIN_MS = 3_000;
/** A held write is refused after so long, also where the store does not say whether the move was kept. */
const HELD_FOR_MS = 5_000;
const HELD_AT_MOST = 1_000;
const ASK_AGAIN_MS = 100;

interface Planned {
  readonly order: MoveOrder;
  readonly routes: readonly RouteSettings[];
  readonly names: readonly string[];
  readonly from: Phase;
  readonly to: Phase;
  readonly crosses: boolean;
}

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
      const way = `a file never takes a route over the barrier; crossfade phase ${route.name} ${stepBack(route.phase)}`;
      return refused({ ...about, to, crosses }, [missing("step", `the file says ${to}, and ${way}`)]);
    }
    const stepped = step(route.phase, order.step);
    if (!stepped.legal) return refused(nowhere, [missing("step", stepped.why)]);
    return { ...about, to: stepped.to, crosses: crossesBarrier(route.phase, stepped.to) };
  }

  async function carryOut(planned: Planned): Promise<MoveReport> {
    const { order, crosses, names } = planned;
    const checks = await checksOf(planned);
    if (checks.some(({ state }) => state === "missing")) return refused(planned, checks);
    if (order.dryRun) {
      const estimatedPauseMs = crosses ? Math.round(lagOf(names)) : null;
      const pausing = crosses ? `; writes would be held back for about ${estimatedPauseMs} ms` : "";
      const sentence = `${names.join(", ")} would move from ${planned.from} to ${planned.to}${pausing}`;
      return report(planned, { end: "would-move", sentence, checks, estimatedPauseMs });
    }
    if (crosses) return await cross(planned, checks);
    const kept = await keep(planned);
    if (kept !== null) return refused(planned, [...checks, missing("step", kept)]);
    return moved(planned, checks, {});
  }

  async function checksOf({ order, routes, names, from, to, crosses }: Planned): Promise<readonly MoveCheck[]> {
    const { settings } = acting.snapshot();
    const checks: MoveCheck[] = [{ name: "step", state: "met", text: `${from} → ${to}` }];
    const add = (name: MoveCheck["name"], isMet: boolean, text: string, canForce = false): void => {
      checks.push({ name, state: isMet ? "met" : canForce && order.force ? "forced" : "missing", text });
    };
    add("group", true, names.length === 1 ? "it moves alone" : `they move together: ${names.join(", ")}`);
    if (settings.store.kind === "redis") {
      add(
        "processes",
        false,
        "over a store that several processes share, this version moves phases by file and restart alone",
      );
    } else if (crosses && settings.workers > 0) {
      add(
        "processes",
        false,
        "this version takes no route over the barrier while there are worker processes; start with --workers 0",
      );
    } else add("processes", true, "one process has all writes");
    const effects = routes
      .map((route) => whyNotMirrored(settings, { ...route, phase: to }))
      .find((why) => why !== null);
    if (PHASE_ROLES[to].shadow !== null) {
      add("effects", effects === undefined, effects ?? `${nameOfShadow(to)} may be sent copies`);
    }
    const forward = routes.filter(({ values, transform }) => mapsValues(values) || transforms(transform));
    if (PHASE_ROLES[to].primary === "next" && forward.length > 0) {
      const which = forward.map(({ name }) => name).join(", ");
      add(
        "values",
        false,
        `${which} maps ids or paths from legacy to next, and this version cannot map them back for clients`,
      );
    }
    if (!crosses) return checks;
    if (PHASE_ROLES[to].primary === "next") {
      for (const { name } of routes) {
        const answer = await parts.gate.ask(name);
        add("gate", answer?.open === true, `${name}: ${answer?.sentence ?? "there is no such route"}`, true);
      }
    }
    const { repairs, gaps } = await openOf(names);
    add(
      "repairs",
      repairs === 0,
      repairs === 0 ? "the repair list is empty" : `${plural(repairs, "key")} on the repair list: crossfade repair`,
      true,
    );
    add("gaps", gaps === 0, gaps === 0 ? "no gap" : `${plural(gaps, "gap")}, in which writes may be missing`, true);
    const waiting = parts.journal.waiting();
    add(
      "journal",
      waiting === 0,
      waiting === 0 ? "nothing waits in the journal" : `${plural(waiting, "write")} wait in the journal for memory`,
    );
    const lag = await settledDown(names, order.dryRun);
    add(
      "lag",
      lag <= CLOSE_MS,
      `${plural(openWrites.count(names), "write")} under way; copies are ${spellCount(Math.round(lag))} ms behind`,
    );
    const tunnels = names.reduce((sum, name) => sum + parts.tunnels(name), 0);
    add(
      "tunnels",
      true,
      tunnels === 0
        ? "no open tunnel"
        : `${plural(tunnels, "open tunnel")} stay with ${PHASE_ROLES[from].primary} until they end`,
    );
    return checks;
  }

  function lagOf(names: readonly string[]): number {
    return Math.max(...names.map((name) => parts.backlog.lagMs(name, clock.monotonic())));
  }

  /** Waits for the shadow to come close, before anybody is held back. */
  async function settledDown(names: readonly string[], dryRun: boolean): Promise<number> {
    const until = clock.monotonic() + (dryRun ? 0 : PATIENCE_MS);
    while (lagOf(names) > CLOSE_MS && clock.monotonic() < until) await pause(ASK_AGAIN_MS);
    return lagOf(names);
  }

  async function openOf(names: readonly string[]): Promise<{ readonly repairs: number; readonly gaps: number }> {
    const open = (await store.openWork()).filter(({ route }) => names.includes(route));
    return {
      repairs: open.reduce((sum, { repairs }) => sum + repairs, 0),
      gaps: open.reduce((sum, { gaps }) => sum + gaps, 0),
    };
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
    const { repairs, gaps } = await openOf(names);
    if (order.force) return null;
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

function stepBack(phase: Phase): Step {
  return PHASE_ROLES[phase].primary === "next" ? "rollback" : "advance";
}

function mapsValues({ learn, apply, give }: RouteSettings["values"]): boolean {
  return learn.length + apply.length + give.length > 0;
}

function transforms({ path, methods, headers, body, module }: RouteSettings["transform"]): boolean {
  return path !== null || module !== null || methods.length + headers.length + body.length > 0;
}

function nameOfShadow(phase: Phase): string {
  return PHASE_ROLES[phase].shadow ?? "nobody";
}
