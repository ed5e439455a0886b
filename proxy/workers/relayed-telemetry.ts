import type { Telemetry } from "../ports.ts";
import type { EndedSpan } from "../tracing/spans.ts";
import type { FromWorker, Series } from "./messages.ts";
import type { Link } from "./link.ts";

/** Often enough for whoever reads metrics; a message with each request would cost as much as the request's own bytes. */
const TOLD_EVERY_MS = 250;
const MOST_AT_ONCE = 8_192;
const MOST_SPANS_AT_ONCE = 128;
/** A parent that is so far behind is told how many spans there were, and of none of them. */
const BEHIND_BYTES = 1024 * 1024;

interface Kind {
  readonly of: Series["of"];
  readonly route: string;
  readonly method: string;
  readonly status: number | null;
  readonly ms: number[];
}

type ToParent = Pick<Link<Extract<FromWorker, { type: "timings" | "spans" }>, unknown>, "send" | "behindBytes">;

/** What a worker measures and records, told to the parent from time to time. */
export class RelayedTelemetry implements Pick<Telemetry, "clientRequest" | "serverRequest" | "span"> {
  readonly #link: ToParent;
  #kinds: Kind[] = [];
  #count = 0;
  #spans: EndedSpan[] = [];
  #spansLost = 0;

  constructor(link: ToParent) {
    this.#link = link;
    setInterval(() => this.flush(), TOLD_EVERY_MS).unref();
  }

  clientRequest(_leg: "primary" | "shadow", route: string, status: number | null, ms: number): void {
    this.#add("primary", route, "", status, ms);
  }

  serverRequest(route: string, method: string, status: number, ms: number): void {
    this.#add("server", route, method, status, ms);
  }

  span(span: EndedSpan): void {
    if (this.#link.behindBytes > BEHIND_BYTES) {
      this.#spansLost += 1;
      return;
    }
    this.#spans.push(span);
    if (this.#spans.length >= MOST_SPANS_AT_ONCE) this.#flushSpans();
  }

  flush(): void {
    this.#flushSpans();
    if (this.#count === 0) return;
    const kinds = this.#kinds;
    const durations = Float64Array.from(kinds.flatMap(({ ms }) => ms));
    this.#kinds = [];
    this.#count = 0;
    this.#link.send({ type: "timings", series: kinds.map(seriesOf) }, [Buffer.from(durations.buffer)]);
  }

  #flushSpans(): void {
    if (this.#spans.length === 0 && this.#spansLost === 0) return;
    this.#link.send({ type: "spans", spans: this.#spans, lost: this.#spansLost });
    this.#spans = [];
    this.#spansLost = 0;
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
