/**
 * The value map: what is one id, token or slug at legacy and another one at next. Pairs are learnt from the two answers to one
 * exchange, put into what the shadow is sent, and taken back out of its answer before that is compared. What clients say and are told
 * is the common tongue: as long as legacy has always been the primary, legacy's (held.ts).
 */
import type { LearnPlace, ValuePlace, ValueSettings } from "../../config/settings.ts";
import type { Difference } from "../../evidence/evidence.ts";
import type { Answer, BodyCopy, Exchange, Identity, RawHeaders } from "../../exchange.ts";
import { isAccepted } from "../verdicts.ts";
import { asClientsKnow } from "./answer-map.ts";
import { carry, type Carried, type Carrying, type Message } from "./carried.ts";
import type { Documents } from "./documents.ts";
import type { PairBook } from "./pair-book.ts";
import { atService, bothSides, isPair, isTurned } from "./held.ts";
import { findInAnswer, findInRequest, type FoundValue } from "./places.ts";
import { mapRequest, type MappedRequest, type ReadBody, valueName } from "./request-map.ts";
import { otherSide, type Value, type ValuePair } from "./seal.ts";
import { type Teaching, Teachings } from "./teaching.ts";

export interface ValueMapOptions {
  readonly book: PairBook;
  readonly readBody: ReadBody;
  /** Epoch ms. */
  readonly now: () => number;
  readonly monotonic: () => number;
}

/** A complete answer, as far as it is read. */
export interface AnswerToRead {
  readonly status: number;
  readonly headers: RawHeaders;
  /** null: not in memory. */
  readonly body: Buffer | null;
}

/** Who was the primary, where. */
export type Taught = Pick<Exchange, "snapshot" | "route"> & { readonly plan: Pick<Exchange["plan"], "primary"> };

export class ValueMap {
  readonly #options: ValueMapOptions;
  readonly #teachings = new Teachings();
  readonly #stopped = Promise.withResolvers<"stopped">();

  constructor(options: ValueMapOptions) {
    this.#options = options;
  }

  /**
   * An exchange that the primary accepted takes its position; called in the order of the primary's answers. null: its route
   * has no such values.
   */
  begin(exchange: Exchange, requestBody: Buffer | null, primary: AnswerToRead): Teaching | null {
    const { route, request, params } = exchange;
    const { values } = route;
    if (!isMapped(values)) return null;
    // A read makes nothing: it may teach, but nobody waits for it.
    const makes = exchange.plan.requestClass === "write" && isAccepted(primary.status);
    const made = makes ? findInAnswer(this.#answer(primary), values.learn) : [];
    if (made.length === 0) return this.#teachings.begin([]);
    // What the request names already was there before.
    const body = requestBody === null ? NO_BYTES : requestBody;
    const asked = {
      target: request.target,
      headers: request.headers,
      ...this.#options.readBody(request.headers, body),
    };
    const named = new Set(findInRequest(asked, values.apply, { route, params }).map(valueName));
    return this.#teachings.begin(made.filter((value) => !named.has(valueName(value))));
  }

  /** The exchange ends without the shadow's answer, or with one that taught nothing. May be called again. */
  end(exchange: Exchange, teaching: Teaching): void {
    const side = exchange.plan.primary;
    const { book } = this.#options;
    const turned = isTurned(exchange.snapshot, exchange.route);
    this.#teachings.end(teaching, ({ kind, text }) => {
      if (book.isKnown({ kind, text, side })) return true;
      return turned && book.isKnown({ kind, text, side: otherSide(side) });
    });
  }

  /** What the rewrite stage does to this copy, once its values are known. */
  request(copy: {
    readonly exchange: Exchange;
    readonly body: BodyCopy;
    readonly primary: AnswerToRead;
    readonly made: boolean;
    readonly teaching: Teaching;
    readonly deadline: number;
  }): Promise<MappedRequest> {
    const { book, readBody, monotonic } = this.#options;
    const stopped = this.#stopped.promise;
    const { primary, teaching, ...rest } = copy;
    return mapRequest(
      { book, teachings: this.#teachings, readBody, monotonic, stopped },
      { ...rest, answer: this.#answer(primary), position: teaching.position },
    );
  }

  /** The same for a request that is sent once more, long after: it makes nothing, and may wait for everybody. */
  repeated(exchange: Exchange, body: BodyCopy, deadline: number): Promise<MappedRequest> {
    const { book, readBody, monotonic } = this.#options;
    const parts = { book, teachings: this.#teachings, readBody, monotonic, stopped: this.#stopped.promise };
    const answer = this.#answer({ headers: [], body: null });
    return mapRequest(parts, { exchange, body, answer, made: false, position: Infinity, deadline });
  }

  /**
   * Learns from both answers and ends the teaching once the store has the pairs. Resolves with a difference for each pair that
   * contradicts one that is known.
   */
  async learn(
    exchange: Exchange,
    teaching: Teaching,
    passed: ReadonlySet<string>,
    primary: AnswerToRead,
    shadow: AnswerToRead,
  ): Promise<readonly Difference[]> {
    try {
      return await this.#learn(exchange, passed, primary, shadow);
    } finally {
      this.end(exchange, teaching);
    }
  }

  /** The same of two answers about one entity that no client asked for. `about`: as of an exchange. */
  learnOf(about: Taught, passed: ReadonlySet<string>, primary: AnswerToRead, shadow: AnswerToRead) {
    return this.#learn(about, passed, primary, shadow);
  }

  /** What `side` answers, as clients would have been told it by the primary; `other` as `asClientsKnow` has it. */
  told(answer: Answer, places: readonly ValuePlace[], side: Identity, other: Identity | null): Promise<Answer> {
    return asClientsKnow(this.#options, answer, places, side, other);
  }

  /** Values of an entity that Crossfade itself carries to a service. */
  carry(message: Message, order: Carrying): Promise<Carried> {
    const { book, readBody } = this.#options;
    return carry({ book, readBody, teacherOf: (value) => this.#teachings.teacherOf(value, Infinity) }, message, order);
  }

  async #learn(
    about: Taught,
    passed: ReadonlySet<string>,
    primary: AnswerToRead,
    shadow: AnswerToRead,
  ): Promise<readonly Difference[]> {
    if (!isAccepted(primary.status) || !isAccepted(shadow.status)) return [];
    const sides = [this.#answer(primary), this.#answer(shadow)] as const;
    const { learn } = about.route.values;
    // What was sent as it came, the shadow only says back.
    const both = pairUp(sides, learn).filter((one) => !passed.has(valueName(one.primary)));
    const atPrimary = await this.#atPrimary(about, both);
    const lessons = await Promise.all(
      both.map(async (one, i) => {
        const pair = this.#pairOf(about, one, atPrimary[i] ?? one.primary);
        return { one, lesson: await this.#options.book.teach(pair) };
      }),
    );
    return lessons.flatMap(({ one, lesson }) => (lesson === "conflict" ? [conflictOf(one, sides)] : []));
  }

  /** What the primary itself calls the values that its answer, as clients got it, says. */
  async #atPrimary({ snapshot, route, plan }: Taught, both: readonly Both[]): Promise<readonly Value[]> {
    const { book } = this.#options;
    if (!isTurned(snapshot, route)) return [];
    await book.look(both.flatMap(({ primary }) => bothSides(primary)));
    return both.map(({ primary }) => {
      const partner = atService(book, { kind: primary.kind, text: primary.text, side: plan.primary });
      return isPair(partner) ? partner.other : primary;
    });
  }

  /** The shadow's answer as clients would have got it, for the comparison. */
  async answer(exchange: Exchange, shadow: Answer): Promise<Answer> {
    const { values } = exchange.route;
    if (!isMapped(values)) return shadow;
    const { primary } = exchange.plan;
    return asClientsKnow(this.#options, shadow, [...values.learn, ...values.apply], otherSide(primary), primary);
  }

  /** Nobody waits any longer: the process ends. */
  stop(): void {
    this.#stopped.resolve("stopped");
    this.#options.book.close();
  }

  #answer({ headers, body }: Omit<AnswerToRead, "status">): Documents {
    return { target: "", headers, ...this.#options.readBody(headers, body ?? NO_BYTES) };
  }

  #pairOf({ plan }: Taught, { primary: { kind }, shadow, keepMs }: Both, primary: Value): ValuePair {
    const valueOf = ({ text, spelling }: Value): Value => ({ text, spelling });
    const [a, b] = [valueOf(primary), valueOf(shadow)];
    const until = keepMs === null ? null : this.#options.now() + keepMs;
    const [legacy, next] = plan.primary === "legacy" ? [a, b] : [b, a];
    return { kind, legacy, next, held: plan.primary, until };
  }
}

const NO_BYTES = Buffer.alloc(0);

export function isMapped({ learn, apply, give }: ValueSettings): boolean {
  return learn.length > 0 || apply.length > 0 || give.length > 0;
}

interface Both {
  readonly primary: FoundValue;
  readonly shadow: FoundValue;
  readonly keepMs: number | null;
}

/**
 * Values that stand at the same place in both answers, each once. Where one side has more of them than the other, nobody knows
 * which belong together. Of two spellings the one in JSON counts: it knows numbers from texts.
 */
function pairUp([primary, shadow]: readonly [Documents, Documents], places: readonly LearnPlace[]): readonly Both[] {
  const both = new Map<string, Both>();
  for (const place of places) {
    const ours = findInAnswer(primary, [place]);
    const theirs = findInAnswer(shadow, [place]);
    if (ours.length !== theirs.length) continue;
    for (const [i, one] of ours.entries()) {
      const other = theirs[i] as FoundValue;
      if (one.at !== other.at) continue;
      const name = JSON.stringify([one.kind, one.text, other.text]);
      const known = both.get(name);
      if (known === undefined || known.primary.spelling === "plain") {
        both.set(name, { primary: one, shadow: other, keepMs: place.keepMs });
      }
    }
  }
  return [...both.values()];
}

/** The first pair stands. */
function conflictOf({ primary, shadow }: Both, [ours, theirs]: readonly [Documents, Documents]): Difference {
  if (typeof primary.in === "number" && typeof shadow.in === "number") {
    // All of the header: its redaction knows which part is secret.
    const [a, b] = [ours.headers[primary.in] ?? null, theirs.headers[shadow.in] ?? null];
    const name = (ours.headers[primary.in - 1] as string).toLowerCase();
    return { at: `header:${name}`, kind: "conflict", primary: a, shadow: b };
  }
  return { at: primary.at, kind: "conflict", primary: jsonOf(primary), shadow: jsonOf(shadow) };
}

function jsonOf({ text, spelling }: FoundValue): string {
  return spelling === "number" ? text : JSON.stringify(text);
}
