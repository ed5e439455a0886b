/**
 * A move of routes that several processes make together (docs/cutover.md, "Several members"): a record in the store that they share,
 * announced → prepared → committed or aborted, changed by compare-and-set alone. Pure, and the port to where it is kept.
 */
import type { KeptPhase, PhaseMove } from "./kept-phase.ts";

export const TRANSITION_STATES = ["announced", "prepared", "committed", "aborted"] as const;
export type TransitionState = (typeof TRANSITION_STATES)[number];

/**
 * What a member says of its part. Announced: `ready`, or not yet, and why. Prepared: `drained` (it holds new writes of the
 * routes, those under way have ended, and what they left is in the store), or `failed`: it cannot be in time.
 */
export interface TransitionAck {
  readonly state: "not-ready" | "ready" | "drained" | "failed";
  readonly why: string | null;
  /** Connections of the routes that changed their protocol. */
  readonly tunnels: number;
}

export interface Transition {
  readonly id: string;
  readonly state: TransitionState;
  /** The member that was asked for it. Any other may abort it once its time is over. */
  readonly coordinator: string;
  /** Whether writes under way end first: the source of truth changes. */
  readonly drains: boolean;
  /** What is kept with the commit. */
  readonly moves: readonly PhaseMove[];
  /** Of the one that leads, as members compare them (members.ts): one whose services and routes are others is not ready. */
  readonly settings?: string;
  /** Who has to take part: all that were registered when it was announced. */
  readonly members: readonly string[];
  /** Those before it that were aborted, the last hundred of them. */
  readonly givenUp: readonly string[];
  /** Epoch ms by the store's clock: from then on it can only be aborted. */
  readonly until: number;
  /** Of an aborted one. */
  readonly why: string | null;
  readonly acks: ReadonlyMap<string, TransitionAck>;
}

/** What the store has, at one moment of its own clock. */
export interface TransitionView {
  /** Epoch ms, by the store. */
  readonly now: number;
  readonly phases: readonly KeptPhase[];
  /** The last one, whether or not it is over; null: there was none. */
  readonly transition: Transition | null;
  /** Members that are registered and have not left. */
  readonly registered: readonly string[];
  /**
   * It is under way, and the store was restarted or failed over since: that it was committed may have been lost, and read by some
   * before. It is aborted by one that knows that it was not, or once all that take part say that they have read no end of it;
   * committed by one that has read that.
   */
  readonly isUncertain: boolean;
  /** The store may have lost who is registered, and not all have said it again: nothing is announced, and whoever starts waits. */
  readonly isSettling: boolean;
}

export interface Announced {
  readonly id: string;
  readonly moves: readonly PhaseMove[];
  readonly drains: boolean;
  readonly settings?: string;
  /** Then it can only be aborted. */
  readonly forMs: number;
}

/**
 * Every step tells what is there afterwards, whether or not it took effect. Each rejects with a CrossfadeError
 * (`store-unavailable`) where its answer is lost: then it may have taken effect, or may yet.
 */
export interface Transitions {
  /** While one is under way: ms between two looks. Steps may be told as well, as a change of phases. */
  readonly lookAgainMs: number;
  look(): Promise<TransitionView>;
  /** Takes effect where this member is registered, no other one is under way, and all routes are as expected. */
  announce(announced: Announced): Promise<TransitionView>;
  /** Where it is announced and all that take part are ready. Their acks begin anew. */
  prepare(id: string, forMs: number): Promise<TransitionView>;
  /** Of this member, in this life. */
  acknowledge(id: string, ack: TransitionAck): Promise<TransitionView>;
  /**
   * Where it is prepared and in time, everybody who is registered takes part, all of them have drained, and all routes are as
   * expected: the rows are kept with it.
   */
  commit(id: string): Promise<TransitionView>;
  /** Where it is neither committed nor aborted, and not uncertain. */
  abort(id: string, why: string): Promise<TransitionView>;
  /** The same of an uncertain one: this member has not agreed to it, or has read that it was aborted. */
  deny(id: string, why: string): Promise<TransitionView>;
  /** This member holds back for it, and has read no end of it: of an uncertain one, or one that the store has lost. */
  witness(transition: Transition): Promise<TransitionView>;
  /** Rows that were set after the store's, which has lost them: kept. An uncertain transition to them is committed. */
  tellAgain(rows: readonly KeptPhase[]): Promise<TransitionView>;
}

export function isUnderWay({ state }: Pick<Transition, "state">): boolean {
  return state === "announced" || state === "prepared";
}

/** Members that have not said `state` yet, and may have to. */
export function awaited({ transition, registered }: TransitionView, state: "ready" | "drained"): readonly string[] {
  if (transition === null) return [];
  return transition.members.filter(
    (member) => registered.includes(member) && transition.acks.get(member)?.state !== state,
  );
}
