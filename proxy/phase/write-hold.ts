/**
 * Holds new writes of some routes back while their source of truth changes: before anything of them is decided, so that each is
 * planned whole under the settings that act when it is let go. Bounded in number and time; beyond, a write is refused, never sent
 * to a wrong side.
 */
export interface HeldWrite {
  /** From the beginning. */
  readonly goOn: () => void;
  /** 503: it was sent nowhere. */
  readonly refuse: () => void;
}

export interface HoldBounds {
  /** Writes. */
  readonly atMost: number;
  /** Then those that wait are refused, and those that come. */
  readonly forMs: number;
}

interface Hold {
  readonly routes: ReadonlySet<string>;
  readonly held: Set<HeldWrite>;
  readonly atMost: number;
  timer: NodeJS.Timeout;
  /** Over its time: whoever waits is refused, and so is who comes. */
  isLate: boolean;
}

export class WriteHold {
  #hold: Hold | null = null;
  #refused = 0;

  /** Those that were refused since the last `begin`. */
  get refused(): number {
    return this.#refused;
  }

  get held(): number {
    return this.#hold?.held.size ?? 0;
  }

  holds(route: string): boolean {
    return this.#hold !== null && this.#hold.routes.has(route);
  }

  /** @throws TypeError where there is a hold already. */
  begin(routes: readonly string[], { atMost, forMs }: HoldBounds): void {
    if (this.#hold !== null) throw new TypeError("writes are held back already");
    this.#refused = 0;
    const timer = setTimeout(() => this.#late(), forMs);
    this.#hold = { routes: new Set(routes), held: new Set(), atMost, timer, isLate: false };
  }

  /** Only of a route that is held. Returns what takes it out again, where its client leaves. */
  take(write: HeldWrite): () => void {
    const hold = this.#hold;
    if (hold === null) throw new TypeError("no write is held back");
    if (hold.isLate || hold.held.size >= hold.atMost) {
      this.#refused++;
      write.refuse();
      return () => undefined;
    }
    hold.held.add(write);
    return () => void hold.held.delete(write);
  }

  /** In the order of their coming. */
  release(): void {
    const hold = this.#hold;
    if (hold === null) return;
    clearTimeout(hold.timer);
    this.#hold = null;
    for (const write of hold.held) write.goOn();
  }

  #late(): void {
    const hold = this.#hold as Hold;
    hold.isLate = true;
    const held = [...hold.held];
    hold.held.clear();
    this.#refused += held.length;
    for (const write of held) write.refuse();
  }
}

/** Whose end is told: a client's answer. */
interface Closing {
  once(event: "close", told: () => void): unknown;
  off(event: "close", told: () => void): unknown;
}

/** A request is held back until it may go on or is refused, or whoever waits for `answer` has left. */
export function holdBack(hold: Pick<WriteHold, "take">, answer: Closing, then: HeldWrite): void {
  const leave = hold.take({
    goOn() {
      answer.off("close", gone);
      then.goOn();
    },
    refuse() {
      answer.off("close", gone);
      then.refuse();
    },
  });
  function gone(): void {
    leave();
  }
  answer.once("close", gone);
}
