/**
 * Reads mirrored writes back: once a copy has settled, the entity is asked for at both services in its key's turn, and again for a while
 * where they differ. A share of writes (`verify.share`), and all whose answers do not say that they were applied whole and by then: 202,
 * 207, GraphQL with errors. What comes of it is an event of its own: the write's outcome stays. No client waits for it. The journal
 * holds what is due until it has ended, so that the next process does what this one did not come to.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Exchange, Settled, Snapshot } from "../exchange.ts";
import { serviceOf } from "../config/settings.ts";
import { headerOf } from "../exchange.ts";
import { makeUlid } from "../identity.ts";
import { DIVERGENT } from "../outcome.ts";
import { PHASE_ROLES, serviceNameFor } from "../moves/phases.ts";
import { isAccepted } from "../mirror/verdicts.ts";
import type { DueReadBack, Journal } from "../journal.ts";
import { exchangeAgain, isStillMirrored } from "../life/journaled-write.ts";
import type { OpenWrites } from "../phase/open-writes.ts";
import type { WriteHold } from "../phase/write-hold.ts";
import type { Telemetry } from "../ports.ts";
import { PacedQueue, type PacedWork } from "../process/paced-queue.ts";
import type { ReadBackCounts, ReadBackResult } from "../read-back-results.ts";
import { READ_BACK_RESULTS } from "../read-back-results.ts";
import { type EntityPlace, goesToPart, headOf } from "../read-back.ts";
import type { Recorder } from "../record/recorder.ts";
import type { RepairMark } from "../record/repair-entry.ts";
import { bothSides, type BothSidesParts } from "../repair/both-sides.ts";
import { placeOf, type ReadyEntry, readyFor } from "../repair/entry.ts";
import { mend, type Mended, type Seen } from "../repair/mend.ts";
import type { Sealer } from "../sealed.ts";
import type { TouchWatches } from "../life/touch-watch.ts";
import type { QuietKey } from "../members/turns.ts";

export interface ReadBacksParts extends BothSidesParts {
  readonly snapshot: () => Snapshot;
  readonly mirroringEnabled: () => boolean;
  readonly visit: <T>(key: string, patienceMs: number, work: (turn: QuietKey) => Promise<T>) => Promise<T | null>;
  readonly hold: Pick<WriteHold, "holds">;
  readonly touching: Pick<TouchWatches, "begin">;
  readonly openWrites: Pick<OpenWrites, "enter" | "leave">;
  readonly journal: Pick<Journal, "readBackDue" | "readBackEnded">;
  readonly sealer: Pick<Sealer, "open">;
  readonly recorder: Pick<Recorder, "readBack" | "repairEntry" | "mark">;
  readonly telemetry: BothSidesParts["telemetry"] & Pick<Telemetry, "readBack">;
  readonly random: () => number;
  readonly caught: (step: string, error: unknown) => void;
}

export interface ReadBacks {
  /** An exchange has its outcome. Never throws. */
  settled(settled: Settled): void;
  /** Those that earlier processes left in the journal. */
  resume(left: readonly DueReadBack[]): void;
  of(route: string): ReadBackCounts;
  /** Nothing more is begun. Resolves when what was begun has ended. */
  stop(): Promise<void>;
}

interface Waiting extends PacedWork {
  readonly exchange: Exchange;
  readonly place: EntityPlace;
  /** Its answers leave open whether it was applied: whoever cannot read it has to say so. */
  readonly isOpen: boolean;
  /** For the repair list; nothing else is kept of what it held. */
  readonly mark: RepairMark;
  /** Monotonic ms. */
  readonly settledAt: number;
}

const MOST_WAITING = 1_000;
const MOST_AT_ONCE = 4;
/** What both services hold so long after says little of that write: its key goes on the repair list. */
const TOO_OLD_MS = 60 * 60_000;
/** For a key that is written all the time. */
const QUIET_PATIENCE_MS = 2_000;
/** Copies of the key wait for a look. */
const LOOK_MAX_MS = 2_000;
/** Before each look; where both hold the same there is no further one. */
const LOOKS_MS = [0, 250, 1_000, 4_000];
/** What a service does later is looked for until it does no more, so far apart. */
const LATER_EVERY_MS = 5_000;

export function createReadBacks(parts: ReadBacksParts): ReadBacks {
  const counts = new Map<string, number>();
  const stopping = new AbortController();
  const queue = new PacedQueue<Waiting>({
    clock: parts.clock,
    mostWaiting: MOST_WAITING,
    mostAtOnce: MOST_AT_ONCE,
    laneOf: ({ key }) => key,
    ratePerSecond: ({ exchange }) => exchange.route.repair.ratePerSecond,
    run: readBack,
    failed(one, error) {
      parts.caught("read back", error);
      ended(one, "failed");
    },
  });

  function count(route: string, result: ReadBackResult): void {
    const name = `${result} ${route}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
    parts.telemetry.readBack(route, result);
  }

  function settled(found: Settled): void {
    if (stopping.signal.aborted || !parts.mirroringEnabled()) return;
    const { exchange, key } = found;
    const isOpen = isLeftOpen(found);
    if (!isOneWrite(found) || key === null) return;
    if (!isOpen && parts.random() >= exchange.route.verify.share) return;
    const { method, path, headers } = exchange.request;
    const place = { key, method, path, host: headerOf(headers, "host") };
    const mark = parts.recorder.repairEntry(found, "read-back");
    // Until it is told what came of an open one, a write behind it is as open: the service may apply them the other way round.
    const before = queue.waitingOf(key) ?? queue.runningIn(key);
    const one: Waiting = {
      ...{ route: exchange.route.name, key, exchange, place, mark },
      isOpen: isOpen || before?.isOpen === true,
      settledAt: parts.clock.monotonic(),
    };
    if (!queue.hasRoomFor(key)) return ended(one, "left-out");
    const due = { mark, isOpen: one.isOpen, settledAt: parts.clock.now(), traceId: exchange.traceId };
    parts.journal.readBackDue(exchange.id, due);
    put(one);
  }

  /** Of a key the last write counts: what is read is what came of all of them. */
  function put(one: Waiting): void {
    const before = queue.waitingOf(one.key);
    if (before !== null) parts.journal.readBackEnded(before.exchange.id, null);
    queue.put(one);
  }

  function resume(due: DueReadBack): void {
    const { mark, isOpen, settledAt, traceId } = due;
    const { route, exchangeId } = mark;
    const ageMs = Math.max(0, parts.clock.now() - settledAt);
    const place = mark.key === null ? null : placeOf(mark.key, mark.place?.sealed ?? null, parts.sealer);
    const give = (result: ReadBackResult, isOnList: boolean): void => {
      count(route, result);
      if (isOnList) parts.recorder.mark(mark);
      parts.journal.readBackEnded(exchangeId, isOnList ? mark : null);
    };
    if (place === null || ageMs > TOO_OLD_MS) return give("left-out", true);
    const { key, method, path, host } = place;
    const headers = host === null ? [] : ["host", host];
    const request = { method, target: path, path, query: "", headers, remoteAddress: "", scheme: "http" } as const;
    const intent = { exchangeId, route, request, key, traceId, arrivedAt: Date.parse(mark.at) };
    const exchange = exchangeAgain(parts.snapshot(), intent, mark.misses ?? null);
    if (!parts.mirroringEnabled() || !isStillMirrored(exchange)) return give("failed", isOpen);
    const one = { route, key, exchange, place, isOpen, mark, settledAt: parts.clock.monotonic() - ageMs };
    if (queue.hasRoomFor(key)) put(one);
    else ended(one, "left-out");
  }

  /** Since its write was taken, or its route is gone: it is about other roles. */
  function hasMoved({ exchange: { route } }: Waiting): boolean {
    const present = parts.snapshot().settings.routes.find(({ name }) => name === route.name);
    return present?.phase !== route.phase;
  }

  async function readBack(one: Waiting): Promise<void> {
    const present = parts.snapshot();
    const route = present.settings.routes.find(({ name }) => name === one.exchange.route.name);
    if (route === undefined || hasMoved(one)) return ended(one, "failed");
    const entry = readyFor({ route, place: one.place, part: goesToPart(one.place), isUncreated: false }, present);
    if (!entry.ready) return ended(one, "unreadable");
    const until = one.isOpen ? one.settledAt + longestWorkMs(one.exchange) : 0;
    let last: Looked = "busy";
    for (let look = 0; ; look++) {
      const pauseMs = LOOKS_MS[look] ?? LATER_EVERY_MS;
      if (look >= LOOKS_MS.length && parts.clock.monotonic() + pauseMs > until) break;
      if (pauseMs > 0) await sleep(pauseMs, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
      if (stopping.signal.aborted) return leave(one);
      // A later write of the key tells what came of this one too.
      if (queue.waitingOf(one.key) !== null) {
        parts.journal.readBackEnded(one.exchange.id, null);
        return count(route.name, "key-written-meanwhile");
      }
      last = await lookOnce(one, entry, present);
      if (last === "equal") return ended(one, "equal");
      if (last === "moved") break;
    }
    if (last === "busy") return ended(one, "key-written-meanwhile");
    if (last === "unsaid" || last === "moved") return ended(one, "failed");
    ended(one, "differs", last, entry);
  }

  /** `seen`: of both sides. */
  async function lookOnce(one: Waiting, entry: ReadyEntry, snapshot: Snapshot): Promise<Looked> {
    const { route, primary, shadow, paths, place, values } = entry;
    if (parts.hold.holds(route.name)) return "busy";
    if (hasMoved(one)) return "moved";
    // Which side is right must not change while both are read.
    const id = `read back ${one.exchange.id}`;
    parts.openWrites.enter(id, route.name, "an entity that is read back");
    try {
      const mended = await parts.visit(place.key, QUIET_PATIENCE_MS, async (turn) => {
        // The turn keeps writes of the key away, and not those of other keys that change this one too.
        const watch = await parts.touching.begin(place.key, id);
        const isCrossed = async (): Promise<boolean> => (await turn.crossed()) || (await watch?.crossed()) === true;
        const sides = bothSides(parts, {
          ...{ snapshot, route, values, path: paths.path, host: place.host },
          primary: within(primary, LOOK_MAX_MS),
          shadow: within(shadow, LOOK_MAX_MS),
          id: makeUlid(parts.clock.now()),
          deadline: parts.clock.monotonic() + LOOK_MAX_MS,
          mayLearn: false,
          leavesOut: false,
        });
        const order = { paths, rule: route.repair.write, mayWrite: false, announce: () => Promise.resolve(false) };
        return await mend({ crossed: isCrossed }, sides, order, (ms) => sleep(ms)).finally(() => watch?.end());
      });
      return lookedOf(mended);
    } finally {
      parts.openWrites.leave(id);
    }
  }

  function ended(one: Waiting, result: ReadBackResult, seen: Seen | null = null, entry?: ReadyEntry): void {
    const { exchange, isOpen, mark } = one;
    count(exchange.route.name, result);
    const isProven = result === "differs" && seen !== null && entry !== undefined;
    if (isProven) {
      const ageMs = Math.max(0, parts.clock.now() - exchange.arrivedAt);
      parts.recorder.readBack(eventOf(one, entry, seen, parts.clock.now()), { of: exchange.id, ageMs });
    }
    const isUntold = isOpen && result !== "equal" && result !== "unreadable";
    const isOnList = isProven || isUntold;
    if (isOnList) parts.recorder.mark(mark);
    parts.journal.readBackEnded(exchange.id, isOnList ? mark : null);
  }

  /** The process ends. What answers left open anybody may verify; what was chosen is the next process's, where there is a journal. */
  function leave(one: Waiting): void {
    if (one.isOpen) ended(one, "failed");
  }

  return {
    settled(one) {
      try {
        settled(one);
      } catch (error) {
        parts.caught("read back", error);
      }
    },
    resume(left) {
      for (const due of left) {
        try {
          resume(due);
        } catch (error) {
          parts.caught("read back", error);
        }
      }
    },
    of: (route) =>
      Object.fromEntries(READ_BACK_RESULTS.map((result) => [result, counts.get(`${result} ${route}`) ?? 0])) as Record<
        ReadBackResult,
        number
      >,
    async stop() {
      stopping.abort();
      await queue.stop(leave);
    },
  };
}

/** unsaid: one of them did not say what it holds. moved: nobody was asked. */
type Looked = "equal" | "busy" | "unsaid" | "moved" | Seen;

function lookedOf(mended: Mended | null): Looked {
  if (mended === null || mended.end === "busy") return "busy";
  if (mended.end === "equal") return "equal";
  return mended.end === "differs" ? mended.seen : "unsaid";
}

/** A mirrored write of one entity that both services took, and that nothing else is to be done about. */
function isOneWrite({ exchange, moreKeys, primary, repair, shadow, taintedBy }: Settled): boolean {
  const { plan } = exchange;
  const isAlone = moreKeys.length === 0 && repair === null && taintedBy === null;
  return plan.mirror && plan.requestClass === "write" && isAlone && isTaken(primary) && isTaken(shadow);
}

function isTaken(answer: { readonly status: number | null } | null): boolean {
  return answer !== null && answer.status !== null && isAccepted(answer.status);
}

function isLeftOpen({ primary, shadow, hasErrors }: Settled): boolean {
  const isOpen = (status: number | null | undefined): boolean => status === 202 || status === 207;
  return isOpen(primary.status) || isOpen(shadow?.status) || hasErrors === true;
}

function longestWorkMs({ snapshot: { settings }, route }: Exchange): number {
  const { primary, shadow } = PHASE_ROLES[route.phase];
  const serviceFor = (of: "legacy" | "next") => serviceOf(settings, serviceNameFor(of, route));
  return Math.max(serviceFor(primary).asPrimary.maxWorkMs, shadow === null ? 0 : serviceFor(shadow).asShadow.maxWorkMs);
}

function within<S extends ReadyEntry["primary"]>(service: S, ms: number): S {
  return { ...service, asShadow: { ...service.asShadow, timeoutMs: Math.min(service.asShadow.timeoutMs, ms) } };
}

/** As a read that was compared, which it was. */
function eventOf({ exchange, place }: Waiting, entry: ReadyEntry, seen: Seen, now: number): Settled {
  const { route, paths } = entry;
  const head = headOf("GET", paths.path, route, place.host);
  const type = seen.entity === null ? null : headerOf(seen.entity.headers, "content-type");
  const request = type === null ? head : { ...head, headers: [...head.headers, "content-type", type] };
  const body = seen.entity?.body.kind === "memory" ? seen.entity.body.bytes : null;
  const { primary, shadow } = PHASE_ROLES[route.phase];
  return {
    exchange: {
      ...exchange,
      id: makeUlid(now),
      arrivedAt: now,
      request,
      route,
      params: exchange.snapshot.router.match(request)?.params ?? { named: {}, rest: [] },
      plan: { mirror: true, primary, shadow: shadow ?? "next", requestClass: "read" },
      trace: null,
    },
    // What is secret in it is secret in what is said of it.
    requestBody: body,
    key: place.key,
    moreKeys: [],
    outcome: DIVERGENT,
    primary: { status: seen.primary, ms: null, bytes: null },
    shadow: { status: seen.shadow, ms: null, bytes: null, attempts: 1 },
    differences: seen.differences,
    moreDifferences: 0,
    build: null,
    taintedBy: null,
    error: null,
    failure: null,
    repair: null,
    notBefore: null,
    uncreated: false,
    answers: null,
  };
}
