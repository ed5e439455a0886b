/**
 * One key between two services, in which every step waits until a seed lets it go on: live writes, their copies, repairs,
 * and requests that land late. Lanes and mend are the real ones; services and list are as small as they can be.
 */
import type { Answer, Role } from "../../proxy/exchange.ts";
import { Lanes, type Ticket, type Turn } from "../../proxy/mirror/lanes.ts";
import { mend, type Sides } from "../../proxy/repair/mend.ts";
import type { Reading } from "../../proxy/repair/plan.ts";
import type { QuietKey } from "../../proxy/members/turns.ts";

export type WriteKind = "put" | "append" | "delete";

/** One live write, and what becomes of it. */
export interface LiveWrite {
  readonly kind: WriteKind;
  /** late: only the answer tells its key. */
  readonly key: "early" | "late";
  /** unknown: the primary applies it, and nobody hears of it. */
  readonly primary: "answers" | "unknown";
  /** lost: the copy is given up. lands-late: it is given up, and applied later. */
  readonly copy: "applied" | "lost" | "lands-late";
}

/** Parts of the machinery left out, to see that the rest of it needs them. */
export interface LeftOut {
  readonly laneTurn?: true;
  readonly crossed?: true;
  readonly compareRevision?: true;
  readonly lateJoin?: true;
  readonly notBefore?: true;
}

export interface Ended {
  readonly primary: string | null;
  readonly shadow: string | null;
  readonly listed: boolean;
}

const KEY = "users/1";
/** Enough for a key that writes cross again and again. */
const REPAIRS_MAX = 6;

/** What waits goes on one after the other, in the order that `random` makes. */
export class Scheduler {
  readonly #waiting: (() => void)[] = [];
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Resolves when it is this one's turn. */
  step(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Until nothing waits any more. */
  async run(): Promise<void> {
    for (;;) {
      // What went on has come to its next step.
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#waiting.length === 0) return;
      const at = Math.floor(this.#random() * this.#waiting.length);
      const [go] = this.#waiting.splice(at, 1);
      go?.();
    }
  }
}

function applied(state: string | null, kind: WriteKind, value: string): string | null {
  switch (kind) {
    case "put":
      return value;
    case "append":
      return `${state ?? ""}+${value}`;
    case "delete":
      return null;
  }
}

interface Copy {
  readonly write: LiveWrite;
  readonly value: string;
}

/** Plays the writes and as many repairs as the list asks for, all at once, in the order that `random` makes. */
export async function play(writes: readonly LiveWrite[], random: () => number, leftOut: LeftOut = {}): Promise<Ended> {
  const scheduler = new Scheduler(random);
  const step = (): Promise<void> => scheduler.step();
  const state: Record<Role, string | null> = { primary: "start", shadow: "start" };
  /** null: not on the list. `landing`: requests that may still land. */
  let entry: { id: number; revision: number } | null = null;
  let landing = 0;
  let ids = 0;
  const mark = (): void => {
    entry = entry === null ? { id: ++ids, revision: 1 } : { ...entry, revision: entry.revision + 1 };
  };

  const lanes = new Lanes<Copy>({
    intentWaitMs: 60_000,
    monotonic: () => 0,
    async deliver(turn: Turn<Copy>) {
      const { write, value } = turn.work;
      await step();
      if (write.copy === "applied") {
        state.shadow = applied(state.shadow, write.kind, value);
        await step();
        if (turn.overlapped) mark();
        return;
      }
      if (write.copy === "lands-late") void land(() => (state.shadow = applied(state.shadow, write.kind, value)));
      mark();
    },
  });

  async function land(apply: () => void): Promise<void> {
    landing++;
    await step();
    apply();
    landing--;
  }

  async function live(write: LiveWrite, value: string): Promise<void> {
    await step();
    const isUnaware = write.key === "late" && leftOut.lateJoin === true;
    const early: Ticket | null = isUnaware ? null : lanes.intend(write.key === "early" ? [KEY] : [], "write");
    await step();
    if (write.primary === "unknown") {
      void land(() => (state.primary = applied(state.primary, write.kind, value)));
      if (early !== null) lanes.withdraw(early);
      mark();
      return;
    }
    state.primary = applied(state.primary, write.kind, value);
    await step();
    lanes.answered(early ?? lanes.intend([KEY], "write"), { write, value }, [KEY]);
  }

  const sides: Sides = {
    async read(role): Promise<Reading> {
      await step();
      const seen = state[role];
      await step();
      return seen === null ? { is: "absent", status: 404 } : { is: "present", answer: answerOf(seen), discard() {} };
    },
    seek: (_, shadow) => Promise.resolve(shadow),
    async write({ method }, body) {
      await step();
      const value = body?.body.kind === "memory" ? body.body.bytes.toString() : "";
      const apply = (): void => void (state.shadow = method === "DELETE" ? null : value);
      if (random() < 0.1) {
        void land(apply);
        return { end: "unknown", why: "it timed out" };
      }
      apply();
      await step();
      return { end: "answered", status: 200 };
    },
    async agree(primary, shadow) {
      await step();
      return textOf(primary) === textOf(shadow) ? { kind: "equal" } : { kind: "differs", differences: [] };
    },
    orderStamp: () => "1.1",
  };

  const unaware = { crossed: () => Promise.resolve(false) };
  const visit = <T>(work: (turn: QuietKey) => Promise<T>): Promise<T | null> => {
    if (leftOut.laneTurn === true) return work(unaware);
    return lanes.visit(KEY, 60_000, ({ crossed }) => {
      return work(leftOut.crossed === true ? unaware : { crossed: () => Promise.resolve(crossed()) });
    });
  };

  async function repairOnce(): Promise<void> {
    await step();
    const found = entry;
    if (found === null || (landing > 0 && leftOut.notBefore !== true)) return;
    const announce = async (): Promise<boolean> => {
      await step();
      return true;
    };
    const order = { paths: { path: "/users/1", above: "/users" }, rule: "put", mayWrite: true, announce } as const;
    const mended = await visit((turn) => mend(turn, sides, order, step));
    await step();
    if (mended?.end !== "equal") return;
    const isSame = entry !== null && (leftOut.compareRevision === true || same(entry, found));
    if (isSame) entry = null;
  }

  async function repairs(): Promise<void> {
    for (let i = 0; i < REPAIRS_MAX; i++) await repairOnce();
  }

  const playing = [...writes.map((write, i) => live(write, String(i))), repairs()];
  await scheduler.run();
  await Promise.all(playing);
  return { ...state, listed: entry !== null };
}

function same(a: { id: number; revision: number }, b: { id: number; revision: number }): boolean {
  return a.id === b.id && a.revision === b.revision;
}

export function answerOf(text: string): Answer {
  return { status: 200, headers: [], body: { kind: "memory", bytes: Buffer.from(text) }, ms: 0 };
}

export function textOf({ body }: Answer): string {
  return body.kind === "memory" ? body.bytes.toString() : "";
}
