/**
 * Keeps some exchanges whole, as evidence that can be compared again under other rules. Everything is decided before any
 * copy is made, and nothing is queued before it is redacted.
 */
import type { Answer, BodyCopy, Exchange, Settled, WholeAnswer } from "../exchange.ts";
import type { Outcome } from "../outcome.ts";
import type { StoreWrite } from "../ports.ts";
import { PAIR_OUTCOMES, type PairLoss, type PairOutcome, type StoredPair } from "../evidence/stored-pair.ts";
import type { CompareSettings } from "../config/compare-settings.ts";
import { moduleName, rulesOnValues } from "../evidence/rule-names.ts";
import { PairChoice } from "./pair-choice.ts";
import { PairQueue } from "./pair-queue.ts";
import type { DecodeBody } from "./pair-redaction.ts";
import type { Redactor } from "./redaction.ts";

/** Of each body, as it came and without its content coding. */
export const PAIR_BODY_MAX_BYTES = 64 * 1024;
/** Of target and headers of a request, or the headers of an answer. */
const HEAD_MAX_CHARS = 16 * 1024;
/** What one that waits takes beside its bodies: heads, the exchange. */
const OVERHEAD_BYTES = 8 * 1024;
/** Of the whole as JSON, in which a character may take six. */
const PAIR_MAX_CHARS = 512 * 1024;

export interface PairKeeperParts {
  /** false: none is kept. */
  readonly isOn: boolean;
  readonly redactor: Pick<Redactor, "redactPair">;
  readonly decode: DecodeBody;
  readonly monotonic: () => number;
  /** One could not be redacted. */
  readonly caught: (error: unknown) => void;
}

export type PairWrite = Extract<StoreWrite, { type: "pair" }>;

export interface PairKeeper {
  /** Both answers where this exchange may be kept, else null. Called for each comparison: it copies nothing. */
  choose(exchange: Exchange, outcome: Outcome, primary: Answer, shadow: Answer): Settled["answers"];
  /** Keeps it, perhaps: then `write` is called, once it is redacted. `group`: of its record, where it has one. */
  keep(settled: Settled, group: string | null, write: (pair: PairWrite) => void): void;
  /** Resolves when all that was to be kept until now has been handed over. */
  whenDone(): Promise<void>;
  /** Hands all that waits over at once. */
  finish(): void;
  /** Pairs that were chosen and not kept, since the process began. */
  losses(): Readonly<Record<PairLoss, number>>;
}

export function createPairKeeper({ isOn, redactor, decode, monotonic, caught }: PairKeeperParts): PairKeeper {
  const choice = new PairChoice(monotonic);
  const losses: Record<PairLoss, number> = { "too-large": 0, failed: 0, "no-room": 0 };
  const queue = new PairQueue(monotonic, (error) => {
    losses.failed += 1;
    caught(error);
  });

  function choose(exchange: Exchange, outcome: Outcome, primary: Answer, shadow: Answer): Settled["answers"] {
    const kind = PAIR_OUTCOMES.find((known) => known === outcome.kind);
    if (!isOn || kind === undefined) return null;
    const { route, request } = exchange;
    if (!choice.mayTake(route.name, request.method, kind)) return null;
    const answers = { primary: wholeAnswer(primary), shadow: wholeAnswer(shadow) };
    const headFits = request.target.length + charsOf(request.headers) <= HEAD_MAX_CHARS;
    if (headFits && answers.primary !== null && answers.shadow !== null)
      return { primary: answers.primary, shadow: answers.shadow };
    losses["too-large"] += 1;
    return null;
  }

  function keep(settled: Settled, group: string | null, write: (pair: PairWrite) => void): void {
    const { exchange, outcome, answers, requestBody } = settled;
    const kind = PAIR_OUTCOMES.find((known) => known === outcome.kind);
    if (kind === undefined || answers === null) return;
    const bucket = group ?? `${kind} ${exchange.request.method} ${exchange.route.name}`;
    if (kind === "divergent" && !choice.takes(bucket)) return;
    if (requestBody === null || requestBody.length > PAIR_BODY_MAX_BYTES) {
      losses["too-large"] += 1;
      return;
    }
    const { primary, shadow } = answers;
    const bytes = OVERHEAD_BYTES + requestBody.length + primary.body.length + shadow.body.length;
    if (!queue.add(stepsOf(settled, { kind, group, bucket }, write), bytes)) losses["no-room"] += 1;
  }

  function* stepsOf(
    settled: Settled,
    { kind, group, bucket }: Kept,
    write: (pair: PairWrite) => void,
  ): Generator<void, void> {
    const { exchange, moreDifferences } = settled;
    const { id, arrivedAt, route } = exchange;
    const redacted = yield* redactor.redactPair(settled, decode);
    yield;
    const time = new Date(arrivedAt).toISOString();
    const about = { id, time, route: route.name, phase: route.phase, outcome: kind, group };
    const rules = rulesOf(route.compare);
    const pair: StoredPair | null = redacted === null ? null : { ...about, rules, moreDifferences, ...redacted };
    const json = pair === null ? null : JSON.stringify(pair);
    if (pair === null || json === null || json.length > PAIR_MAX_CHARS) {
      losses["too-large"] += 1;
      return;
    }
    const { key } = pair;
    write({ type: "pair", id, at: arrivedAt, route: route.name, bucket, group, outcome: kind, key, json });
  }

  return {
    choose,
    keep,
    whenDone: () => queue.whenDone(),
    finish: () => queue.finish(),
    losses: () => ({ ...losses }),
  };
}

const namesOf = new WeakMap<CompareSettings, readonly string[]>();

/** The same list for all pairs of a route's settings. */
function rulesOf(compare: CompareSettings): readonly string[] {
  let names = namesOf.get(compare);
  if (names === undefined) {
    const { module } = compare;
    names = [...rulesOnValues(compare).map(({ name }) => name), ...(module === null ? [] : [moduleName(module)])];
    namesOf.set(compare, names);
  }
  return names;
}

interface Kept {
  readonly kind: PairOutcome;
  readonly group: string | null;
  readonly bucket: string;
}

function wholeAnswer({ status, headers, body }: Answer): WholeAnswer | null {
  const bytes = bytesOf(body);
  return bytes === null || charsOf(headers) > HEAD_MAX_CHARS ? null : { status, headers, body: bytes };
}

function bytesOf(body: BodyCopy): Buffer | null {
  return body.kind === "memory" && body.bytes.length <= PAIR_BODY_MAX_BYTES ? body.bytes : null;
}

function charsOf(headers: readonly string[]): number {
  return headers.reduce((sum, part) => sum + part.length, 0);
}
