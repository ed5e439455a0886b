import type { Caught } from "../caught.ts";
import type { Dial } from "../reads/dial.ts";
import type { DialCounts } from "../reads/dial-counts.ts";
import type { ClientMappings } from "../ids/client-mappings.ts";
import type { Snapshot } from "../exchange.ts";
import type { Fallback } from "../reads/fallback.ts";
import type { FallbackCounts } from "../reads/fallback-counts.ts";
import { type BodyTakers, type Captured, capturedInMemory } from "../forward/capture.ts";
import type { PrimaryEnding } from "../forward/forwarder.ts";
import type { Arrived, Entered, Intake } from "../life/intake.ts";
import { OpenTunnels } from "../forward/open-tunnels.ts";
import type { PairBook } from "../mirror/values/pair-book.ts";
import type { Noise, Watched } from "../noise/noise.ts";
import type { Clock, Telemetry } from "../ports.ts";
import { traceFrom } from "../tracing/tracing.ts";
import type { Link } from "./link.ts";
import type { BodyTold, EndingTold, FromWorker, RequestTold, Series, ToWorker } from "./messages.ts";

export interface SeatParts {
  readonly link: Pick<Link<ToWorker, FromWorker>, "send">;
  /** The settings that a worker calls by this number. */
  readonly snapshotOf: (revision: number) => Snapshot;
  readonly intake: Intake;
  readonly noise: Pick<Noise, "watchChosen" | "sawFailure">;
  readonly telemetry: Pick<Telemetry, "clientRequest" | "serverRequest" | "span" | "spansLost">;
  readonly tunnels: Pick<OpenTunnels, "add">;
  readonly pairs: Pick<PairBook, "look" | "pairOf">;
  readonly clientMappings: Pick<ClientMappings, "count">;
  readonly dial: Pick<Dial, "mayAsk">;
  readonly dialCounts: Pick<DialCounts, "count">;
  readonly fallback: Pick<Fallback, "mayAsk" | "missed">;
  readonly fallbackCounts: Pick<FallbackCounts, "count">;
  readonly clock: Clock;
  readonly caught: Caught;
}

/** An exchange that a worker has at its primary, or is about to. */
interface Open {
  /** null: it is not in the books yet, and nobody has called its primary. */
  entered: Entered | null;
  takers: BodyTakers | null;
  readonly openedAt: number;
}

type Others =
  | "timings"
  | "spans"
  | "primary-failed"
  | "caught"
  | "lasting"
  | "values"
  | "mapped-for-clients"
  | "dial"
  | "dialled"
  | "fallback"
  | "fell-back"
  | "missed";
type Exchanges = Extract<FromWorker, { readonly exchange: number } | { readonly watched: number }>;

/**
 * What one worker tells of its requests, entered into the books of the parent; and the end of those that it leaves open when it
 * dies: the primary may have them.
 */
export class WorkerSeat {
  #parts: SeatParts;
  readonly #exchanges = new Map<number, Open>();
  readonly #watched = new Map<number, Watched>();
  /** Its own, by route. */
  readonly #tunnels = new OpenTunnels();
  #isGone = false;

  constructor(parts: SeatParts) {
    this.#parts = parts;
  }

  take(message: Exchanges | Extract<FromWorker, { type: Others }>, bytes: Buffer): void {
    const { noise, telemetry, caught } = this.#parts;
    switch (message.type) {
      case "open":
        this.#enter(message);
        break;
      case "body":
        this.#takersOf(message.exchange)?.[message.of].take(bytes);
        break;
      case "ended":
        this.#ended(message, bytes);
        break;
      case "watch":
        this.#watch(message);
        break;
      case "watch-ended":
        this.#watched.get(message.watched)?.ended(watchedEnding(message, bytes));
        break;
      case "watch-closed":
        this.#watched.get(message.watched)?.closed();
        this.#watched.delete(message.watched);
        break;
      case "primary-failed":
        noise.sawFailure(message.origin);
        break;
      case "timings":
        tellTimings(telemetry, message.series, bytes);
        break;
      case "spans":
        for (const span of message.spans) telemetry.span(span);
        if (message.lost > 0) telemetry.spansLost(message.lost);
        break;
      case "lasting":
        this.#tunnels.add(message.route, message.kind, message.more);
        this.#parts.tunnels.add(message.route, message.kind, message.more);
        break;
      case "values":
        void this.#lookUp(message);
        break;
      case "mapped-for-clients":
        for (const { times, ...mapping } of message.counts) this.#parts.clientMappings.count(mapping, times);
        break;
      case "dial":
      case "fallback":
        void this.#mayAsk(message);
        break;
      case "dialled":
        for (const { route, result, times } of message.counts) this.#parts.dialCounts.count(route, result, times);
        break;
      case "fell-back":
        for (const { route, result, times } of message.counts) this.#parts.fallbackCounts.count(route, result, times);
        break;
      case "missed":
        this.#parts.fallback.missed(message.miss);
        break;
      case "caught":
        caught(message.step, new Error(message.why), message.request ?? undefined);
        break;
      default: {
        const _never: never = message;
        throw new TypeError(`no such message: ${JSON.stringify(_never)}`);
      }
    }
  }

  /** What it tells from here on goes into these books. */
  serve(parts: Omit<SeatParts, "link" | "snapshotOf">): void {
    const { link, snapshotOf } = this.#parts;
    this.#parts = { ...parts, link, snapshotOf };
  }

  /** Nothing more comes from it. */
  gone(why: string): void {
    this.#isGone = true;
    const now = this.#parts.clock.monotonic();
    for (const { entered, takers, openedAt } of this.#exchanges.values()) {
      takers?.request.discard();
      takers?.answer.discard();
      // What has not been entered is ended as it is.
      void entered?.ended({ end: "unknown", status: null, why, ms: now - openedAt });
    }
    this.#exchanges.clear();
    for (const watched of this.#watched.values()) {
      watched.ended({ end: "unknown", status: null, why, ms: 0 });
      watched.closed();
    }
    this.#watched.clear();
    for (const [route, kind, count] of this.#tunnels.all()) this.#parts.tunnels.add(route, kind, -count);
  }

  async #lookUp({ question, sought }: Extract<FromWorker, { type: "values" }>): Promise<void> {
    const { pairs, link, caught } = this.#parts;
    try {
      await pairs.look(sought);
      const found = sought.map((one) => pairs.pairOf(one));
      link.send({ type: "values", question, found: found.map((pair) => (pair === "unknown" ? null : pair)) });
    } catch (error) {
      caught("values for clients", error);
      link.send({ type: "values", question, found: null });
    }
  }

  async #mayAsk({
    type,
    question,
    route,
    revision,
    names,
  }: Extract<FromWorker, { type: "dial" | "fallback" }>): Promise<void> {
    const { link, snapshotOf } = this.#parts;
    const told = snapshotOf(revision).revision;
    const mayAsk = await this.#parts[type].mayAsk({ route, names, revision: told });
    link.send({ type, question, mayAsk });
  }

  #enter(message: Extract<FromWorker, { type: "open" }>): void {
    try {
      this.#open(message);
    } catch (error) {
      this.#notEntered(message.exchange);
      throw error;
    }
  }

  #open(message: Extract<FromWorker, { type: "open" }>): void {
    const { exchange, shadow, waits, primary, requestClass } = message;
    const { snapshot, request, found } = this.#arrived(message);
    const open: Open = { entered: null, takers: null, openedAt: this.#parts.clock.monotonic() };
    this.#exchanges.set(exchange, open);
    if (shadow === null) {
      const plan = { mirror: false, primary, shadow, requestClass, why: "writes-off" } as const;
      open.entered = this.#parts.intake.cross({ snapshot, request, found, plan });
      return;
    }
    const trace = message.trace === null ? null : traceFrom(message.trace, this.#parts.clock);
    const arrived: Arrived = { snapshot, request, found, plan: { mirror: true, primary, shadow, requestClass }, trace };
    this.#parts.intake.open(
      arrived,
      (entered) => {
        if (this.#isGone) {
          // Nobody was told to go on.
          void entered.ended({ end: "unreached", why: "the worker process that had its request ended" });
          return;
        }
        open.entered = entered;
        if (waits) this.#parts.link.send({ type: "go", exchange, isHeld: !entered.isPlaced() });
      },
      () => this.#notEntered(exchange),
      () => this.#notEntered(exchange, true),
    );
  }

  #notEntered(exchange: number, isRefused = false): void {
    this.#exchanges.delete(exchange);
    this.#parts.link.send({ type: "not-entered", exchange, isRefused });
  }

  #ended({ exchange, ending, request, answer, isHeld }: Extract<FromWorker, { type: "ended" }>, bytes: Buffer): void {
    const open = this.#exchanges.get(exchange);
    this.#exchanges.delete(exchange);
    if (open === undefined || open.entered === null)
      throw new TypeError(`exchange ${exchange} ended and was never entered`);
    const placed = open.entered.ended(
      ending.end === "answered" ? answered(open.entered, open.takers, ending, { request, answer }, bytes) : ending,
    );
    if (ending.end !== "answered") {
      open.takers?.request.discard();
      open.takers?.answer.discard();
    }
    if (!isHeld) return;
    if (placed === null) this.#parts.link.send({ type: "placed", exchange });
    else void placed.then(() => this.#parts.link.send({ type: "placed", exchange }));
  }

  #takersOf(exchange: number): BodyTakers | null {
    const open = this.#exchanges.get(exchange);
    if (open === undefined || open.entered === null) return null;
    open.takers ??= open.entered.takers();
    return open.takers;
  }

  #watch(message: Extract<FromWorker, { type: "watch" }>): void {
    const { snapshot, request, found } = this.#arrived(message);
    const { primary, requestClass } = message;
    const { route, params } = found;
    const watched = this.#parts.noise.watchChosen({
      snapshot,
      request,
      route,
      params,
      plan: { primary, requestClass },
    });
    if (watched !== null) this.#watched.set(message.watched, watched);
  }

  #arrived({ revision, request }: RequestTold) {
    const snapshot = this.#parts.snapshotOf(revision);
    const found = snapshot.router.match(request);
    if (found === null) throw new TypeError(`no route takes ${request.path}, which a worker took it for`);
    return { snapshot, request, found };
  }
}

function tellTimings(telemetry: SeatParts["telemetry"], series: readonly Series[], durations: Buffer): void {
  // Aligned, which a view of what was read need not be.
  const all = new Float64Array(new Uint8Array(durations).buffer);
  let at = 0;
  for (const one of series) {
    for (const end = at + one.count; at < end; at++) {
      const ms = all[at] as number;
      if (one.of === "server") telemetry.serverRequest(one.route, one.method, one.status, ms);
      else telemetry.clientRequest("primary", one.route, one.status, ms);
    }
  }
}

function answered(
  entered: Entered,
  begun: BodyTakers | null,
  ending: Extract<EndingTold, { end: "answered" }>,
  told: { readonly request: BodyTold; readonly answer: BodyTold },
  bytes: Buffer,
): PrimaryEnding {
  const takers = begun ?? entered.takers();
  const none = capturedInMemory(Buffer.alloc(0));
  if (takers === null) return { ...ending, requestBody: none, body: none, release: () => undefined };
  // They are views of what was read from the link.
  if (told.request.kept > 0) takers.request.take(Buffer.from(bytes.subarray(0, told.request.kept)));
  if (told.answer.kept > 0) takers.answer.take(Buffer.from(bytes.subarray(told.request.kept)));
  return {
    ...ending,
    requestBody: captured(takers, "request", told.request),
    body: captured(takers, "answer", told.answer),
    release() {
      takers.request.discard();
      takers.answer.discard();
    },
  };
}

function captured(takers: BodyTakers, of: "request" | "answer", { length, isLost }: BodyTold): Captured {
  return isLost ? { kind: "lost", why: "queue-full", length } : takers[of].result();
}

function watchedEnding({ ending, answer }: Extract<FromWorker, { type: "watch-ended" }>, bytes: Buffer): PrimaryEnding {
  if (ending.end !== "answered") return ending;
  const none = capturedInMemory(Buffer.alloc(0));
  const lost: Captured = { kind: "lost", why: "queue-full", length: answer?.length ?? 0 };
  const body = answer === null ? none : answer.isLost ? lost : capturedInMemory(Buffer.from(bytes));
  return { ...ending, requestBody: none, body, release: () => undefined };
}
