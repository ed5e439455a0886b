import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../ports.ts";

/** Spreads requests evenly, so that a service gets no more of them a second than its rate allows. */
export class Pacer {
  readonly #clock: Clock;
  /** Monotonic ms at which a service may be asked again. */
  readonly #freeAt = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `ratePerSecond`: null for no limit. */
  async turn(service: string, ratePerSecond: number | null): Promise<void> {
    if (ratePerSecond === null) return;
    const now = this.#clock.monotonic();
    const at = Math.max(now, this.#freeAt.get(service) ?? now);
    this.#freeAt.set(service, at + 1000 / ratePerSecond);
    if (at > now) await sleep(at - now);
  }
}
