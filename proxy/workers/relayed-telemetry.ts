import type { Telemetry } from "../ports.ts";
import type { Timing } from "./messages.ts";

/** Often enough for whoever reads metrics; a message with each request would cost as much as the request's own bytes. */
const TOLD_EVERY_MS = 250;
const MOST_AT_ONCE = 4_096;

/** What a worker measures, told to the parent from time to time. */
export class RelayedTelemetry implements Pick<Telemetry, "clientRequest" | "serverRequest"> {
  readonly #tell: (timings: readonly Timing[]) => void;
  readonly #timer: NodeJS.Timeout;
  #timings: Timing[] = [];

  constructor(tell: (timings: readonly Timing[]) => void) {
    this.#tell = tell;
    this.#timer = setInterval(() => this.flush(), TOLD_EVERY_MS);
    this.#timer.unref();
  }

  clientRequest(_leg: "primary" | "shadow", route: string, status: number | null, ms: number): void {
    this.#add(["primary", route, status, ms]);
  }

  serverRequest(route: string, method: string, status: number, ms: number): void {
    this.#add(["server", route, method, status, ms]);
  }

  flush(): void {
    if (this.#timings.length === 0) return;
    const timings = this.#timings;
    this.#timings = [];
    this.#tell(timings);
  }

  #add(timing: Timing): void {
    this.#timings.push(timing);
    if (this.#timings.length >= MOST_AT_ONCE) this.flush();
  }
}
