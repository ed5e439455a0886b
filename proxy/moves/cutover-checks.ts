/** What has to be so before a route is moved (docs/cutover.md). Nobody is held back meanwhile. */
import { setTimeout as pause } from "node:timers/promises";
import { whyNotMirrored } from "../config/route-rules.ts";
import type { Phase, RouteSettings } from "../config/settings.ts";
import type { CutoverGate } from "./cutover-gate.ts";
import type { Snapshot } from "../exchange.ts";
import type { Journal } from "../journal.ts";
import { lagMsOf } from "../process/lag.ts";
import type { Backlog } from "../mirror/backlog.ts";
import type { MoveCheck, MoveOrder } from "./phase-move.ts";
import { DRAIN_WITHIN_MS } from "../barrier/barrier.ts";
import type { OpenWrites } from "../phase/open-writes.ts";
import { type Member, type Members, nameOf, series } from "../members/members.ts";
import { plural, spellCount } from "../phase/words.ts";
import { PHASE_ROLES } from "./phases.ts";
import type { RetireReport } from "./retire-report.ts";
import type { Clock, Store } from "../ports.ts";

/** A move of a group of routes that there is. */
export interface Planned {
  readonly order: MoveOrder;
  readonly routes: readonly RouteSettings[];
  readonly names: readonly string[];
  readonly from: Phase;
  readonly to: Phase;
  readonly crosses: boolean;
}

export interface CutoverChecksParts {
  readonly snapshot: () => Snapshot;
  readonly gate: Pick<CutoverGate, "ask">;
  readonly retire: Pick<RetireReport, "ask">;
  readonly store: Pick<Store, "openWork">;
  readonly journal: Pick<Journal, "waiting" | "waitingSince">;
  readonly backlog: Pick<Backlog, "lagMs">;
  readonly openWrites: Pick<OpenWrites, "count" | "oldest">;
  /** Why a value that a client holds could be two things once next makes new ones, in words; null: none is known. */
  readonly clash: (routes: readonly RouteSettings[]) => Promise<string | null>;
  readonly members: Pick<Members, "list">;
  /** Open tunnels and event streams of a route. */
  readonly tunnels: (route: string) => number;
  readonly clock: Clock;
}

export interface CutoverChecks {
  /** Waits for a shadow that is behind. @throws CrossfadeError `store-unavailable` */
  of(planned: Planned): Promise<readonly MoveCheck[]>;
  /** ms that copies of these routes are behind. */
  lagOf(names: readonly string[]): number;
  /**
   * Of this member, in a move that was announced `waitedMs` ago: why its copies are too far behind to hold writes back for; null: they
   * are close.
   */
  notClose(names: readonly string[], waitedMs: number): string | null;
  /** What counts against `to`: on the way back to legacy, what legacy may miss. */
  openOf(names: readonly string[], to: Phase): Promise<{ readonly repairs: number; readonly gaps: number }>;
}

/** Of writes under way, before any is held: the shadow is this close behind, or it is waited for so long. */
const CLOSE_MS = 250;
/**
 * How close it has to be at first, and how many ms of waiting are worth one of being further behind: who is held back waits for all
 * copies to end, and nobody waits yet.
 */
const CLOSE_AT_FIRST_MS = 5;
const WAITED_PER_MS = 4;
const LOOK_AGAIN_MS = 5;
const PATIENCE_MS = 10_000;
const ASK_AGAIN_MS = 100;

export function createCutoverChecks(parts: CutoverChecksParts): CutoverChecks {
  async function checksOf({ order, routes, names, from, to, crosses }: Planned): Promise<readonly MoveCheck[]> {
    const { settings } = parts.snapshot();
    const checks: MoveCheck[] = [{ name: "step", state: "met", text: `${from} → ${to}` }];
    const add = (name: MoveCheck["name"], isMet: boolean, text: string, canForce = false): void => {
      checks.push({ name, state: isMet ? "met" : canForce && order.force ? "forced" : "missing", text });
    };
    add("group", true, names.length === 1 ? "it moves alone" : `they move together: ${names.join(", ")}`);
    const apart = whyNotTogether(await parts.members.list());
    add("processes", apart.why === null, apart.why ?? apart.text);
    const effects = routes
      .filter(({ sharedDatabase }) => !sharedDatabase)
      .map((route) => whyNotMirrored(settings, { ...route, phase: to }))
      .find((why) => why !== null);
    if (PHASE_ROLES[to].shadow !== null) {
      const may = routes.every(({ sharedDatabase }) => sharedDatabase) ? "copies of reads alone" : "copies";
      add("effects", effects === undefined, effects ?? `${nameOfShadow(to)} may be sent ${may}`);
    }
    if (to === "next-only") {
      for (const { name } of routes) {
        const answer = await parts.retire.ask(name);
        const text = `${name}: ${answer?.sentence ?? "there is no such route"}`;
        add("retire", answer?.legacyCanGo === true, text, true);
      }
    }
    if (!crosses) return checks;
    if (PHASE_ROLES[to].primary === "next") {
      const clash = await parts.clash(routes);
      add("values", clash === null, clash ?? "clients keep what they hold: no value stands for two things", true);
    }
    if (PHASE_ROLES[to].primary === "next") {
      for (const { name } of routes) {
        const answer = await parts.gate.ask(name);
        add("gate", answer?.open === true, `${name}: ${answer?.sentence ?? "there is no such route"}`, true);
      }
    }
    const { repairs, gaps } = await openOf(names, to);
    add(
      "repairs",
      repairs === 0,
      repairs === 0 ? "the repair list is empty" : `${plural(repairs, "key")} on the repair list: crossfade repair`,
      true,
    );
    add("gaps", gaps === 0, gaps === 0 ? "no gap" : `${plural(gaps, "gap")}, in which writes may be missing`, true);
    const waiting = parts.journal.waiting();
    add("journal", waiting === 0, waiting === 0 ? "nothing waits in the journal" : spellWaiting(waiting));
    const lag = await settledDown(names, order.dryRun);
    add(
      "lag",
      lag <= CLOSE_MS,
      `${plural(parts.openWrites.count(names), "write")} under way; copies are ${spellCount(Math.round(lag))} ms behind`,
    );
    const long = whyTooLong(names);
    add("long", long === null, long ?? "no write has been under way for longer than a move may take");
    const tunnels = names.reduce((sum, name) => sum + parts.tunnels(name), 0);
    add("tunnels", true, spellTunnels(tunnels, from, routes));
    return checks;
  }

  function lagOf(names: readonly string[]): number {
    return Math.max(...names.map((name) => lagMsOf(parts, name)));
  }

  /** It would outlast the barrier, and the move be given up. */
  function whyTooLong(names: readonly string[]): string | null {
    const oldest = parts.openWrites.oldest(names);
    if (oldest === null || oldest.ms <= DRAIN_WITHIN_MS) return null;
    const seconds = spellCount(Math.floor(oldest.ms / 1000));
    return `${oldest.what} has been under way for ${seconds} s, longer than a move may take: wait until it has ended`;
  }

  /** Waits for the shadow to come close, and for what would outlast the barrier to end, before anybody is held back. */
  async function settledDown(names: readonly string[], dryRun: boolean): Promise<number> {
    const begunAt = parts.clock.monotonic();
    for (;;) {
      const lag = lagOf(names);
      const waitedMs = parts.clock.monotonic() - begunAt;
      const isLong = whyTooLong(names) !== null;
      if (dryRun || waitedMs >= PATIENCE_MS || (!isLong && lag <= closeAfter(waitedMs))) return lag;
      await pause(isLong || lag > CLOSE_MS ? ASK_AGAIN_MS : LOOK_AGAIN_MS);
    }
  }

  /** Whatever may differ stands in the way to next; on the way back what legacy may miss does, since it has what next misses. */
  async function openOf(
    names: readonly string[],
    to: Phase,
  ): Promise<{ readonly repairs: number; readonly gaps: number }> {
    const all = (await parts.store.openWork()).filter(({ route }) => names.includes(route));
    const open = PHASE_ROLES[to].primary === "legacy" ? all.map(({ legacyMisses }) => legacyMisses) : all;
    return {
      repairs: open.reduce((sum, { repairs }) => sum + repairs, 0),
      gaps: open.reduce((sum, { gaps }) => sum + gaps, 0),
    };
  }

  function notClose(names: readonly string[], waitedMs: number): string | null {
    const waiting = parts.journal.waiting();
    if (waiting > 0) return spellWaiting(waiting);
    const lag = lagOf(names);
    return lag <= closeAfter(waitedMs) ? whyTooLong(names) : `copies are ${spellCount(Math.round(lag))} ms behind`;
  }

  return { of: checksOf, lagOf, openOf, notClose };
}

function closeAfter(waitedMs: number): number {
  return Math.min(CLOSE_MS, CLOSE_AT_FIRST_MS + waitedMs / WAITED_PER_MS);
}

export function spellTunnels(
  tunnels: number,
  from: Phase,
  routes: readonly Pick<RouteSettings, "keepStreams">[],
): string {
  if (tunnels === 0) return "no open tunnel, no event stream";
  const kept = routes.filter(({ keepStreams }) => keepStreams).length;
  const what = `${plural(tunnels, "open connection")} (tunnels, event streams)`;
  const stay = `stay with ${PHASE_ROLES[from].primary} until they end`;
  if (kept === routes.length) return `${what}: they ${stay} (keepStreams)`;
  const closed = "are closed within 10 s after the move";
  return kept === 0 ? `${what}: they ${closed}` : `${what}: they ${closed}; those of routes with keepStreams ${stay}`;
}

function spellWaiting(waiting: number): string {
  return `${plural(waiting, "write")} wait in the journal for memory`;
}

/** All have to hold back their writes at once, and to go on to the same service. */
function whyNotTogether(all: readonly Member[]): { readonly why: string | null; readonly text: string } {
  const members = all.filter(({ state }) => state !== "left");
  const text = members.length < 2 ? "one process has all writes" : `${members.length} members have all writes`;
  const silent = members.find(({ state }) => state === "silent");
  if (silent !== undefined) {
    const way = `start it again, or crossfade instances forget ${silent.id} --reason TEXT`;
    return { why: `member ${nameOf(silent)} is silent, and may still send writes: ${way}`, text };
  }
  const [first] = members;
  const other = members.find(
    ({ settings, version }) => settings.digest !== first?.settings.digest || series(version) !== series(first.version),
  );
  if (first === undefined || other === undefined) return { why: null, text };
  const what = series(other.version) === series(first.version) ? "other services and routes" : "another version";
  return { why: `member ${nameOf(other)} runs ${what} than ${nameOf(first)}; bring all to the same`, text };
}

function nameOfShadow(phase: Phase): string {
  return PHASE_ROLES[phase].shadow ?? "nobody";
}
