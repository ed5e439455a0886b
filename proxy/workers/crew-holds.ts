/** Writes held back in all workers at once (barrier/own-writes.ts). */
import type { WorkerHolds } from "../barrier/own-writes.ts";
import type { HoldBounds } from "../phase/write-hold.ts";
import type { Link } from "./link.ts";
import type { FromWorker, ToWorker } from "./messages.ts";

type ToOne = Pick<Link<ToWorker, FromWorker>, "send">;

interface Holding {
  readonly order: Extract<ToWorker, { type: "hold" }>;
  /** Those that have not said that they are quiet. */
  readonly awaited: Set<ToOne>;
  readonly end: (why: string | null) => void;
}

export class CrewHolds implements WorkerHolds {
  readonly #workers: () => Iterable<ToOne>;
  readonly #told = new Map<ToOne, { readonly held: number; readonly refused: number }>();
  #holding: Holding | null = null;
  #last = 0;

  /** `workers`: all that may take requests, or are about to. */
  constructor(workers: () => Iterable<ToOne>) {
    this.#workers = workers;
  }

  get held(): number {
    return [...this.#told.values()].reduce((sum, { held }) => sum + held, 0);
  }

  get refused(): number {
    return [...this.#told.values()].reduce((sum, { refused }) => sum + refused, 0);
  }

  holdWrites(routes: readonly string[], { atMost, forMs }: HoldBounds): Promise<string | null> {
    const workers = [...this.#workers()];
    const bounds = { atMost: Math.max(1, Math.floor(atMost / Math.max(1, workers.length))), forMs };
    const { promise, resolve: end } = Promise.withResolvers<string | null>();
    const order = { type: "hold", hold: ++this.#last, routes, bounds } as const;
    this.#holding = { order, awaited: new Set(workers), end };
    this.#told.clear();
    for (const worker of workers) worker.send(order);
    this.#look();
    return promise;
  }

  releaseWrites(): void {
    if (this.#holding === null) return;
    const { hold } = this.#holding.order;
    this.#holding = null;
    for (const worker of this.#workers()) worker.send({ type: "release", hold });
  }

  /** Before it is told its settings: it takes no request before those. */
  begins(worker: ToOne): void {
    if (this.#holding !== null) worker.send(this.#holding.order);
  }

  take(worker: ToOne, message: Extract<FromWorker, { type: "quiet" | "holding" }>): void {
    if (message.type === "holding") {
      if (message.hold === this.#last) this.#told.set(worker, message);
      return;
    }
    if (message.hold !== this.#holding?.order.hold) return;
    this.#holding.awaited.delete(worker);
    this.#look();
  }

  /** What it had let through may be at the primary yet. */
  gone(worker: ToOne): void {
    this.#told.delete(worker);
    if (this.#holding?.awaited.has(worker) === true)
      this.#holding.end("a worker process ended while writes were held back");
  }

  #look(): void {
    if (this.#holding?.awaited.size === 0) this.#holding.end(null);
  }
}
