/**
 * The barrier over all members of a store (docs/cutover.md, "Several members"), as the one that was asked for the move goes through it:
 * it announces a transition, waits until every member is ready, has all of them hold back, and commits once all have drained.
 * It may die at any line: what is not committed by then is aborted by the others when its time is over. What each member does,
 * this one included, is in member-part.ts.
 */
import { setTimeout as pause } from "node:timers/promises";
import { CrossfadeError } from "../errors.ts";
import { makeUlid } from "../identity.ts";
import type { PhaseMove } from "../moves/kept-phase.ts";
import type { Clock } from "../ports.ts";
import { awaited, isUnderWay, type Transition, type Transitions, type TransitionView } from "../moves/transition.ts";
import { areKept, type Barrier, type Crossed, type Crossing, DRAIN_WITHIN_MS, roundMs } from "./barrier.ts";
import type { MemberPart } from "./member-part.ts";
import type { PhaseBook } from "../phase/phase-book.ts";
import { plural } from "../phase/words.ts";

export interface SharedBarrierParts {
  readonly transitions: Transitions;
  readonly part: Pick<MemberPart, "took" | "nextView" | "heldMs" | "refused" | "isHolding">;
  readonly phases: Pick<PhaseBook, "rowOf">;
  /** See `MemberPartParts`. */
  readonly settings: () => string;
  /** What a member is called in sentences. */
  readonly nameOf: (member: string) => Promise<string>;
  readonly clock: Clock;
}

/** Copies that are far behind are waited for so long, before anybody is held back. */
const READY_WITHIN_MS = 10_000;
const ASK_AGAIN_MS = 100;
/** An announced transition outlives the one who announced it by so much at most. */
const ANNOUNCED_FOR_MS = READY_WITHIN_MS + 2_000;

export function createSharedBarrier(parts: SharedBarrierParts): Barrier {
  const { transitions, part, clock } = parts;

  async function cross({ moves, drains, stillFit }: Crossing): Promise<Crossed> {
    const id = makeUlid(clock.now());
    const announced = await transitions
      .announce({ id, moves, drains, settings: parts.settings(), forMs: ANNOUNCED_FOR_MS })
      .catch(async (error: unknown) => {
        // It may have been announced all the same: nobody is to wait for it.
        await giveUp(id, moves, "the store did not answer");
        throw error;
      });
    await part.took(announced);
    if (announced.transition?.id !== id) return refused(whyNotAnnounced(announced));
    const until = clock.monotonic() + READY_WITHIN_MS;
    for (;;) {
      const notReady = await untilAll(id, "ready", until).catch(asWords);
      if (notReady !== null) return refused(await giveUp(id, moves, notReady));
      const crossed = await held(id, moves, stillFit);
      if (crossed !== "not begun") return crossed;
      if (clock.monotonic() > until) return refused(await giveUp(id, moves, "its members were not ready all at once"));
    }
  }

  /** not begun: a member that was ready is not any more, and nobody is held back yet. */
  async function held(
    id: string,
    moves: readonly PhaseMove[],
    stillFit: Crossing["stillFit"],
  ): Promise<Crossed | "not begun"> {
    let tunnels = 0;
    const ended = async (why: string | null): Promise<Crossed> => {
      const last = why === null ? null : await giveUp(id, moves, why);
      // The disk takes the new phase while those who were held back are on their way.
      const pauseMs = roundMs(part.heldMs(id));
      return { end: last === null ? "moved" : "aborted", why: last, pauseMs, refusedWrites: part.refused, tunnels };
    };
    try {
      const prepared = await transitions.prepare(id, DRAIN_WITHIN_MS);
      await part.took(prepared);
      if (prepared.transition?.id === id && prepared.transition.state === "announced") return "not begun";
      if (prepared.transition?.id !== id || prepared.transition.state !== "prepared")
        return await ended(whyOver(prepared.transition, id));
      const until = clock.monotonic() + DRAIN_WITHIN_MS;
      const notDrained = (await untilAll(id, "drained", until)) ?? (await stillFit());
      if (notDrained !== null) return await ended(notDrained);
      const committed = await transitions.commit(id);
      await part.took(committed);
      for (const ack of committed.transition?.acks.values() ?? []) tunnels += ack.tunnels;
      return await ended(
        committed.transition?.id === id && committed.transition.state === "committed"
          ? null
          : whyOver(committed.transition, id),
      );
    } catch (error) {
      return await ended(asWords(error));
    }
  }

  /** null: every member has said so. Else why that is not so in time. */
  async function untilAll(id: string, state: "ready" | "drained", until: number): Promise<string | null> {
    let view = await transitions.look();
    await part.took(view);
    for (; ; view = await part.nextView()) {
      const { transition } = view;
      if (transition === null || transition.id !== id || !isUnderWay(transition)) return whyOver(transition, id);
      const missing = awaited(view, state);
      if (missing.length === 0) return null;
      const failed = missing.find((member) => transition.acks.get(member)?.state === "failed");
      if (failed !== undefined || clock.monotonic() > until) return await spellMissing(transition, missing, failed);
    }
  }

  async function spellMissing(
    { acks }: Transition,
    missing: readonly string[],
    failed: string | undefined,
  ): Promise<string> {
    const [first = ""] = failed === undefined ? missing : [failed];
    const others = missing.length > 1 ? ` (and ${plural(missing.length - 1, "other")})` : "";
    const said = acks.get(first)?.why ?? "it has not answered";
    return `member ${await parts.nameOf(first)}${others}: ${said}`;
  }

  /**
   * Ends what has not been committed. A commit whose answer was lost may have taken effect: then it has. Returns why it was given
   * up; null: it was not.
   */
  async function giveUp(id: string, moves: readonly PhaseMove[], why: string): Promise<string | null> {
    for (;;) {
      try {
        const view = await transitions.abort(id, why);
        await part.took(view);
        const { transition } = view;
        const isKnown = transition?.id === id ? !isUnderWay(transition) : !part.isHolding;
        // Of one that the store may have lost, all members have to say what they know (member-part.ts).
        if (isKnown)
          return areKept(moves, parts.phases) ? null : ((transition?.id === id ? transition.why : null) ?? why);
      } catch (error) {
        if (!(error instanceof CrossfadeError)) throw error;
      }
      await pause(ASK_AGAIN_MS);
    }
  }

  return { cross };
}

function refused(why: string | null): Crossed {
  return { end: "refused", why: why ?? "it was made by somebody else", pauseMs: null, refusedWrites: 0, tunnels: null };
}

function asWords(error: unknown): string {
  if (error instanceof CrossfadeError) return error.message;
  throw error;
}

function whyNotAnnounced({ transition, isSettling }: TransitionView): string {
  if (isSettling)
    return "the store was restarted or has lost what it held, and members are being heard again; try again in some seconds";
  if (transition !== null && isUnderWay(transition)) return "another move is under way; try again when it has ended";
  return "the phase was changed by somebody else meanwhile";
}

function whyOver(transition: Transition | null, id: string): string {
  if (transition === null || transition.id !== id) return "the store has lost it";
  if (transition.state === "aborted") return transition.why ?? "another member gave it up";
  return "a member joined meanwhile, or its time was over";
}
