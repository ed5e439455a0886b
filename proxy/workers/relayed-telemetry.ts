import type { Telemetry } from "../ports.ts";
import type { Series } from "./messages.ts";

/** Often enough for whoever reads metrics; a message with each request would cost as much as the request's own bytes. */
const TOLD_EVERY_MS = 250;
const MOST_AT_ONCE = 8_192;

interface Kind {
  readonly of: Series["of"];
  readonly route: string;
  readonly method: string;
  readonly status: number | null;
  readonly ms: number[];
}

/** What a worker measures, told to the parent from time to time. */
export class RelayedTelemetry implements Pick<Telemetry, "clientRequest" | "serverRequest"> {
  readonly #tell: (series: readonly Series[], durations: Buffer) => void;
  #kinds: Kind[] = [];
  #count = 0;

  constructor(tell: (series: readonly Series[], durations: Buffer) => void) {
    this.#tell = tell;
    setInterval(() => this.flush(), TOLD_EVERY_MS).unref();
  }

  clientRequest(_leg: "primary" | "shadow", route: string, status: number | null, ms: number): void {
    this.#add("primary", route, "", status, ms);
  }

  serverRequest(route: string, method: string, status: number, ms: number): void {
    this.#add("server", route, method, status, ms);
  }

  flush(): void {
    if (this.#count === 0) return;
    const kinds = this.#kinds;
    const durations = Float64Array.from(kinds.flatMap(({ ms }) => ms));
    this.#kinds = [];
    this.#count = 0;
    this.#tell(kinds.map(seriesOf), Buffer.from(durations.buffer));
  }

  #add(of: Series["of"], route: string, method: string, status: number | null, ms: number): void {
    let kind = this.#kinds.find((one) => {
      return one.of === of && one.status === status && one.method === method && one.route === route;
    });
    if (kind === undefined) this.#kinds.push((kind = { of, route, method, status, ms: [] }));
    kind.ms.push(ms);
    if (++this.#count >= MOST_AT_ONCE) this.flush();
  }
}

function seriesOf({ of, route, method, status, ms }: Kind): Series {
  return of === "server"
    ? { of, route, method, status: status as number, count: ms.length }
    : { of, route, status, count: ms.length };
}
