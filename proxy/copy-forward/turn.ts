/**
 * The turn of one entity that legacy has and next, the primary, has not. In the quiet lane of its key legacy is read; then clients'
 * writes of the key are held back, next is asked once more, and only where it still has nothing the entity is made there:
 *
 *   read legacy ─ crossed? ─ hold ─ crossed? ─ read next ─ nothing there → write → lift ─ read next: the same?
 *        └ gone      └ busy            └ busy        └ there
 *
 * Where other members hold back theirs, legacy is read once more under the hold: what one of them had passed on by then is in that.
 *
 * Whatever a live write may have had a part in is left alone: its key is newer than what legacy was read to have.
 */
import type { RouteSettings } from "../config/settings.ts";
import type { Sides, WriteEnd } from "../repair/mend.ts";
import { isTaken, otherWay, planRepair, type Reading, type RepairPaths } from "../repair/plan.ts";
import type { QuietKey } from "../members/turns.ts";

/** Clients' writes that may change the entity wait. */
export interface HeldBack {
  /** Whether those that were under way when it began have ended, in time. */
  quiet(): Promise<boolean>;
  /** null: nobody else has any. Whether other members still hold theirs in so many ms from now. */
  readonly elsewhere: { standsFor(ms: number): boolean } | null;
  /** From now on those alone that are known to be of its key. */
  narrow(): void;
  lift(): void;
}

export interface TurnOrder {
  readonly paths: RepairPaths;
  readonly rule: RouteSettings["repair"]["write"];
  readonly hold: () => HeldBack;
  /** Whether legacy has all that next was told of the key, for all that is known. */
  readonly isConfirmed: () => boolean | Promise<boolean>;
  /** How long a write to next may take. */
  readonly writeMs: number;
}

export type TurnEnd =
  | { readonly end: "copied" | "differs" | "there" | "gone" | "busy" }
  | { readonly end: "refused" | "failed"; readonly why: string }
  /** What was sent may be applied yet: the key is still held. */
  | { readonly end: "late"; readonly why: string; readonly held: HeldBack };

/** In `sides` legacy is the primary, and next the shadow: that is how it goes over. */
export async function copyForward(
  turn: QuietKey,
  sides: Sides,
  { paths, rule, hold, isConfirmed, writeMs }: TurnOrder,
): Promise<TurnEnd> {
  const seen: Reading[] = [];
  const kept = (reading: Reading): Reading => {
    seen.push(reading);
    return reading;
  };
  let held: HeldBack | null = null;
  try {
    let legacy = kept(await sides.read("primary"));
    if (legacy.is === "absent") return { end: "gone" };
    if (legacy.is !== "present") return { end: "failed", why: `legacy: ${legacy.why ?? "nobody knows its id there"}` };
    // Under an id of its own it may be there, whatever legacy's id finds.
    let next = kept(await sides.read("shadow"));
    if (next.is === "apart") next = kept(await sides.seek(legacy.answer, next));
    if (next.is === "present") return { end: "there" };
    if (await turn.crossed()) return { end: "busy" };

    held = hold();
    if (!(await held.quiet()) || (await turn.crossed())) return { end: "busy" };
    // Since a client asked, a write may have come and left it in doubt what legacy holds.
    if (!(await isConfirmed())) return { end: "busy" };
    if (held.elsewhere !== null) legacy = kept(await sides.read("primary"));
    if (legacy.is === "absent") return { end: "gone" };
    if (legacy.is !== "present") return { end: "failed", why: "legacy did not say what it holds" };
    const stamp = sides.orderStamp();
    if (next.is !== "apart") next = kept(await sides.read("shadow"));
    if (next.is === "present") return { end: "there" };
    const step = planRepair(legacy, next, null, paths, rule);
    if (step.step !== "write") {
      const why = step.step === "none" ? "there is nothing to write" : step.why;
      return { end: next.is === "unknown" && next.because === undefined ? "failed" : "refused", why };
    }
    let { write } = step;
    // A process that stood still meanwhile must not write what others' clients may have written since.
    const isHeld = (): boolean => held?.elsewhere?.standsFor(writeMs) ?? true;
    if (!isHeld()) return { end: "busy" };
    let ended = await sides.write(write, legacy.answer, stamp);
    const other = ended.end === "answered" ? otherWay(write, ended.status, next, paths, rule) : null;
    if (other !== null && !isHeld()) return { end: "busy" };
    if (other !== null) {
      write = other;
      ended = await sides.write(write, legacy.answer, stamp);
    }
    if (ended.end === "unknown") {
      held.narrow();
      const late = { end: "late", why: `${write.method} to next: ${ended.why}`, held } as const;
      held = null;
      return late;
    }
    if (ended.end !== "answered") return { end: FAILED_AS[ended.end], why: `${write.method} to next: ${ended.why}` };
    // Somebody who passed by the proxy made it: what they made is newer.
    if (ended.status === PRECONDITION_FAILED) return { end: "there" };
    if (!isTaken(write, ended.status))
      return { end: "refused", why: `next answered ${ended.status} to ${write.method}` };
    held.lift();
    held = null;
    const made = kept(await sides.read("shadow"));
    if (made.is !== "present") return { end: "differs" };
    return { end: (await sides.agree(legacy.answer, made.answer)).kind === "equal" ? "copied" : "differs" };
  } finally {
    held?.lift();
    for (const reading of seen) if (reading.is === "present") reading.discard();
  }
}

const PRECONDITION_FAILED = 412;

const FAILED_AS = {
  "not-sent": "failed",
  awaited: "failed",
  unmapped: "refused",
} as const satisfies Partial<Record<WriteEnd["end"], "failed" | "refused">>;
