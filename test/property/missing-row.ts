/**
 * A row that legacy has and next, the primary, has not, in which every step waits until a seed lets it go on: clients' writes of its
 * key at next, their copies, and the row that is brought over. Lanes, holds, change log and the turn are the real ones.
 */
import { copyForward, type HeldBack, type TurnEnd } from "../../proxy/copy-forward/turn.ts";
import { ChangeLog } from "../../proxy/mirror/change-log.ts";
import { KeyHolds } from "../../proxy/mirror/key-holds.ts";
import { Lanes } from "../../proxy/mirror/lanes.ts";
import type { Reach } from "../../proxy/reach.ts";
import type { Sides } from "../../proxy/repair/mend.ts";
import type { Reading } from "../../proxy/repair/plan.ts";
import { answerOf, Scheduler, textOf } from "./one-key.ts";

export interface ClientWrite {
  readonly kind: "put" | "delete";
  /** late: only the answer tells its key. */
  readonly key: "early" | "late";
}

/** Parts of the machinery left out, to see that the rest of it needs them. */
export interface LeftOut {
  /** Clients' writes of the key are held back. */
  readonly hold?: true;
  /** What is in doubt is not copied: the key is on the repair list. */
  readonly confirmed?: true;
  /** The hold stays where next did not say whether it took the row. */
  readonly landing?: true;
}

export interface Ended {
  readonly legacy: string | null;
  readonly next: string | null;
  /** What clients were told last; undefined: nothing that they wrote was accepted. */
  readonly told: string | null | undefined;
  readonly copied: boolean;
  /** A write that told its key late came while the row might still land: no such write is held back for so long. */
  readonly isUnknowable: boolean;
}

const KEY = "users/1";
const ROW = "legacy's row";
const MISSES = 3;

export async function play(
  writes: readonly ClientWrite[],
  random: () => number,
  leftOut: LeftOut = {},
): Promise<Ended> {
  const scheduler = new Scheduler(random);
  const step = (): Promise<void> => scheduler.step();
  let legacy: string | null = ROW;
  let next: string | null = null;
  let told: string | null | undefined;
  let [copied, isUnknowable, isListed] = [false, false, false];
  let landing = 0;
  const [changes, holds] = [new ChangeLog(), new KeyHolds()];
  const lanes = new Lanes<{ readonly id: string; readonly state: string | null }>({
    intentWaitMs: 60_000,
    monotonic: () => 0,
    async deliver({ work, overlapped }) {
      await step();
      legacy = work.state;
      await step();
      isListed ||= overlapped;
      changes.ended(work.id, null);
    },
  });

  async function write({ kind, key }: ClientWrite, id: string): Promise<void> {
    // At any time of what goes on beside it.
    for (let later = Math.floor(random() * 24); later >= 0; later--) await step();
    const reach: Reach =
      key === "early" ? { keys: [KEY], lateOf: [], anyOf: [] } : { keys: [], lateOf: ["users"], anyOf: [] };
    for (let held = holds.held(reach); held !== null; held = holds.held(reach)) await held;
    const ticket = lanes.intend(reach.keys, "write");
    changes.began(id, "users", reach);
    await step();
    // What next has not it does not delete, and nobody is told that it did.
    const isAccepted = kind === "put" || next !== null;
    if (isAccepted && key === "late" && landing > 0) isUnknowable = true;
    if (isAccepted) told = next = kind === "put" ? id : null;
    await step();
    if (!isAccepted) {
      lanes.withdraw(ticket);
      changes.ended(id, null);
      return;
    }
    changes.answered(id, { keys: [KEY], lateOf: [], anyOf: [] });
    lanes.answered(ticket, { id, state: kind === "put" ? id : null }, [KEY]);
  }

  const read = async (of: () => string | null): Promise<Reading> => {
    await step();
    const seen = of();
    await step();
    return seen === null ? { is: "absent", status: 404 } : { is: "present", answer: answerOf(seen), discard() {} };
  };
  const sides: Sides = {
    read: (role) => read(() => (role === "primary" ? legacy : next)),
    seek: (_, shadow) => Promise.resolve(shadow),
    // A service that knows no conditions: whatever comes takes the place of what is there.
    async write(_, body) {
      await step();
      const row = body === null ? null : textOf(body);
      if (random() < 0.2) {
        void land(row);
        return { end: "unknown", why: "it timed out" };
      }
      next = row;
      await step();
      return { end: "answered", status: 200 };
    },
    agree: () => Promise.resolve({ kind: "equal" }),
    orderStamp: () => "1.1",
  };

  async function land(row: string | null): Promise<void> {
    landing++;
    await step();
    next = row;
    landing--;
  }

  function hold(): HeldBack {
    if (leftOut.hold === true) return { elsewhere: null, quiet: () => Promise.resolve(true), narrow() {}, lift() {} };
    const held = holds.begin(KEY);
    return {
      async quiet() {
        for (let looks = 0; changes.mayChange(KEY); looks++) {
          if (looks === 20) return false;
          await step();
        }
        return true;
      },
      elsewhere: null,
      ...held,
    };
  }

  function isConfirmed(): boolean {
    return !isListed && !changes.mayChange(KEY);
  }

  async function copyOnce(): Promise<void> {
    await step();
    // A client missed it: nobody else asks for it to be brought over.
    if (next !== null || !isConfirmed()) return;
    // Others are brought over before it.
    for (let others = Math.floor(random() * 24); others > 0; others--) await step();
    const order = {
      ...({ paths: { path: "/users/1", above: "/users" }, rule: "put", hold } as const),
      writeMs: 0,
      isConfirmed: () => leftOut.confirmed === true || isConfirmed(),
    };
    const ended: TurnEnd | null = await lanes.visit(KEY, 60_000, ({ crossed }) =>
      copyForward({ crossed: () => Promise.resolve(crossed()) }, sides, order),
    );
    if (ended?.end === "copied") copied = true;
    if (ended?.end !== "late") return;
    while (landing > 0 && leftOut.landing !== true) await step();
    ended.held.lift();
  }

  async function copies(): Promise<void> {
    for (let i = 0; i < MISSES; i++) await copyOnce();
  }

  const playing = [...writes.map((one, i) => write(one, `client ${i}`)), copies()];
  await scheduler.run();
  await Promise.all(playing);
  return { legacy, next, told, copied, isUnknowable };
}
