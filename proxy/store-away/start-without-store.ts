/**
 * A start while the store is away (docs/cutover.md, "A start while Redis is away"): a member that is registered forwards by its own copy of the
 * phases what is safe, and becomes whole once the store is there. The writes meanwhile are in a gap, which is on disk before the
 * first of them.
 */
import { setTimeout as pauseFor } from "node:timers/promises";
import type { Settings } from "../config/settings.ts";
import { CrossfadeError } from "../errors.ts";
import type { KeptPhase } from "../moves/kept-phase.ts";
import { PHASE_ROLES } from "../moves/phases.ts";
import type { Clock } from "../ports.ts";
import type { Standing } from "../members/standing.ts";
import { type Safe, safeRoutes } from "./safe-routes.ts";
import type { Waiting } from "./waiting-door.ts";

export interface WithoutStoreParts<Opened, Whole, Door extends Waiting> {
  readonly settings: Settings;
  /** Why the store could not be opened. */
  readonly thrown: unknown;
  /** As the process before has left it; null: there was none. */
  readonly standing: () => Standing | null;
  /** This member's own copy of the phases. @throws CrossfadeError where it cannot be read */
  readonly phases: () => readonly KeptPhase[];
  /** Nobody else is this member until that is closed. @throws CrossfadeError `store-locked` */
  readonly lock: () => { close(): void };
  /** Writes of these routes are in no journal from then on (epoch ms); durable when it returns. */
  readonly markUnjournaled: (routes: readonly string[], from: number) => void;
  /** Takes clients' requests from here on. @throws CrossfadeError: an address is taken */
  readonly openDoor: (safe: Extract<Safe, { isSafe: true }>) => Promise<Door>;
  /** Resolves once the store can be reached, and nobody who starts has to wait for others; or when it is over. */
  readonly storeIsBack: (isOver: () => boolean) => Promise<void>;
  /** Once the lock is closed. @throws CrossfadeError */
  readonly open: () => Promise<Opened>;
  /** Builds the rest, at this door; `note` is for operators. */
  readonly begin: (opened: Opened, door: Door, note: string) => Promise<Whole>;
  readonly clock: Clock;
  readonly pause?: (ms: number) => Promise<unknown>;
  readonly warn: (line: string) => void;
}

export interface WithoutStore<Whole, Door> {
  readonly door: Door;
  /** null: it was stopped before. Rejects where the store is there and cannot be used, or something else fails. */
  readonly whole: Promise<Whole | null>;
  /** Nobody waits for the store any more. */
  stop(): void;
}

const WRITES_END_WITHIN_MS = 3_000;
/** A write that takes longer holds the others up each time; the pauses double. */
const AGAIN_AFTER_MS = { first: 1_000, most: 10_000 };

/** @throws `thrown`, with why this member may not serve without a store */
export async function startWithoutStore<Opened, Whole, Door extends Waiting>(
  parts: WithoutStoreParts<Opened, Whole, Door>,
): Promise<WithoutStore<Whole, Door>> {
  const { settings, thrown, clock, pause = pauseFor } = parts;
  const standing = isAway(thrown) ? parts.standing() : null;
  // A first start has nothing to go by.
  if (standing === null || !(thrown instanceof CrossfadeError)) throw thrown;
  const safe = safeRoutes(settings, standing, parts.phases());
  if (!safe.isSafe) {
    const message = `${thrown.message}; nothing is forwarded without it: ${safe.why}`;
    throw new CrossfadeError(thrown.code, message, { source: "store", retryable: true, cause: thrown });
  }
  const since = clock.now();
  const mirrored = safe.snapshot.settings.routes
    .filter(({ phase, mirror }) => PHASE_ROLES[phase].shadow !== null && mirror.writes)
    .map(({ name }) => name);
  let locked = parts.lock();
  let door: Door;
  try {
    parts.markUnjournaled(mirrored, since);
    door = await parts.openDoor(safe);
  } catch (error) {
    locked.close();
    throw error;
  }
  parts.warn(
    `${thrown.message}; requests are forwarded by this member's own copy of the phases until it is there, writes are not mirrored and a gap is recorded`,
  );
  for (const [route, why] of safe.refused) parts.warn(`${route} is answered 503 until the store is there: ${why}`);

  let isStopped = false;
  async function becomeWhole(): Promise<Whole | null> {
    let pauseMs = AGAIN_AFTER_MS.first;
    for (;;) {
      await parts.storeIsBack(() => isStopped);
      if (isStopped) {
        locked.close();
        return null;
      }
      if (!(await door.settled(WRITES_END_WITHIN_MS))) {
        door.goOn();
        await pause(pauseMs);
        pauseMs = Math.min(AGAIN_AFTER_MS.most, 2 * pauseMs);
        continue;
      }
      locked.close();
      const opened = await parts.open().catch(nullWhereAway);
      if (opened !== null) return await parts.begin(opened, door, noteOf(since, clock.now()));
      locked = parts.lock();
      // An opening that failed half way may have taken it over.
      parts.markUnjournaled(mirrored, since);
      door.goOn();
    }
  }

  const whole = becomeWhole();
  whole.catch(() => "whoever started it is told");
  return { door, whole, stop: () => void (isStopped = true) };
}

function isAway(thrown: unknown): boolean {
  return thrown instanceof CrossfadeError && thrown.code === "store-unavailable" && thrown.retryable;
}

function nullWhereAway(error: unknown): null {
  if (isAway(error)) return null;
  throw error;
}

function noteOf(from: number, to: number): string {
  const [since, until] = [new Date(from).toISOString(), new Date(to).toISOString()];
  return `the store was away at the start: from ${since} to ${until} nothing was mirrored, and a gap is recorded`;
}
