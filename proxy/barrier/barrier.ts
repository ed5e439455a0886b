/** How routes get to their next phases with nothing in between: by one process alone. Several do it together: shared-barrier.ts. */
import { setTimeout as pause } from "node:timers/promises";
import { CrossfadeError } from "../errors.ts";
import type { PhaseMove } from "../moves/kept-phase.ts";
import type { Clock } from "../ports.ts";
import { inTime } from "./left-in-store.ts";
import type { OwnWrites } from "./own-writes.ts";
import type { PhaseBook } from "../phase/phase-book.ts";

export interface Crossing {
  readonly routes: readonly string[];
  /** As they were decided on: where a route is not what it was then, none takes effect. */
  readonly moves: readonly PhaseMove[];
  /** Whether the source of truth changes: then nothing is kept before all writes under way have ended. */
  readonly drains: boolean;
  /** Asked once they have: why it must not be after all, or null. */
  readonly stillFit: () => Promise<string | null>;
}

export interface Crossed {
  /** refused: before any write was held. aborted: while some were. */
  readonly end: "moved" | "refused" | "aborted";
  /** null: moved. */
  readonly why: string | null;
  /** How long writes were held back, ms; null: none were. */
  readonly pauseMs: number | null;
  readonly refusedWrites: number;
  /** Connections of the routes that had changed their protocol, at all members; null: there are no others. */
  readonly tunnels: number | null;
}

export interface Barrier {
  /** @throws CrossfadeError `store-unavailable` before anything was held */
  cross(crossing: Crossing): Promise<Crossed>;
}

export interface LocalBarrierParts {
  readonly own: OwnWrites;
  readonly phases: Pick<PhaseBook, "move" | "reread" | "rowOf">;
  /** Other phases act from here on. */
  readonly moved: () => void;
  readonly clock: Clock;
}

/** All that writes under way may take: then the move is given up. */
export const DRAIN_WITHIN_MS = 3_000;
const ASK_AGAIN_MS = 100;

/** Of a store that nobody shares. */
export function createLocalBarrier({ own, phases, moved, clock }: LocalBarrierParts): Barrier {
  async function cross({ routes, moves, drains, stillFit }: Crossing): Promise<Crossed> {
    if (!drains) {
      const why = await keep(moves);
      if (why === null) moved();
      return { end: why === null ? "moved" : "refused", why, pauseMs: null, refusedWrites: 0, tunnels: null };
    }
    const begunAt = clock.monotonic();
    own.hold(routes);
    let why: string | null = "it failed";
    try {
      const left = (): number => DRAIN_WITHIN_MS - (clock.monotonic() - begunAt);
      why = (await own.drained(DRAIN_WITHIN_MS)) ?? (await whyUnfit(stillFit, left())) ?? (await keep(moves));
      if (why === null) moved();
    } catch (error) {
      if (!(error instanceof CrossfadeError)) throw error;
      why = error.message;
    } finally {
      own.release();
    }
    const pauseMs = roundMs(clock.monotonic() - begunAt);
    return { end: why === null ? "moved" : "aborted", why, pauseMs, refusedWrites: own.refused, tunnels: null };
  }

  /** The store may take its time; those who are held back have that much (ms). */
  async function whyUnfit(stillFit: Crossing["stillFit"], withinMs: number): Promise<string | null> {
    let why: string | null = null;
    const asked = stillFit().then((answer) => (why = answer));
    return (await inTime(asked, withinMs)) ? why : "the store did not tell in time what the last writes left";
  }

  /** null: it is kept, for good. */
  async function keep(moves: readonly PhaseMove[]): Promise<string | null> {
    const end = await phases.move(moves).catch(async (error: unknown) => {
      if (!(error instanceof CrossfadeError)) throw error;
      return (await wasKept(moves)) ? ("done" as const) : error.message;
    });
    if (end === "changed") return "the phase was changed by somebody else meanwhile";
    return end === "done" ? null : end;
  }

  /** The store did not say whether it was kept; nobody is let go before it does. */
  async function wasKept(moves: readonly PhaseMove[]): Promise<boolean> {
    for (;;) {
      try {
        await phases.reread();
        return areKept(moves, phases);
      } catch (error) {
        if (!(error instanceof CrossfadeError)) throw error;
        await pause(ASK_AGAIN_MS);
      }
    }
  }

  return { cross };
}

export function areKept(moves: readonly PhaseMove[], phases: Pick<PhaseBook, "rowOf">): boolean {
  return moves.every(({ row: { route, at, epoch } }) => {
    const kept = phases.rowOf(route);
    return kept?.at === at && kept.epoch === epoch;
  });
}

export function roundMs(ms: number): number {
  return Math.round(ms * 10) / 10;
}
