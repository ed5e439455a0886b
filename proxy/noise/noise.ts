/**
 * What is learnt of noise, where a route asks for it: safe reads that the primary is asked twice, and the places of compared
 * exchanges. All of it comes after the client has its answer, beside the lanes and the comparison that decides an outcome:
 * nothing here is counted as an exchange, excuses anything, or is waited for.
 */
import type { NoiseState } from "../admin/parts.ts";
import { ByteBudget } from "../process/byte-budget.ts";
import type { ComparableAnswer } from "../compare/diff-answers.ts";
import { hostFor, type RouteSettings, serviceOf } from "../config/settings.ts";
import { type Answer, type Exchange, headerOf, type RequestHead, type Role } from "../exchange.ts";
import { type BodyTakers, type CaptureParts, captures } from "../forward/capture.ts";
import type { PrimaryAnswered, PrimaryEnding } from "../forward/forwarder.ts";
import { createSecondReads, type SecondReadEnd } from "../forward/second-reads.ts";
import { endToEndHeaders, HeaderNames } from "../headers.ts";
import { SHADOW_MARK_HEADER, shadowMark } from "../mirror/mark.ts";
import { type ChoiceParts, isWatched, type Watchable } from "./noise-choice.ts";
import { createLearning, type LearningParts } from "./noise-learning.ts";
import { serviceNameFor } from "../moves/phases.ts";
import { type NotTwiceReason, SURVEYED_MAX_BYTES, type SurveyFailure } from "../evidence/places.ts";
import type { Clock, Telemetry, Upstream } from "../ports.ts";
import { keyAtHead } from "../route/entity-key.ts";

export interface NoiseParts extends LearningParts, ChoiceParts {
  readonly telemetry: Pick<Telemetry, "secondRead">;
  readonly upstream: (role: Role, service: ReturnType<typeof serviceOf>) => Upstream;
  readonly copies: CaptureParts;
  readonly markKey: Buffer;
  readonly clock: Clock;
}

/** A compared exchange; `requestBody` null: there is no copy of it in memory. */
export interface AskedBoth {
  readonly exchange: Exchange;
  readonly requestBody: Buffer | null;
  /** null: it has more than are followed. */
  readonly key: string | null;
}

/** What the pipeline tells of one request; `takers` copy a read that is mirrored to nobody; null: it is not needed. */
export interface Watched {
  readonly takers: (() => BodyTakers) | null;
  ended(ending: PrimaryEnding): void;
  closed(): void;
}

export interface Noise {
  /** null: nothing is to be learnt from how this request ends. */
  watch(arrived: Watchable): Watched | null;
  /** The same of one that was chosen elsewhere. */
  watchChosen(arrived: Watchable): Watched | null;
  /** Two answers of an exchange that comes from no failed write were compared. */
  compared(asked: AskedBoth, primary: Answer, shadow: Answer): void;
  /** An exchange with this primary failed. */
  sawFailure(origin: string): void;
  of(route: string): NoiseState;
  /** Hands over what has not reached the store yet. */
  close(): Promise<void>;
}

/** Reads whose first answer is being kept, or that are on their way a second time. */
const MOST_WATCHED = 16;
const SECOND_READ_MS = 5_000;
/** A primary that takes longer for a read has enough to do. */
const SLOW_MS = 1_000;

/** The second read is complete in itself. */
const NOT_SENT_AGAIN = new HeaderNames(["connection", "te", "trailer", "content-length"]);

/** As `NoiseState` of one route, while it is counted. */
interface Counts {
  askedTwice: number;
  readonly notAskedTwice: Partial<Record<NotTwiceReason, number>>;
  counted: number;
  readonly notCounted: Partial<Record<SurveyFailure, number>>;
  placesLeftOut: number;
}

/** Writes of one entity, by which reads that one of them crossed are known. */
interface Writes {
  inFlight: number;
  begun: number;
}

/** The budget alone bounds it. */
const IN_MEMORY = { memoryBytes: Number.POSITIVE_INFINITY, diskBytes: Number.POSITIVE_INFINITY };

export function createNoise(parts: NoiseParts): Noise {
  const counts = new Map<string, Counts>();
  const writes = new Map<string, Writes>();
  const secondReads = createSecondReads(parts.clock, SURVEYED_MAX_BYTES);
  const learning = createLearning(parts);
  let watched = 0;

  function countsOf(route: string): Counts {
    let found = counts.get(route);
    if (found === undefined) {
      found = { askedTwice: 0, notAskedTwice: {}, counted: 0, notCounted: {}, placesLeftOut: 0 };
      counts.set(route, found);
    }
    return found;
  }

  function writesOf({ entity, name }: RouteSettings): Writes {
    const key = entity ?? name;
    let found = writes.get(key);
    if (found === undefined) writes.set(key, (found = { inFlight: 0, begun: 0 }));
    return found;
  }

  function notTwice(route: string, why: NotTwiceReason): void {
    const { notAskedTwice } = countsOf(route);
    notAskedTwice[why] = (notAskedTwice[why] ?? 0) + 1;
    guard(() => parts.telemetry.secondRead(route, why));
  }

  function guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      parts.caught("noise", error);
    }
  }

  function watchChosen(arrived: Watchable): Watched | null {
    const { route, plan } = arrived;
    if (plan.requestClass === "write") return watchWrite(writesOf(route));
    const why = watched >= MOST_WATCHED ? "busy" : secondReads.whyNotNow(primaryOf(arrived).origin);
    if (why === null) return watchRead(arrived);
    notTwice(route.name, why);
    return null;
  }

  function watchWrite(ofEntity: Writes): Watched {
    ofEntity.inFlight += 1;
    ofEntity.begun += 1;
    return { takers: null, ended: () => void (ofEntity.inFlight -= 1), closed: () => undefined };
  }

  function watchRead(arrived: Watchable): Watched {
    const ofEntity = writesOf(arrived.route);
    const { inFlight, begun } = ofEntity;
    const wasWritten = (): boolean => inFlight > 0 || ofEntity.begun !== begun;
    let first: ComparableAnswer | NotTwiceReason | null = null;
    let isClosed = false;
    watched += 1;
    return {
      // What is larger than is looked at finds no room here, and is not kept.
      takers: () => captures(IN_MEMORY, { ...parts.copies, budget: new ByteBudget(SURVEYED_MAX_BYTES) }),
      ended(ending) {
        // There is no answer, or nobody who got it.
        if (ending.end !== "answered" || isClosed) watched -= 1;
        else first = comparable(ending);
      },
      closed() {
        isClosed = true;
        const answer = first;
        if (typeof answer === "string") endRead(arrived.route.name, answer);
        else if (answer !== null) setImmediate(() => tryAgain(arrived, answer, wasWritten));
      },
    };
  }

  function endRead(route: string, why: NotTwiceReason): void {
    watched -= 1;
    notTwice(route, why);
  }

  function tryAgain(arrived: Watchable, first: ComparableAnswer, wasWritten: () => boolean): void {
    try {
      askAgain(arrived, first, wasWritten);
    } catch (error) {
      parts.caught("noise", error);
      endRead(arrived.route.name, "failed");
    }
  }

  function askAgain(arrived: Watchable, first: ComparableAnswer, wasWritten: () => boolean): void {
    const { route, request } = arrived;
    const service = primaryOf(arrived);
    secondReads.send({
      origin: service.origin,
      // Connections of copies: no client waits for one of these.
      upstream: parts.upstream("shadow", service),
      target: request.target,
      headers: secondHeaders(request, hostFor(service), parts.markKey),
      timeoutMs: Math.min(service.asPrimary.timeoutMs, SECOND_READ_MS),
      ended: (end) => {
        const why = whyNotCompared(end, wasWritten());
        if (why !== null) endRead(route.name, why);
        else compareTwice(arrived, first, end as SecondAnswer);
      },
    });
  }

  function compareTwice(arrived: Watchable, first: ComparableAnswer, { status, headers, bytes }: SecondAnswer): void {
    const { route, request, params } = arrived;
    const second: ComparableAnswer = { status, headers, body: { kind: "bytes", bytes } };
    const atHead = keyAtHead({ route, params, request });
    const asked = { exchange: arrived, requestBody: null, key: atHead.known ? atHead.key : null };
    learning.learn({ asked, of: "primary-twice", first, second }, (why, leftOut) => {
      countsOf(route.name).placesLeftOut += leftOut;
      if (why !== null) {
        endRead(route.name, why);
        return;
      }
      watched -= 1;
      countsOf(route.name).askedTwice += 1;
      guard(() => parts.telemetry.secondRead(route.name, "compared"));
    });
  }

  function compared(asked: AskedBoth, primary: Answer, shadow: Answer): void {
    const { compare, name } = asked.exchange.route;
    if (compare.module !== null || parts.random() >= compare.noise.comparedShare) return;
    const told = (why: SurveyFailure | null, leftOut = 0): void => {
      const ofRoute = countsOf(name);
      ofRoute.placesLeftOut += leftOut;
      if (why === null) ofRoute.counted += 1;
      else ofRoute.notCounted[why] = (ofRoute.notCounted[why] ?? 0) + 1;
    };
    const [first, second] = [inMemory(primary), inMemory(shadow)];
    if (first === null || second === null) told("too-large");
    else learning.learn({ asked, of: "both-services", first, second }, told);
  }

  return {
    watch: (arrived) => (isWatched(arrived, parts) ? watchChosen(arrived) : null),
    watchChosen,
    compared,
    sawFailure: (origin) => secondReads.sawFailure(origin),
    of: countsOf,
    close: () => learning.close(),
  };
}

type SecondAnswer = Exclude<SecondReadEnd, { readonly why: NotTwiceReason }>;

function primaryOf({ snapshot, plan, route }: Watchable): ReturnType<typeof serviceOf> {
  return serviceOf(snapshot.settings, serviceNameFor(plan.primary, route));
}

function secondHeaders(request: RequestHead, host: string | null, markKey: Buffer): string[] {
  const copied = endToEndHeaders(request, { host, proto: request.scheme });
  const headers: string[] = [];
  for (let i = 0; i < copied.length; i += 2) {
    if (!NOT_SENT_AGAIN.has(copied[i] as string)) headers.push(copied[i] as string, copied[i + 1] as string);
  }
  headers.push(SHADOW_MARK_HEADER, shadowMark(markKey));
  return headers;
}

/** The first answer, or why it is not one to ask for twice. The copy is let go of. */
function comparable(ending: PrimaryAnswered): ComparableAnswer | NotTwiceReason {
  const { status, headers, body, ms } = ending;
  if (ms > SLOW_MS) return "primary-unwell";
  // A session that moves on with each answer would leave the client behind.
  if (headerOf(headers, "set-cookie") !== null) return "not-comparable";
  if (!isWhole(status) || headerOf(headers, "content-type")?.startsWith("text/event-stream") === true)
    return "not-comparable";
  if (body.kind === "lost" || body.copy.kind !== "memory" || body.length > SURVEYED_MAX_BYTES) return "too-large";
  return { status, headers, body: { kind: "bytes", bytes: body.copy.bytes } };
}

function isWhole(status: number): boolean {
  return status >= 200 && status < 300 && status !== 206;
}

function whyNotCompared(end: SecondReadEnd, wasWritten: boolean): NotTwiceReason | null {
  if ("why" in end) return end.why;
  if (end.status >= 500 || end.status === 429) return "primary-unwell";
  if (wasWritten) return "written-meanwhile";
  return isWhole(end.status) ? null : "not-comparable";
}

function inMemory({ status, headers, body }: Answer): ComparableAnswer | null {
  return body.kind === "memory" ? { status, headers, body: { kind: "bytes", bytes: body.bytes } } : null;
}
