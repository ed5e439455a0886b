/**
 * The ends of a copy. One that is not answered leaves a hole that takes those behind it along (docs/delivery.md, "After a
 * hole"); what the journal holds when the process ends is left to the next.
 */
import { type Copy, shadowOf } from "./copy.ts";
import { endTeaching } from "../ids/copy-mapping.ts";
import type { DeliveryEnd } from "../mirror/delivery.ts";
import type { Lanes, Turn } from "../mirror/lanes.ts";
import { inSlices } from "../mirror/loop-share.ts";
import { judgeFollower, judgeUnanswered, type Unanswered } from "../mirror/verdicts.ts";
import { skipped } from "../outcome.ts";
import { leaveBodies } from "./journaled-write.ts";
import type { PipelineParts } from "../pipeline-parts.ts";
import { type Finding, finish, guarded, NOTHING_FOUND } from "./ending.ts";
import { isOfWholeEntity } from "../route/entity-key.ts";

export const CROSSED: Finding = { ...NOTHING_FOUND, outcome: skipped("key-written-meanwhile") };

export function finishUnanswered(parts: PipelineParts, copy: Copy, found: Unanswered, notBefore: number | null): void {
  const { attempts, status, ...rest } = found;
  const taintedBy = taint(parts, copy, copy.exchange.id);
  const shadow = { status, ms: null, bytes: null, attempts };
  const uncreated = copy.about.made && notBefore === null && status === null;
  finishCopy(parts, copy, { ...NOTHING_FOUND, ...rest, notBefore, uncreated, taintedBy, shadow });
}

/**
 * The shadow lacks this write, or may: what waited behind it in its lanes was made for a state that is not there. It is not
 * replayed, up to the next write that does not depend on what was (docs/delivery.md, "After a hole").
 */
export function lost(
  parts: PipelineParts,
  lanes: Lanes<Copy>,
  turn: Turn<Copy>,
  found: Unanswered,
  notBefore: number | null,
): void {
  const copy = turn.work;
  finishUnanswered(parts, copy, found, notBefore);
  if (copy.exchange.plan.requestClass === "read") return;
  const follower = judgeFollower(found);
  const emptied: string[] = [];
  const followers = lanes.takeFollowers(turn, standsAlone, (key) => emptied.push(key));
  if (parts.journal.waiting() > 0) {
    parts.holes.note(emptied, { madeAt: parts.clock.monotonic(), exchangeId: copy.exchange.id, lost: follower });
  }
  for (const one of followers) {
    const taintedBy = taint(parts, one, copy.exchange.id);
    const notBefore = notBeforeUnsent(parts, one);
    inSlices(() => {
      guarded(
        parts,
        "lane",
        () => finishWaiting(parts, one, { ...NOTHING_FOUND, ...follower, notBefore, taintedBy }),
        one.exchange,
      );
    });
  }
}

/** Whether the shadow can take it whatever it holds of that key: it says all of the entity, removes it, or made it. */
export function standsAlone({ exchange, about }: Pick<Copy, "exchange" | "about">, key: string): boolean {
  if (about.made) return true;
  const { method, path } = exchange.request;
  return about.keys.length === 1 && (method === "PUT" || method === "DELETE") && isOfWholeEntity(path, key);
}

/** What it follows from; what comes after it follows from `root`. */
function taint(parts: PipelineParts, { exchange, about, answeredAt }: Copy, root: string): string | null {
  const taintedBy = parts.taints.taintedBy(about.keys, answeredAt);
  if (exchange.plan.requestClass === "write") parts.taints.add(about.keys, root, answeredAt);
  return taintedBy;
}

/** Until when an attempt that nobody heard the end of may still be applied; null: there was none. */
export function notBeforeOf(
  parts: PipelineParts,
  copy: Copy,
  { mayLandLate }: Pick<DeliveryEnd, "mayLandLate">,
): number | null {
  return mayLandLate ? parts.clock.now() + shadowOf(copy).asShadow.maxWorkMs : null;
}

/** The same of a copy that this process has sent nothing of. */
export function notBeforeUnsent(parts: PipelineParts, copy: Copy): number | null {
  return notBeforeOf(parts, copy, { mayLandLate: copy.earlierAttempts > 0 });
}

/** Gives up every copy that still waits: the process ends. What the journal holds, the next one delivers. */
export function abandonCopies(parts: PipelineParts, lanes: Lanes<Copy>): void {
  const { outcome, repair, error } = judgeUnanswered({ end: "shutdown", attempts: 0, mayLandLate: false });
  for (const copy of lanes.abandonWaiting()) {
    if (!parts.journal.holds(copy.exchange.id)) {
      const notBefore = notBeforeUnsent(parts, copy);
      finishWaiting(parts, copy, { ...NOTHING_FOUND, outcome, repair, notBefore, error });
      continue;
    }
    if (copy.place !== null) parts.unsettled.remove(copy.place);
    leaveToJournal(parts, copy);
  }
}

/** It has no outcome in this process life. */
export function leaveToJournal(parts: PipelineParts, copy: Copy): void {
  parts.budget.give(copy.costBytes);
  parts.backlog.leave(copy.waiting);
  parts.turns.leave(copy.exchange.id);
  leaveBodies(copy.primary);
  copy.primary.release();
}

/** The end of a copy that had no turn. */
function finishWaiting(parts: PipelineParts, copy: Copy, found: Finding): void {
  if (copy.place !== null) parts.unsettled.remove(copy.place);
  endTeaching(parts, copy);
  finishCopy(parts, copy, { ...found, uncreated: copy.about.made && copy.earlierAttempts === 0 });
}

export function finishCopy(parts: PipelineParts, copy: Copy, found: Finding, recorded?: () => void): void {
  const { exchange, about } = copy;
  parts.budget.give(copy.costBytes);
  parts.backlog.remove(copy.waiting);
  const unfollowed = about.unfollowed === null ? null : ("keys-not-followed" as const);
  const whole = {
    ...found,
    moreKeys: about.moreKeys,
    repair: found.repair ?? unfollowed,
    error: found.error ?? about.unfollowed,
  };
  finish(parts, exchange, about.key, copy.primary, whole, recorded === undefined ? {} : { recorded });
}
