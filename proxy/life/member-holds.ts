/**
 * Clients' writes of one key held back at all members that share the store, while one of them brings the entity over. Each holds by
 * itself, for so long at most after it heard of it last, whatever becomes of who asked: so that one knows by its own clock until
 * when all others still do. Who starts meanwhile hears of it before it takes traffic.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { MemberCalls } from "../members/member-calls.ts";
import type { ChangeLog } from "../mirror/change-log.ts";
import type { KeyHold, KeyHolds } from "../mirror/key-holds.ts";
import type { Clock } from "../ports.ts";
import { entityOfKey } from "../reach.ts";

/** What a member asks of all others. */
export interface HoldOrder {
  readonly what: "hold";
  /** Of whom there is one at a time. */
  readonly asker: string;
  readonly id: string;
  readonly key: string;
  /** all: also of writes that might turn out to be of the key. over: of none any more. */
  readonly of: "all" | "known" | "over";
}

/** `isQuiet`: the hold stands, and no write that may be of the key is under way. */
export interface HoldReply {
  readonly settings: string;
  readonly isQuiet: boolean;
}

export interface MemberHoldsParts {
  readonly keyHolds: Pick<KeyHolds, "begin">;
  readonly changes: Pick<ChangeLog, "mayChange">;
  readonly clock: Pick<Clock, "monotonic">;
  /** null: nobody shares the store. `settings`: equal where services and routes of members' files are. */
  readonly members: {
    readonly calls: Pick<MemberCalls, "ask">;
    readonly life: string;
    readonly settings: () => string;
  } | null;
}

/** Of others' clients. */
export interface HeldElsewhere {
  /** Whether all others hold, with nothing of it under way. */
  begin(): Promise<boolean>;
  /** Whether they all still do so in so many ms from now. */
  standsFor(ms: number): boolean;
  /** From now on only writes that are known to be of the key; held until it is lifted. */
  narrow(): void;
  lift(): void;
}

export interface MemberHolds {
  /** null: there are no others. */
  hold(key: string, id: string): HeldElsewhere | null;
  /** What another member is told. `ageMs`: since it asked. */
  answer(order: HoldOrder, ageMs: number): Promise<HoldReply>;
}

interface Standing {
  readonly id: string;
  readonly hold: KeyHold;
  readonly timer: NodeJS.Timeout;
}

const HOLD_MS = 5_000;
const AGAIN_EVERY_MS = 1_000;
const ANSWER_WITHIN_MS = 1_000;
/** For writes that were under way before. */
const QUIET_WITHIN_MS = 250;
const LOOK_EVERY_MS = 10;

export function createMemberHolds(parts: MemberHoldsParts): MemberHolds {
  const { members, clock } = parts;
  /** By who asked. */
  const standing = new Map<string, Standing>();

  function lift(asker: string): void {
    const one = standing.get(asker);
    if (one === undefined) return;
    clearTimeout(one.timer);
    standing.delete(asker);
    one.hold.lift();
  }

  async function answer({ asker, id, key, of }: HoldOrder, ageMs: number): Promise<HoldReply> {
    const settings = members?.settings() ?? "";
    const forMs = HOLD_MS - ageMs;
    // That its last one is over may not have been heard.
    if (of === "over" || forMs <= 0 || standing.get(asker)?.id !== id) lift(asker);
    if (of === "over" || forMs <= 0) return { settings, isQuiet: false };
    const before = standing.get(asker);
    if (before !== undefined) clearTimeout(before.timer);
    const hold = before?.hold ?? parts.keyHolds.begin(key);
    standing.set(asker, { id, hold, timer: setTimeout(() => lift(asker), forMs).unref() });
    if (of === "known") hold.narrow();
    const until = clock.monotonic() + QUIET_WITHIN_MS;
    while (of === "all" && parts.changes.mayChange(key) && clock.monotonic() < until) await sleep(LOOK_EVERY_MS);
    return { settings, isQuiet: of === "known" || !parts.changes.mayChange(key) };
  }

  function hold(key: string, id: string): HeldElsewhere | null {
    if (members === null) return null;
    const { calls, life, settings } = members;
    let heldUntil = -Infinity;
    let again: NodeJS.Timeout | null = null;
    const ask = async (of: HoldOrder["of"], forMs: number): Promise<boolean> => {
      // One of an entity is brought over at a time.
      const asker = `hold of ${life} ${entityOfKey(key)}`;
      const order: HoldOrder = { what: "hold", asker, id, key, of };
      const begunAt = clock.monotonic();
      const { answers, missing } = await calls.ask(asker, JSON.stringify(order), forMs);
      const replies = [...answers.values()].map((text) => JSON.parse(text) as Partial<HoldReply>);
      const isHeld = replies.every((reply) => reply.isQuiet === true && reply.settings === settings());
      if (missing !== null || !isHeld) return false;
      heldUntil = begunAt + HOLD_MS;
      return true;
    };
    return {
      begin: () => ask("all", ANSWER_WITHIN_MS),
      standsFor: (ms) => clock.monotonic() + ms < heldUntil,
      narrow() {
        void ask("known", ANSWER_WITHIN_MS);
        again = setInterval(() => void ask("known", ANSWER_WITHIN_MS), AGAIN_EVERY_MS).unref();
      },
      lift() {
        if (again !== null) clearInterval(again);
        void ask("over", 0);
      },
    };
  }

  return { hold, answer };
}
