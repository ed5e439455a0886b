/**
 * Keeps some exchanges whole, as evidence that can be compared again under other rules. Everything is decided before any
 * copy is made, and nothing is queued before it is redacted.
 */
import type { Answer, BodyCopy, Exchange, Settled, WholeAnswer } from "../exchange.ts";
import type { Outcome } from "../outcome.ts";
import type { StoreWrite } from "../ports.ts";
import { PAIR_OUTCOMES, type PairLoss, type StoredPair } from "../stored-pair.ts";
import type { CompareSettings } from "../config/settings.ts";
import { moduleName, rulesOnValues } from "../rule-names.ts";
import { PairChoice } from "./pair-choice.ts";
import type { DecodeBody } from "./pair-redaction.ts";
import type { Redactor } from "./redaction.ts";

/** Of each body, as it came and without its content coding. */
export const PAIR_BODY_MAX_BYTES = 64 * 1024;
/** Of target and headers of a request, or the headers of an answer. */
const HEAD_MAX_CHARS = 16 * 1024;
/** Of the whole as JSON, in which a character may take six. */
const PAIR_MAX_CHARS = 512 * 1024;

export interface PairKeeperParts {
  /** false: none is kept. */
  readonly isOn: boolean;
  readonly redactor: Pick<Redactor, "redactPair">;
  readonly decode: DecodeBody;
  readonly monotonic: () => number;
}

export interface PairKeeper {
  /** Both answers where this exchange may be kept, else null. Called for each comparison: it copies nothing. */
  choose(exchange: Exchange, outcome: Outcome, primary: Answer, shadow: Answer): Settled["answers"];
  /** What the store is to keep of it, or null. `group`: of its record, where it has one. May throw. */
  keep(settled: Settled, group: string | null): Extract<StoreWrite, { type: "pair" }> | null;
  /** One could not be redacted. */
  failed(): void;
  /** Pairs that were chosen and not kept, since the process began. */
  losses(): Readonly<Record<Exclude<PairLoss, "no-room">, number>>;
}

export function createPairKeeper({ isOn, redactor, decode, monotonic }: PairKeeperParts): PairKeeper {
  const choice = new PairChoice(monotonic);
  const losses = { "too-large": 0, failed: 0 };

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

  function keep(settled: Settled, group: string | null): Extract<StoreWrite, { type: "pair" }> | null {
    const { exchange, outcome, moreDifferences } = settled;
    const { route, request } = exchange;
    const kind = PAIR_OUTCOMES.find((known) => known === outcome.kind);
    if (kind === undefined) return null;
    const bucket = group ?? `${kind} ${request.method} ${route.name}`;
    if (kind === "divergent" && !choice.takes(bucket)) return null;
    const redacted = redactor.redactPair(settled, decode);
    const pair: StoredPair | null =
      redacted === null
        ? null
        : {
            id: exchange.id,
            time: new Date(exchange.arrivedAt).toISOString(),
            route: route.name,
            phase: route.phase,
            outcome: kind,
            group,
            rules: rulesOf(route.compare),
            moreDifferences,
            ...redacted,
          };
    const json = pair === null ? null : JSON.stringify(pair);
    if (pair === null || json === null || json.length > PAIR_MAX_CHARS) {
      losses["too-large"] += 1;
      return null;
    }
    const { id, key } = pair;
    return { type: "pair", id, at: exchange.arrivedAt, route: route.name, bucket, group, outcome: kind, key, json };
  }

  return { choose, keep, failed: () => void (losses.failed += 1), losses: () => ({ ...losses }) };
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
