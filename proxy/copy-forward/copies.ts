/**
 * Brings over, beside the client's way, what legacy had and next had not when a client asked for it: each entity once, whoever asks
 * for it meanwhile, in its key's turn. Bounded: what there is no room for is brought over when it is asked for again.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { whyNoWrites } from "../config/own-writes.ts";
import type { RouteSettings } from "../config/settings.ts";
import { fallsBack } from "../reads/dial.ts";
import type { Miss } from "../reads/fallback.ts";
import type { CopyResult } from "../reads/fallback-results.ts";
import { makeUlid } from "../identity.ts";
import type { ChangeLog } from "../mirror/change-log.ts";
import type { KeyHolds } from "../mirror/key-holds.ts";
import type { OpenWrites } from "../phase/open-writes.ts";
import type { WriteHold } from "../phase/write-hold.ts";
import type { Snapshot } from "../exchange.ts";
import { PacedQueue } from "../process/paced-queue.ts";
import { entityOfKey } from "../reach.ts";
import { bothSides, type BothSidesParts } from "../repair/both-sides.ts";
import { readyFor, type ReadyEntry } from "../repair/entry.ts";
import type { QuietKey } from "../members/turns.ts";
import type { MemberHolds } from "../life/member-holds.ts";
import { copyForward, type HeldBack, type TurnEnd, type TurnOrder } from "./turn.ts";

export interface CopiesParts extends BothSidesParts {
  readonly snapshot: () => Snapshot;
  readonly visit: <T>(key: string, patienceMs: number, work: (turn: QuietKey) => Promise<T>) => Promise<T | null>;
  readonly changes: Pick<ChangeLog, "began" | "ended" | "mayChange">;
  readonly keyHolds: Pick<KeyHolds, "begin">;
  /** See `TurnOrder.isConfirmed`. */
  readonly isConfirmed: (miss: Miss) => boolean | Promise<boolean>;
  readonly hold: Pick<WriteHold, "holds">;
  readonly openWrites: Pick<OpenWrites, "enter" | "leave">;
  /** Others write to next too. */
  readonly memberHolds: Pick<MemberHolds, "hold">;
  readonly counted: (route: string, result: CopyResult) => void;
  readonly caught: (step: string, error: unknown) => void;
}

export interface Copies {
  missed(miss: Miss): void;
  /** Nothing more is begun. Resolves when what was begun has ended. */
  stop(): Promise<void>;
}

const MOST_WAITING = 1_000;
/** One of each entity: what may be of the key waits for it, and is to get a turn in between. */
const MOST_AT_ONCE = 4;
/** For a key that is written all the time. */
const QUIET_PATIENCE_MS = 2_000;
const TURN_MAX_MS = 5_000;
/** Of what is sent to next while clients' writes of the key are held back. */
const NEXT_WITHIN_MS = 1_000;
/** For writes whose key is not known yet, and that were at next before. */
const LATE_PATIENCE_MS = 250;
const LOOK_EVERY_MS = 10;
const LATE_LOOK_MS = 500;
/**
 * What came to nothing is not tried again with each request for it; and of one that is done some who asked before may be heard of late
 * (workers tell of them in their time).
 */
const AGAIN_AFTER_MS: Readonly<Record<CopyResult, number>> = {
  ...{ copied: 5_000, there: 5_000, gone: 5_000, busy: 1_000, failed: 10_000, differs: 10_000, refused: 60_000 },
};
const MOST_RESTING = 10_000;

export function createCopies(parts: CopiesParts): Copies {
  /** Until when (monotonic ms); the oldest first. */
  const resting = new Map<string, number>();
  const stopping = new AbortController();

  const queue = new PacedQueue<Miss>({
    clock: parts.clock,
    mostWaiting: MOST_WAITING,
    mostAtOnce: MOST_AT_ONCE,
    laneOf: ({ key }) => entityOfKey(key),
    ratePerSecond: ({ route }) => routeOf(route)?.repair.ratePerSecond ?? null,
    async run(miss) {
      const route = routeOf(miss.route);
      if (route !== null) ended(miss, await copyOne(parts, route, miss, stopping.signal));
    },
    failed(miss, error) {
      parts.caught("copy forward", error);
      ended(miss, "failed");
    },
  });

  function ended({ route, key }: Miss, result: CopyResult): void {
    parts.counted(route, result);
    resting.delete(key);
    resting.set(key, parts.clock.monotonic() + AGAIN_AFTER_MS[result]);
    const [oldest] = resting.keys();
    if (resting.size > MOST_RESTING && oldest !== undefined) resting.delete(oldest);
  }

  function routeOf(name: string): RouteSettings | null {
    return parts.snapshot().settings.routes.find((route) => route.name === name && fallsBack(route)) ?? null;
  }

  return {
    missed(miss) {
      if (stopping.signal.aborted) return;
      if (!queue.hasRoomFor(miss.key) || (resting.get(miss.key) ?? 0) > parts.clock.monotonic()) return;
      if (queue.waitingOf(miss.key) === null) queue.put(miss);
    },
    async stop() {
      stopping.abort();
      await queue.stop();
    },
  };
}

async function copyOne(
  parts: CopiesParts,
  route: RouteSettings,
  miss: Miss,
  stopped: AbortSignal,
): Promise<CopyResult> {
  // Which side is right must not change while it is carried over to the other.
  if (parts.hold.holds(route.name)) return "busy";
  const id = `copy forward ${makeUlid(parts.clock.now())}`;
  parts.openWrites.enter(id, route.name, "an entity of legacy's that is brought over");
  try {
    const snapshot = parts.snapshot();
    const ready = prepare(route, miss, snapshot);
    if (ready === null) return "refused";
    const ended = await parts.visit(miss.key, QUIET_PATIENCE_MS, (turn) =>
      takeTurn(parts, { ...ready, isConfirmed: () => parts.isConfirmed(miss) }, snapshot, turn, id),
    );
    if (ended === null) return "busy";
    if (ended.end !== "late") return ended.end;
    await untilLanded(parts, ready, snapshot, ended.held, stopped);
    return "failed";
  } finally {
    parts.openWrites.leave(id);
  }
}

/**
 * How legacy's entity goes over to next: as it did while legacy was the primary. null: it cannot be read on both sides, or next may
 * not be written to.
 */
function prepare(present: RouteSettings, { key, path, host }: Miss, snapshot: Snapshot): ReadyEntry | null {
  const route: RouteSettings = { ...present, phase: "backfilling" };
  const place = { key, method: "GET", path, host };
  const entry = readyFor({ route, place, part: false, isUncreated: false }, snapshot);
  if (!entry.ready || whyNoWrites(route, entry.shadow) !== null) return null;
  const { paths, values } = entry;
  // Under legacy's id next has said that it has none: it is looked up, and made under an id of next's own where that finds nothing.
  const isLookedUp = values !== null && values.find !== null;
  return {
    ...entry,
    paths: { ...paths, makesIds: values !== null && values.own !== null },
    values: isLookedUp ? { ...values, isUncreated: true } : values,
  };
}

function sidesOf(parts: CopiesParts, entry: ReadyEntry, snapshot: Snapshot) {
  const { route, primary: legacy, shadow: next, place, paths, values } = entry;
  const quick = { ...next.asShadow, timeoutMs: Math.min(next.asShadow.timeoutMs, NEXT_WITHIN_MS) };
  return bothSides(parts, {
    snapshot,
    route,
    primary: legacy,
    shadow: { ...next, asShadow: quick },
    path: paths.path,
    host: place.host,
    id: makeUlid(parts.clock.now()),
    deadline: parts.clock.monotonic() + TURN_MAX_MS,
    values,
    mayLearn: true,
    leavesOut: false,
    onlyCreates: true,
  });
}

async function takeTurn(
  parts: CopiesParts,
  ready: ReadyEntry & Pick<TurnOrder, "isConfirmed">,
  snapshot: Snapshot,
  turn: QuietKey,
  id: string,
): Promise<TurnEnd> {
  const { route, place, paths, isConfirmed } = ready;
  const reach = { keys: [place.key], lateOf: [], anyOf: [] };
  let hasBegun = false;
  const hold = (): HeldBack => {
    const held = parts.keyHolds.begin(place.key);
    const elsewhere = parts.memberHolds.hold(place.key, id);
    return {
      elsewhere,
      async quiet() {
        const until = parts.clock.monotonic() + LATE_PATIENCE_MS;
        while (parts.changes.mayChange(place.key)) {
          if (parts.clock.monotonic() > until) return false;
          await sleep(LOOK_EVERY_MS);
        }
        if ((await elsewhere?.begin()) === false) return false;
        hasBegun = true;
        parts.changes.began(id, route.name, reach);
        return true;
      },
      narrow() {
        held.narrow();
        elsewhere?.narrow();
      },
      lift() {
        held.lift();
        elsewhere?.lift();
        if (hasBegun) parts.changes.ended(id, null);
      },
    };
  };
  const order = { paths, rule: route.repair.write, hold, isConfirmed, writeMs: NEXT_WITHIN_MS };
  return await copyForward(turn, sidesOf(parts, ready, snapshot), order);
}

/** Until next shows what it was sent, or can apply it no more: a client's write before that might be undone by it. */
async function untilLanded(
  parts: CopiesParts,
  ready: ReadyEntry,
  snapshot: Snapshot,
  held: HeldBack,
  stopped: AbortSignal,
): Promise<void> {
  const until = parts.clock.monotonic() + ready.shadow.asPrimary.maxWorkMs;
  while (parts.clock.monotonic() < until && !stopped.aborted) {
    await sleep(LATE_LOOK_MS, undefined, { signal: stopped }).catch(() => undefined);
    const reading = await sidesOf(parts, ready, snapshot).read("shadow");
    if (reading.is !== "present") continue;
    reading.discard();
    break;
  }
  held.lift();
}
