/**
 * What each member does in a transition (transition.ts), whoever began it: says that it is ready, holds new writes back, says that
 * those under way have ended, and lets go of the held ones only on having read how it ended. A lower epoch than its own is
 * never taken: the store is told again what it has lost.
 */
import { setTimeout as pause } from "node:timers/promises";
import { CrossfadeError } from "../errors.ts";
import {
  isUnderWay,
  type Transition,
  type TransitionAck,
  type Transitions,
  type TransitionView,
} from "../transition.ts";
import { DRAIN_WITHIN_MS } from "./barrier.ts";
import type { OwnWrites } from "./own-writes.ts";
import type { PhaseBook } from "../phase/phase-book.ts";

export interface MemberPartParts {
  readonly transitions: Transitions;
  /** This member's. */
  readonly id: string;
  readonly own: OwnWrites;
  readonly phases: Pick<PhaseBook, "follow" | "rowOf">;
  /** Other phases act from here on. */
  readonly moved: () => void;
  /** Why copies of these routes are too far behind to hold writes back for; null: they are close. */
  readonly notClose: (routes: readonly string[]) => string | null;
  readonly tunnels: (route: string) => number;
  readonly caught: (step: string, error: unknown) => void;
}

export interface MemberPart {
  /** Something has changed, or may have. */
  wake(): void;
  /** Somebody has looked: acts on it, and has told what is to be told when it resolves. Never rejects. */
  took(view: TransitionView): Promise<void>;
  /** Whether this member knows of all that was moved before it registered. @throws CrossfadeError `store-unavailable` */
  catchUp(): Promise<void>;
  /** Of the last hold. */
  readonly refused: number;
  readonly isHolding: boolean;
  stop(): void;
}

/** While a transition is under way: as long as this is between two looks, and a write waits for half of it on the average. */
const LOOK_EVERY_MS = 3;
/** The store cannot be asked: nobody is let go before it can. */
const ASK_AGAIN_MS = 20;

export function createMemberPart(parts: MemberPartParts): MemberPart {
  const { transitions, own } = parts;
  /** The transition for which writes are held back here. */
  let holding: Transition | null = null;
  /** One was under way when it was looked at last. */
  let isUnderWayStill = false;
  /** The last one that has ended: what was read of it before comes to nothing. */
  let ended = "";
  /** What was told of which, so that it is told once. */
  let told = "";
  let isLooking = false;
  let isWoken = false;
  let isOver = false;

  async function look(): Promise<void> {
    if (isLooking) {
      isWoken = true;
      return;
    }
    isLooking = true;
    try {
      do {
        isWoken = false;
        const goOn = await lookOnce();
        if (!goOn && !isWoken) break;
        await pause(goOn === "later" ? ASK_AGAIN_MS : LOOK_EVERY_MS);
      } while (!isOver);
    } finally {
      isLooking = false;
    }
  }

  async function lookOnce(): Promise<boolean | "later"> {
    try {
      const view = await transitions.look();
      await took(view);
      return isUnderWayStill;
    } catch (error) {
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
      if (lost.length > 0) {
        await transitions.tellAgain(lost);
        return;
      }
      if (holding !== null && (ended === holding.id || hasMade(holding))) letGo();
      const isLost = holding !== null && transition?.id !== holding.id;
      if (holding !== null && (isLost || view.isUncertain)) {
        isUnderWayStill = true;
        await transitions.witness(holding);
        return;
      }
      if (transition === null || !isUnderWay(transition) || transition.id === ended) return;
      if (!transition.members.includes(parts.id)) return;
      if (view.now >= transition.until && !view.isUncertain) {
        await transitions.abort(transition.id, "its time was over");
        return;
      }
      if (transition.state === "announced") await tell(transition, readiness(transition));
      else if (holding === null) begin(transition);
    } catch (error) {
      if (!(error instanceof CrossfadeError)) parts.caught("phases", error);
    }
  }

  /** It was committed, wherever that was read. */
  function hasMade({ moves }: Transition): boolean {
    return moves.every(({ row }) => {
      const kept = parts.phases.rowOf(row.route);
      if (kept === undefined) return false;
      return kept.epoch > row.epoch || (kept.epoch === row.epoch && kept.at === row.at);
    });
  }

  function routesOf({ moves }: Transition): readonly string[] {
    return moves.map(({ row }) => row.route);
  }

  function readiness(transition: Transition): TransitionAck {
    const routes = routesOf(transition);
    const why = transition.drains ? parts.notClose(routes) : null;
    return { state: why === null ? "ready" : "not-ready", why, tunnels: tunnelsOf(routes) };
  }

  function tunnelsOf(routes: readonly string[]): number {
    return routes.reduce((sum, route) => sum + parts.tunnels(route), 0);
  }

  async function tell({ id, state }: Transition, ack: TransitionAck): Promise<void> {
    const words = JSON.stringify([id, state, ack.state]);
    if (words === told) return;
    await transitions.acknowledge(id, ack);
    told = words;
  }

  function begin(transition: Transition): void {
    holding = transition;
    own.hold(routesOf(transition));
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

  function letGo(): void {
    holding = null;
    own.release();
  }

  return {
    wake: () => void look(),
    took,
    async catchUp() {
      await took(await transitions.look());
    },
    get refused() {
      return own.refused;
    },
    get isHolding() {
      return holding !== null;
    },
    stop() {
      isOver = true;
    },
  };
}
