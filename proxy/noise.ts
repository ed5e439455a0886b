/**
 * What is learnt of noise, where a route asks for it: safe reads that the primary is asked twice, and the places of compared
 * exchanges. All of it comes after the client has its answer, beside the lanes and the comparison that decides an outcome:
 * nothing here is counted as an exchange, excuses anything, or is waited for.
 */
import { hash } from "node:crypto";
import type { NoiseState } from "./admin/parts.ts";
import { ByteBudget } from "./byte-budget.ts";
import type { ComparableAnswer } from "./compare/diff-answers.ts";
import { SURVEYED_MAX_BYTES } from "./compare/survey.ts";
import type { Surveyor } from "./compare/surveyor.ts";
import { type CompareSettings, hostFor, type RouteSettings, serviceOf } from "./config/settings.ts";
import { type Answer, type Exchange, headerOf, type RequestHead, type Role } from "./exchange.ts";
import type { ForwarderParts, PrimaryAnswered, PrimaryEnding } from "./forward/forwarder.ts";
import type { SecondReadEnd, SecondReads } from "./forward/second-reads.ts";
import { endToEndHeaders, HeaderNames, isCrossfadeHeader } from "./headers.ts";
import { inSlices } from "./mirror/loop-share.ts";
import { SHADOW_MARK_HEADER, shadowMark } from "./mirror/mark.ts";
import { serviceNameFor } from "./phases.ts";
import { kindOfPath, type NotTwiceReason, type SurveyedPlace, type SurveyFailure, withoutIds } from "./places.ts";
import type { Clock, Store, Telemetry, Upstream } from "./ports.ts";
import type { PlaceBook, SurveyedPair } from "./record/place-book.ts";
import type { Redactor } from "./record/redaction.ts";
import { keyAtHead } from "./route/entity-key.ts";

export interface NoiseParts {
  readonly book: PlaceBook;
  readonly secondReads: SecondReads;
  readonly surveyor: Surveyor;
  readonly redactor: Pick<Redactor, "redactPlaces">;
  readonly store: Pick<Store, "append">;
  readonly telemetry: Pick<Telemetry, "secondRead">;
  readonly upstream: (role: Role, service: ReturnType<typeof serviceOf>) => Upstream;
  readonly forwarder: ForwarderParts;
  readonly markKey: Buffer;
  readonly clock: Clock;
  /** 0 up to 1. */
  readonly random: () => number;
  readonly caught: (step: string, error: unknown) => void;
}

/** A request of a route that has reads asked twice, as far as it is known before the primary is called. */
type Arrived = Pick<Exchange, "snapshot" | "request" | "route" | "params"> & {
  readonly plan: Pick<Exchange["plan"], "primary" | "requestClass">;
};

/** A compared exchange; `requestBody` null: there is no copy of it in memory. */
export interface AskedBoth {
  readonly exchange: Exchange;
  readonly requestBody: Buffer | null;
  readonly key: string;
}

/** What the pipeline tells of one request; `forwarder` pays for the copy of a read that is mirrored to nobody. */
export interface Watched {
  readonly forwarder: ForwarderParts | null;
  ended(ending: PrimaryEnding): void;
  closed(): void;
}

export interface Noise {
  /** null: nothing is to be learnt from how this request ends. */
  watch(arrived: Arrived): Watched | null;
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
const WRITTEN_EVERY_MS = 1_000;

/** What makes an answer one of several, or part of one; or the request more than a question. */
const NOT_PLAIN = new HeaderNames([
  "if-none-match",
  "if-modified-since",
  "if-match",
  "if-unmodified-since",
  "if-range",
  "range",
  "transfer-encoding",
  "upgrade",
  "expect",
]);
/** The second read is complete in itself. */
const NOT_SENT_AGAIN = new HeaderNames(["connection", "te", "trailer", "content-length"]);

/** As `NoiseState` of one route, while it is counted. */
interface Counts {
  askedTwice: number;
  readonly notAskedTwice: Partial<Record<NotTwiceReason, number>>;
  counted: number;
  readonly notCounted: Partial<Record<SurveyFailure, number>>;
}

/** Writes of one entity, by which reads that one of them crossed are known. */
interface Writes {
  inFlight: number;
  begun: number;
}

export function createNoise(parts: NoiseParts): Noise {
  const counts = new Map<string, Counts>();
  const writes = new Map<string, Writes>();
  let watched = 0;
  let timer: NodeJS.Timeout | null = null;

  function countsOf(route: string): Counts {
    let found = counts.get(route);
    if (found === undefined) {
      found = { askedTwice: 0, notAskedTwice: {}, counted: 0, notCounted: {} };
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

  function watch(arrived: Arrived): Watched | null {
    const { route, request, plan } = arrived;
    if (route.compare.module !== null) return null;
    if (plan.requestClass === "write") return watchWrite(writesOf(route));
    if (!isPlainRead(request) || parts.random() >= route.compare.noise.readShare) return null;
    const why = watched >= MOST_WATCHED ? "busy" : parts.secondReads.whyNotNow(primaryOf(arrived).origin);
    if (why === null) return watchRead(arrived);
    notTwice(route.name, why);
    return null;
  }

  function watchWrite(ofEntity: Writes): Watched {
    ofEntity.inFlight += 1;
    ofEntity.begun += 1;
    return { forwarder: null, ended: () => void (ofEntity.inFlight -= 1), closed: () => undefined };
  }

  function watchRead(arrived: Arrived): Watched {
    const ofEntity = writesOf(arrived.route);
    const { inFlight, begun } = ofEntity;
    const wasWritten = (): boolean => inFlight > 0 || ofEntity.begun !== begun;
    let first: ComparableAnswer | NotTwiceReason | null = null;
    let isClosed = false;
    watched += 1;
    return {
      // What is larger than is looked at finds no room here, and is not kept.
      forwarder: { ...parts.forwarder, budget: new ByteBudget(SURVEYED_MAX_BYTES) },
      ended(ending) {
        // There is no answer, or nobody who got it.
        if (ending.end !== "answered" || isClosed) watched -= 1;
        else first = comparable(ending);
      },
      closed() {
        isClosed = true;
        const answer = first;
        if (typeof answer === "string") endRead(arrived.route.name, answer);
        else if (answer !== null) setImmediate(() => guard(() => askAgain(arrived, answer, wasWritten)));
      },
    };
  }

  function endRead(route: string, why: NotTwiceReason): void {
    watched -= 1;
    notTwice(route, why);
  }

  function askAgain(arrived: Arrived, first: ComparableAnswer, wasWritten: () => boolean): void {
    const { route, request } = arrived;
    const service = primaryOf(arrived);
    parts.secondReads.send({
      origin: service.origin,
      // Connections of copies: no client waits for one of these.
      upstream: parts.upstream("shadow", service),
      target: request.target,
      headers: secondHeaders(request, hostFor(service), parts.markKey),
      timeoutMs: Math.min(service.asPrimary.timeoutMs, SECOND_READ_MS),
      ended: (end) => {
        const why = whyNotCompared(end, wasWritten());
        if (why !== null) endRead(route.name, why);
        else void compareTwice(arrived, first, end as SecondAnswer);
      },
    });
  }

  async function compareTwice(arrived: Arrived, first: ComparableAnswer, { status, headers, bytes }: SecondAnswer) {
    const { route, request, params } = arrived;
    const second: ComparableAnswer = { status, headers, body: { kind: "bytes", bytes } };
    const atHead = keyAtHead({ route, params, request });
    const asked = { exchange: arrived, requestBody: null, key: atHead.known ? atHead.key : null };
    const why = await learn(asked, "primary-twice", first, second);
    if (why !== null) {
      endRead(route.name, why);
      return;
    }
    watched -= 1;
    countsOf(route.name).askedTwice += 1;
    guard(() => parts.telemetry.secondRead(route.name, "compared"));
  }

  /** null: the places are in the book. Never rejects. */
  async function learn(
    asked: Parameters<Redactor["redactPlaces"]>[0],
    of: SurveyedPair["of"],
    first: ComparableAnswer,
    second: ComparableAnswer,
  ): Promise<SurveyFailure | null> {
    const { route } = asked.exchange;
    const survey = await parts.surveyor.survey({ first, second, rules: route.compare, now: parts.clock.now() });
    if ("why" in survey) return survey.why;
    return new Promise((resolve) => {
      inSlices(() => {
        try {
          parts.book.add(redacted(asked, of, survey.places));
          timer ??= setTimeout(keep, WRITTEN_EVERY_MS).unref();
          resolve(null);
        } catch (error) {
          parts.caught("noise", error);
          resolve("failed");
        }
      });
    });
  }

  function redacted(
    asked: Parameters<Redactor["redactPlaces"]>[0],
    of: SurveyedPair["of"],
    surveyed: SurveyedPair["places"],
  ): SurveyedPair {
    const { route, request, params } = asked.exchange;
    const shown = parts.redactor.redactPlaces(
      asked,
      surveyed.map(({ at }) => at),
    );
    return {
      route: route.name,
      method: request.method,
      path: kindOfPath(shown.path, shown.key, params),
      rules: digestOf(route.compare),
      of,
      places: merged(
        surveyed.map((place, i) => {
          const { at, isSecret } = shown.places[i] as (typeof shown.places)[number];
          return { ...place, at: withoutIds(at, shown.key), ...(isSecret ? { valueClass: "secret" } : {}) };
        }),
      ),
      at: parts.clock.now(),
    };
  }

  function keep(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const places = parts.book.takeChanged();
    if (places.length > 0) parts.store.append([{ type: "places", places }]);
  }

  function compared(asked: AskedBoth, primary: Answer, shadow: Answer): void {
    const { compare, name } = asked.exchange.route;
    if (compare.noise.comparedShare === 0 || compare.module !== null) return;
    if (parts.random() >= compare.noise.comparedShare) return;
    const told = (why: SurveyFailure | null): void => {
      const ofRoute = countsOf(name);
      if (why === null) ofRoute.counted += 1;
      else ofRoute.notCounted[why] = (ofRoute.notCounted[why] ?? 0) + 1;
    };
    const [first, second] = [inMemory(primary), inMemory(shadow)];
    if (first === null || second === null) told("too-large");
    else void learn(asked, "both-services", first, second).then(told);
  }

  return {
    watch,
    compared,
    sawFailure: (origin) => parts.secondReads.sawFailure(origin),
    of: countsOf,
    async close() {
      await parts.surveyor.close();
      guard(keep);
    },
  };
}

type SecondAnswer = Exclude<SecondReadEnd, { readonly why: NotTwiceReason }>;

function primaryOf({ snapshot, plan, route }: Arrived): ReturnType<typeof serviceOf> {
  return serviceOf(snapshot.settings, serviceNameFor(plan.primary, route));
}

/** A GET that asks for the whole of something, from a client and not from another Crossfade. */
function isPlainRead({ method, headers }: RequestHead): boolean {
  if (method !== "GET") return false;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (NOT_PLAIN.has(name) || isCrossfadeHeader(name)) return false;
  }
  return (headerOf(headers, "content-length") ?? "0") === "0";
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

/** Names that are ids to this exchange alone were different places before. */
function merged(places: SurveyedPair["places"]): SurveyedPair["places"] {
  const byPlace = new Map<string, SurveyedPlace>();
  for (const place of places) {
    const known = byPlace.get(place.at);
    const both = known === undefined || known.sides === place.sides ? place.sides : "both";
    byPlace.set(place.at, { ...place, ...known, sides: both, differs: place.differs || known?.differs === true });
  }
  return [...byPlace.values()];
}

const digests = new WeakMap<CompareSettings, string>();

/** Tells whether two counts were made by the same rules. */
function digestOf(compare: CompareSettings): string {
  let digest = digests.get(compare);
  if (digest === undefined) {
    const { noise: _noise, ...rules } = compare;
    digest = hash("sha256", JSON.stringify(rules), "hex").slice(0, 8);
    digests.set(compare, digest);
  }
  return digest;
}
