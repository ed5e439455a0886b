import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../ports.ts";

/** Spreads what is begun evenly, so that there is no more of it a second, of each name, than its rate allows. */
export class Pacer {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #freeAt = new Map<string, number>();

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  /** Monotonic ms from which on the next of that name may begin. */
  freeAt(name: string): number {
    return this.#freeAt.get(name) ?? 0;
  }

  /** One begins, now or when it may. Returns monotonic ms at which that is. */
  take(name: string, ratePerSecond: number): number {
    const at = Math.max(this.#clock.monotonic(), this.freeAt(name));
    this.#freeAt.set(name, at + 1_000 / ratePerSecond);
    return at;
  }

  /** Resolves when one may begin, or at once where it is aborted. `ratePerSecond`: null for no limit. */
  async turn(name: string, ratePerSecond: number | null, signal?: AbortSignal): Promise<void> {
    if (ratePerSecond === null) return;
    const waitMs = this.take(name, ratePerSecond) - this.#clock.monotonic();
    if (waitMs > 0) await sleep(waitMs, undefined, { signal }).catch(() => "it is to stop");
  }
}
