/** What a store has recorded of a route, turned into pairs of values by place. Pure. */
import { generalPlace } from "../evidence/groups.ts";
import type { Difference, DifferenceKind, DivergenceRecord } from "../evidence/evidence.ts";
import { parseExact } from "../json/parse-exact.ts";
import { JsonNumber, type JsonValue } from "../json/value.ts";
import type { PlaceRecord } from "../evidence/places.ts";
import { scopesOf } from "./scopes.ts";

/** What is known of a route. */
export interface RouteEvidence {
  readonly route: string;
  /** Exchanges of the route that were compared: match, ignored, divergent. */
  readonly compared: number;
  readonly divergent: number;
  readonly mustMatch: readonly string[];
  /** Names of the rules that the route has. */
  readonly rules: readonly string[];
  /** Divergent exchanges, the newest without a gap. */
  readonly records: readonly DivergenceRecord[];
  /** Of causes that are not among them; evidence of what differs, not of how often. */
  readonly samples: readonly DivergenceRecord[];
  /** What has been counted of places, where the route asks for it (`compare.noise`). */
  readonly places: readonly PlaceRecord[];
}

/** What stood on one side. `secret`: redacted; `unread`: cut, or not JSON. */
export type Side =
  | { readonly is: "value"; readonly value: JsonValue }
  | { readonly is: "absent" | "secret" | "unread" };

export interface Pair {
  readonly difference: Difference;
  readonly primary: Side;
  readonly shadow: Side;
  readonly record: DivergenceRecord;
  readonly scope: Scope;
  /** It is of the exchanges that are counted, and not a sample. */
  readonly isCounted: boolean;
}

/** Exchanges of one method and one kind of path: what is in the answer of one of them is likely in those of all. */
export interface Scope {
  readonly method: string;
  /** Exchanges whose answers were compared to the end and differed. */
  divergent: number;
}

/** Everything that was seen to differ at one place. */
export interface PlaceEvidence {
  /** As a rule has it: a pointer with `*`, `header:NAME` or `status`; empty for the whole body. */
  readonly at: string;
  readonly pairs: readonly Pair[];
}

export interface Gathered {
  readonly places: readonly PlaceEvidence[];
  /** Of the exchanges of the same time, those that did not differ anywhere: of which scope is not known. */
  readonly agreed: number;
  /** Places beyond those that are kept. */
  readonly morePlaces: number;
}

/** Hostile bodies may have a place for each answer. */
const MOST_PLACES = 2_000;

export function gather(evidence: RouteEvidence): Gathered {
  const counted = evidence.records.filter(isOwnCause);
  const sampled = evidence.samples.filter(isOwnCause);
  const keys = scopesOf([...counted, ...sampled]);
  const scopes = new Map<string, Scope>();
  const scopeOf = (record: DivergenceRecord): Scope => {
    const key = keys.get(record) as string;
    let scope = scopes.get(key);
    if (scope === undefined) scopes.set(key, (scope = { method: record.method, divergent: 0 }));
    return scope;
  };
  const places = new Map<string, Pair[]>();
  let morePlaces = 0;
  for (const [i, record] of [...counted, ...sampled].entries()) {
    const scope = scopeOf(record);
    const isCounted = i < counted.length;
    if (isCounted && sameClass(record)) scope.divergent += 1;
    for (const difference of record.differences) {
      const key = keyOf(difference);
      let pairs = places.get(key);
      if (pairs === undefined) {
        if (places.size >= MOST_PLACES) {
          morePlaces += 1;
          continue;
        }
        places.set(key, (pairs = []));
      }
      pairs.push({ ...sidesOf(difference), difference, record, scope, isCounted });
    }
  }
  const window = evidence.divergent === 0 ? 0 : Math.min(1, evidence.records.length / evidence.divergent);
  return {
    places: [...places].map(([key, pairs]) => ({ at: key.startsWith("status") ? "status" : key, pairs })),
    agreed: Math.max(0, evidence.compared - evidence.divergent) * window,
    morePlaces,
  };
}

/** What follows from a failed write says nothing about how the services differ. */
function isOwnCause({ outcome, taintedBy, differences }: DivergenceRecord): boolean {
  return outcome === "divergent" && taintedBy === null && differences.length > 0;
}

/** Of answers of two status classes nothing but that is compared. */
function sameClass({ primary, shadow }: DivergenceRecord): boolean {
  return Math.trunc((primary.status ?? 0) / 100) === Math.trunc((shadow?.status ?? 0) / 100);
}

/** Each pair of statuses is a place of its own. */
function keyOf({ at, kind, primary, shadow }: Difference): string {
  return kind === "status" ? `status ${primary} ${shadow}` : generalPlace(withoutSecrets(at));
}

/** A name that was redacted in part is a name nobody can write in a rule. */
function withoutSecrets(at: string): string {
  if (!STAND_IN.test(at)) return at;
  return at
    .split("/")
    .map((token) => (STAND_IN.test(token) ? "*" : token))
    .join("/");
}

const STAND_IN = /\[redacted [0-9a-f]{8}\]/;

function sidesOf({ at, kind, primary, shadow }: Difference): Pick<Pair, "primary" | "shadow"> {
  const read = readerFor(at, kind);
  return { primary: read(primary), shadow: read(shadow) };
}

function readerFor(at: string, kind: DifferenceKind): (text: string | null) => Side {
  const readKnown: (text: string) => Side =
    kind === "status"
      ? (text) => ({ is: "value", value: new JsonNumber(text) })
      : at.startsWith("header:")
        ? (text) => ({ is: "value", value: text })
        : kind === "body" || kind === "length" || kind === "conflict"
          ? () => ({ is: "unread" })
          : readJson;
  return (text) => {
    if (text === null) return { is: "absent" };
    return STAND_IN.test(text) ? { is: "secret" } : readKnown(text);
  };
}

function readJson(text: string): Side {
  const read = parseExact(text);
  return read.ok ? { is: "value", value: read.value } : { is: "unread" };
}
