import type { Clock } from "../ports.ts";
import { Pacer } from "./pacer.ts";

/** Work about one key, by the way: no client waits for it. */
export interface PacedWork {
  readonly route: string;
  readonly key: string;
}

export interface PacedQueueParts<Work extends PacedWork> {
  readonly clock: Pick<Clock, "monotonic">;
  readonly mostWaiting: number;
  readonly mostAtOnce: number;
  /** Of works with the same one there is one at a time. */
  readonly laneOf: (work: Work) => string;
  /** Of its route. null: it is not to be done any more. */
  readonly ratePerSecond: (work: Work) => number | null;
  readonly run: (work: Work) => Promise<void>;
  /** `run` rejected. */
  readonly failed: (work: Work, error: unknown) => void;
}

/**
 * What waits to be done once for each key: the oldest first, a few at once, no more of a route a second than its rate allows. One
 * that cannot begin holds up none behind it.
 */
export class PacedQueue<Work extends PacedWork> {
  readonly #parts: PacedQueueParts<Work>;
  readonly #waiting = new Map<string, Work>();
  /** By lane. */
  readonly #running = new Map<string, { readonly work: Work; readonly end: Promise<void> }>();
  readonly #pacer: Pacer;
  #timer: NodeJS.Timeout | null = null;
  #isStopped = false;

  constructor(parts: PacedQueueParts<Work>) {
    this.#parts = parts;
    this.#pacer = new Pacer(parts.clock);
  }

  /** It takes the place of one, or there is room for one more. */
  hasRoomFor(key: string): boolean {
    return this.#waiting.has(key) || this.#waiting.size < this.#parts.mostWaiting;
  }

  waitingOf(key: string): Work | null {
    return this.#waiting.get(key) ?? null;
  }

  runningIn(lane: string): Work | null {
    return this.#running.get(lane)?.work ?? null;
  }

  /** In the place of one of that key that waits, if any does. */
  put(work: Work): void {
    if (this.#isStopped) return;
    this.#waiting.set(work.key, work);
    this.#begin();
  }

  /** Nothing more is begun. Resolves when what was begun has ended. Tells what waited. */
  stop(left: (work: Work) => void = () => undefined): Promise<unknown> {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const work of this.#waiting.values()) left(work);
    this.#waiting.clear();
    return Promise.all([...this.#running.values()].map(({ end }) => end));
  }

  #begin(): void {
    if (this.#isStopped) return;
    const now = this.#parts.clock.monotonic();
    let soonest = Infinity;
    for (const work of this.#waiting.values()) {
      if (this.#running.size >= this.#parts.mostAtOnce) return;
      const lane = this.#parts.laneOf(work);
      if (this.#running.has(lane)) continue;
      const at = this.#pacer.freeAt(work.route);
      if (at > now) soonest = Math.min(soonest, at);
      else this.#start(work, lane);
    }
    if (soonest === Infinity || this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#begin();
    }, soonest - now);
    this.#timer.unref();
  }

  #start(work: Work, lane: string): void {
    this.#waiting.delete(work.key);
    const rate = this.#parts.ratePerSecond(work);
    if (rate === null) return;
    this.#pacer.take(work.route, rate);
    const end = this.#parts
      .run(work)
      .catch((error: unknown) => this.#parts.failed(work, error))
      .finally(() => {
        this.#running.delete(lane);
        this.#begin();
      });
    this.#running.set(lane, { work, end });
  }
}
