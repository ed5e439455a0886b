/**
 * What each member does in a transition (transition.ts), whoever began it: says that it is ready, holds new writes back, says that
 * those under way have ended, and lets go of the held ones only on having read how it ended. What was set before what it has is
 * never taken: the store is told again what it has lost. Where the store may have lost an end, each says what it knows of it: that
 * there was none, since it has not agreed; that it was aborted; or that it has read nothing.
 */
import { setTimeout as pause } from "node:timers/promises";
import { CrossfadeError } from "../errors.ts";
import { isLater, isStill } from "../moves/kept-phase.ts";
import {
  isUnderWay,
  type Transition,
  type TransitionAck,
  type Transitions,
  type TransitionView,
} from "../moves/transition.ts";
import { DRAIN_WITHIN_MS } from "./barrier.ts";
import type { OwnWrites } from "./own-writes.ts";
import type { OwnStanding } from "./standing.ts";
import type { PhaseBook } from "../phase/phase-book.ts";

export interface MemberPartParts {
  readonly transitions: Transitions;
  /** This member's. */
  readonly id: string;
  readonly own: OwnWrites;
  readonly phases: Pick<PhaseBook, "follow" | "rowOf" | "keepAgain" | "keepCopy" | "uncopied">;
  /** What services and routes are, as its file has them; the same text where they are the same. */
  readonly settings: () => string;
  /** Other phases act from here on. */
  readonly moved: () => void;
  /** Why copies of these routes are too far behind to hold writes back for, that long after it was announced; null: they are close. */
  readonly notClose: (routes: readonly string[], waitedMs: number) => string | null;
  readonly tunnels: (route: string) => number;
  readonly standing: OwnStanding;
  /** ms. */
  readonly monotonic: () => number;
  readonly caught: (step: string, error: unknown) => void;
}

export interface MemberPart {
  /** Something has changed, or may have. */
  wake(): void;
  /** What is looked at next, once this member has acted on it. Rejects where the store cannot be asked. */
  nextView(): Promise<TransitionView>;
  /** Somebody has looked: acts on it, and has told what is to be told when it resolves. Never rejects. */
  took(view: TransitionView): Promise<void>;
  /**
   * Resolves once this member is registered, nobody else may be missing among the members, and it knows of all that was moved
   * before. @throws CrossfadeError `store-unavailable`
   */
  catchUp(): Promise<void>;
  /**
   * Whether it may leave the members: the store has all that it has read of phases, and its own copy of them counts for nothing from
   * here on.
   */
  mayLeave(): Promise<boolean>;
  /** For how long writes were held back for that one here, or are by now. ms; 0: they were not, or others have been since. */
  heldMs(id: string): number;
  /** Of the last hold. */
  readonly refused: number;
  readonly isHolding: boolean;
  /** A move is under way, or was when it was looked last. */
  readonly isUnderWay: boolean;
  stop(): void;
}

/** The store cannot be asked: nobody is let go before it can. */
const ASK_AGAIN_MS = 20;
/** Redis' clock is the one that counts; should it be set back, a member's own ends what nobody leads any more. */
const LONGER_THAN_TOLD_MS = 1_000;
/** Longer than any transition may take, whatever Redis' clock says of it. */
const LONGEST_MS = 15_000;
const WHY_EVERY_MS = 1_000;

export function createMemberPart(parts: MemberPartParts): MemberPart {
  const { transitions, own } = parts;
  /** The transition for which writes are held back here. */
  let holding: Transition | null = null;
  /** One was under way when it was looked at last. */
  let isUnderWayStill = false;
  /** The last one that has ended: what was read of it before comes to nothing. */
  let ended = "";
  /** The last one that was seen under way while the store had all of it: whether this process has agreed to it is known. */
  let seen = "";
  /** The last one that this process may have agreed to. */
  let agreed = "";
  /** Of the one that was seen last in its state, by this member's clock. */
  let time = { of: "", overAt: 0 };
  /** The last hold, by this member's clock; `ms` null: it goes on. */
  let held: { readonly of: string; readonly since: number; readonly ms: number | null } = { of: "", since: 0, ms: 0 };
  /** The one that was announced last, by this member's clock. */
  let heard = { of: "", at: 0 };
  /** What was told of which, so that it is told once. */
  let told = "";
  let isLooking = false;
  let isWoken = false;
  /** Ends the pause before the next look. */
  let rouse: () => void = () => undefined;
  let asked: PromiseWithResolvers<TransitionView> | null = null;
  let isOver = false;

  async function look(): Promise<void> {
    if (isLooking) {
      isWoken = true;
      rouse();
      return;
    }
    isLooking = true;
    try {
      do {
        isWoken = false;
        const goOn = await lookOnce();
        if (isWoken) continue;
        if (!goOn && asked === null) break;
        await rest(goOn === "later" || isOver ? ASK_AGAIN_MS : transitions.lookAgainMs);
      } while (!isOver || asked !== null);
    } finally {
      isLooking = false;
    }
  }

  async function rest(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    rouse = resolve;
    await promise;
    clearTimeout(timer);
  }

  async function lookOnce(): Promise<boolean | "later"> {
    try {
      const view = await transitions.look();
      await took(view);
      asked?.resolve(view);
      asked = null;
      return isUnderWayStill;
    } catch (error) {
      asked?.reject(error);
      asked = null;
      if (!(error instanceof CrossfadeError)) parts.caught("phases", error);
      // Otherwise the member hears of what it has missed when the store is back.
      return isUnderWayStill ? "later" : false;
    }
  }

  async function took(view: TransitionView): Promise<void> {
    try {
      const { transition } = view;
      isUnderWayStill = transition !== null && isUnderWay(transition);
      if (transition !== null && !isUnderWayStill) ended = transition.id;
      const { lost, changed } = parts.phases.follow(view.phases);
      if (changed) parts.moved();
      if (lost.length === 0 && holding !== null && isOverBy(holding, transition)) letGo();
      // The disk takes its time while held writes are on their way; in the same turn, so that none of them is answered before.
      parts.phases.keepCopy();
      if (lost.length > 0) {
        await transitions.tellAgain(lost);
        return;
      }
      if (holding !== null && transition?.id !== holding.id) await whenLost(holding);
      else if (transition === null || !isUnderWay(transition)) parts.phases.keepAgain();
      else if (view.isUncertain) await inDoubt(transition);
      else await takePart(transition, view.now);
      if (!isUnderWayStill && holding === null && parts.standing.isInDoubt)
        parts.standing.agrees(parts.phases.uncopied());
    } catch (error) {
      if (!(error instanceof CrossfadeError)) parts.caught("phases", error);
    }
  }

  async function takePart(transition: Transition, now: number): Promise<void> {
    if (transition.id === ended) return;
    seen = transition.id;
    if (!transition.members.includes(parts.id)) return;
    if (now >= transition.until || isOverHere(transition, now))
      await transitions.abort(transition.id, "its time was over");
    else if (transition.state === "announced") await tell(transition, readiness(transition));
    else if (holding === null) begin(transition);
  }

  function isOverHere({ id, state, until }: Transition, now: number): boolean {
    const of = `${id} ${state}`;
    if (time.of !== of) {
      const leftMs = Math.min(until - now, LONGEST_MS) + LONGER_THAN_TOLD_MS;
      time = { of, overAt: parts.monotonic() + leftMs };
    }
    return parts.monotonic() >= time.overAt;
  }

  /** The store may have lost how it ended, or that it was prepared. */
  async function inDoubt(transition: Transition): Promise<void> {
    const { id, members } = transition;
    if (id === ended || hasNotAgreed(id)) {
      await transitions.deny(id, "the store lost a part of it");
      return;
    }
    // One that has just started too: others may have gone on to the new primary.
    if (holding === null) hold(transition);
    if (members.includes(parts.id)) await transitions.witness(transition);
  }

  /** The store has no word of it, or another one in its place. */
  async function whenLost(transition: Transition): Promise<void> {
    if (hasNotAgreed(transition.id)) {
      letGo();
      return;
    }
    isUnderWayStill = true;
    await transitions.witness(transition);
  }

  /** Then it was not committed. */
  function hasNotAgreed(id: string): boolean {
    return seen === id && agreed !== id;
  }

  /** Its end was read, also where another one has followed it since. */
  function isOverBy(one: Transition, last: Transition | null): boolean {
    return ended === one.id || hasMade(one) || last?.givenUp.includes(one.id) === true;
  }

  /** It was committed, wherever that was read. */
  function hasMade({ moves }: Transition): boolean {
    return moves.every(({ row }) => {
      const kept = parts.phases.rowOf(row.route);
      if (kept === undefined) return false;
      return isStill(kept, row) || isLater(kept, row);
    });
  }

  function routesOf({ moves }: Transition): readonly string[] {
    return moves.map(({ row }) => row.route);
  }

  function readiness(transition: Transition): TransitionAck {
    const routes = routesOf(transition);
    if (heard.of !== transition.id) heard = { of: transition.id, at: parts.monotonic() };
    // How close copies are is asked last: the disk takes its time.
    const apart = whyApart(transition) ?? whyNotInDoubt(routes);
    const waitedMs = parts.monotonic() - heard.at;
    const why = apart ?? (transition.drains ? parts.notClose(routes, waitedMs) : null);
    return { state: why === null ? "ready" : "not-ready", why, tunnels: tunnelsOf(routes) };
  }

  /** A file may have been changed since it was looked whether all are alike. */
  function whyApart({ settings }: Transition): string | null {
    if (settings === undefined || settings === parts.settings()) return null;
    return "it runs other services and routes than the one that leads the move";
  }

  /** Before anybody is held back: should this process end, its next one must not go by its copy of these. */
  function whyNotInDoubt(routes: readonly string[]): string | null {
    try {
      parts.standing.agrees(routes);
      return null;
    } catch (error) {
      return `its folder cannot be written (${error instanceof Error ? error.message : String(error)})`;
    }
  }

  function tunnelsOf(routes: readonly string[]): number {
    return routes.reduce((sum, route) => sum + parts.tunnels(route), 0);
  }

  async function tell({ id, state }: Transition, ack: TransitionAck): Promise<void> {
    // Why it is not ready is what a refused move says: it is to be no older than that.
    const since = ack.state === "not-ready" ? Math.floor((parts.monotonic() - heard.at) / WHY_EVERY_MS) : 0;
    const words = JSON.stringify([id, state, ack.state, since]);
    if (words === told) return;
    await transitions.acknowledge(id, ack);
    told = words;
  }

  function hold(transition: Transition): void {
    holding = transition;
    held = { of: transition.id, since: parts.monotonic(), ms: null };
    own.hold(routesOf(transition));
  }

  function begin(transition: Transition): void {
    hold(transition);
    void drainAndTell(transition);
  }

  async function drainAndTell(transition: Transition): Promise<void> {
    const why = transition.drains
      ? await own.drained(DRAIN_WITHIN_MS).catch((error: unknown) => {
          parts.caught("phases", error);
          return "it failed";
        })
      : null;
    const ack: TransitionAck = {
      state: why === null ? "drained" : "failed",
      why,
      tunnels: tunnelsOf(routesOf(transition)),
    };
    if (holding === transition && why === null) agreed = transition.id;
    // Once it has ended the store takes no acks for it.
    while (holding === transition && !isOver) {
      try {
        await tell(transition, ack);
        return;
      } catch (error) {
        // Without an ack it is aborted when its time is over.
        if (!(error instanceof CrossfadeError)) {
          parts.caught("phases", error);
          return;
        }
        await pause(ASK_AGAIN_MS);
      }
    }
  }

  function heldMs(): number {
    return held.ms ?? parts.monotonic() - held.since;
  }

  function letGo(): void {
    holding = null;
    own.release();
    held = { ...held, ms: heldMs() };
  }

  return {
    wake: () => void look(),
    nextView() {
      asked ??= Promise.withResolvers<TransitionView>();
      if (!isLooking) void look();
      return asked.promise;
    },
    took,
    async catchUp() {
      for (;;) {
        const view = await transitions.look();
        await took(view);
        if (view.registered.includes(parts.id) && !view.isSettling) break;
        await pause(ASK_AGAIN_MS);
      }
      try {
        const inDoubt = holding === null ? [] : routesOf(holding);
        parts.standing.registered([...new Set([...inDoubt, ...parts.phases.uncopied()])]);
      } catch (error) {
        // Then nothing is forwarded, should the store be away at the next start.
        parts.caught("phases", error);
      }
    },
    async mayLeave() {
      try {
        const { lost } = parts.phases.follow((await transitions.look()).phases);
        parts.phases.keepCopy();
        if (lost.length > 0) await transitions.tellAgain(lost);
        parts.standing.left();
        return true;
      } catch (error) {
        if (!(error instanceof CrossfadeError)) parts.caught("phases", error);
        return false;
      }
    },
    heldMs: (id) => (held.of === id ? heldMs() : 0),
    get refused() {
      return own.refused;
    },
    get isHolding() {
      return holding !== null;
    },
    get isUnderWay() {
      return isUnderWayStill || holding !== null;
    },
    stop() {
      isOver = true;
      rouse();
    },
  };
}
