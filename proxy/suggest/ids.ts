/** Which places hold ids and tokens that each service makes for itself, as `values` of routes. Pure. */
import type { ListedValue } from "../ids/value-pairs.ts";
import { STAND_IN } from "../evidence/stored-pair.ts";
import type { AnsweredPair, SeenExchange } from "./id-sightings.ts";
import { isIdName, isOwnId, meansBusiness } from "./names.ts";

/** One entry of `learn` or `apply`. */
export interface SuggestedPlace {
  readonly at: string;
  readonly kind: string;
  /** Part of a URL's path; null: the whole text, or the last part of a Location. */
  readonly segment: number | null;
  /** Of tokens, which end by themselves; as the configuration has it. */
  readonly keep: string | null;
  readonly because: string;
}

export interface SuggestedValues {
  readonly route: string;
  readonly learn: readonly SuggestedPlace[];
  readonly apply: readonly SuggestedPlace[];
  /** What somebody has to look at, in sentences. */
  readonly doubts: readonly string[];
}

/** Seen less often, it may be anything. */
const SEEN_AT_LEAST = 3;
/** So many of a place's values have to be new each time. */
const FRESH_SHARE = 0.9;
/** So many of the values at a place have to be of the kind, where the values of several kinds look alike. */
const OF_KIND_SHARE = 0.5;
/** Proposed, for want of the tokens' own end. */
const TOKENS_KEPT = "1d";
const SAFE = /^(?:GET|HEAD|OPTIONS|TRACE)$/;

/** One place of a route's answers that makes values. */
interface Maker {
  readonly route: string;
  readonly at: string;
  readonly segment: number | null;
  readonly kind: string;
  readonly isSecret: boolean;
  /** Of the primary's values, each with the shadow's. */
  readonly made: ReadonlyMap<string, string>;
}

/** A pair that is mapped already; of a secret one neither value is told. */
export type MappedPair = Pick<ListedValue, "kind" | "legacy" | "next" | "secret">;

/** In the order of `exchanges`, of a legacy that is primary. `mapped`: such pairs no longer differ in an answer. Routes that need nothing beyond what they have (`learn at`, `apply at`) are left out. */
export function suggestValues(
  exchanges: readonly SeenExchange[],
  has: ReadonlyMap<string, ReadonlySet<string>>,
  mapped: readonly MappedPair[],
): readonly SuggestedValues[] {
  const known = mapped.flatMap(({ kind, legacy, next }) =>
    legacy === null || next === null ? [] : [{ kind, primary: legacy, shadow: next }],
  );
  const makers = makersIn(exchanges, new Set(known.map(pairKey)));
  const uses = usesIn(exchanges, makers, known);
  // A secret in Authorization or a cookie is masked whole, and does not show whether it comes again.
  const refused = refusedOf(exchanges);
  const isUsed = (maker: Maker): boolean =>
    maker.isSecret ? refused.size > 0 : uses.some(({ kind }) => kind === maker.kind);
  const wanted = makers.filter(isUsed);
  const secretKinds = [...wanted.filter(({ isSecret }) => isSecret), ...mapped.filter(({ secret }) => secret)];
  const tokens = [...new Set(secretKinds.map(({ kind }) => kind))];
  const routes = [...new Set(exchanges.map(({ route }) => route))];
  return routes
    .map((route): SuggestedValues => {
      const isNew = (list: "learn" | "apply", at: string): boolean => has.get(route)?.has(`${list} ${at}`) !== true;
      const learn = wanted.filter((maker) => maker.route === route && isNew("learn", maker.at)).map(learnPlace);
      const apply: SuggestedPlace[] = [];
      const doubts = cookieDoubts(route, exchanges);
      for (const { kind, at, segment, values, because } of uses.filter((use) => use.route === route)) {
        if (!isNew("apply", at)) continue;
        if (at !== "path:") apply.push({ at, kind, segment, keep: null, because });
        else
          doubts.push(
            `${values} of kind ${kind} stand in the path, where the route names no part; write its path with :id`,
          );
      }
      const times = isNew("apply", "header:authorization") ? (refused.get(route) ?? 0) : 0;
      if (times > 0 && tokens.length === 1) {
        const because = `the shadow answered 401 or 403 to ${times} requests with credentials that the primary took`;
        apply.push({ at: "header:authorization", kind: tokens[0] as string, segment: null, keep: null, because });
      } else if (times > 0) {
        const why =
          tokens.length === 0 ? "no answer was seen that hands them out" : `they may be any of ${tokens.join(", ")}`;
        doubts.push(`the shadow refused the credentials of ${times} requests that the primary took; ${why}`);
      }
      return { route, learn, apply, doubts };
    })
    .filter(({ learn, apply, doubts }) => learn.length + apply.length + doubts.length > 0);
}

function learnPlace({ at, kind, segment, isSecret, made }: Maker): SuggestedPlace {
  return {
    at,
    kind,
    segment,
    keep: isSecret ? TOKENS_KEPT : null,
    because: `${made.size} values, each of one service alone and new each time`,
  };
}

/**
 * Places at which accepted writes answered with a new value on each side. What the same pair was seen at before is told
 * again, and taught where it was made.
 */
function makersIn(exchanges: readonly SeenExchange[], known: ReadonlySet<string>): readonly Maker[] {
  const first = new Map<string, string>([...known].map((key) => [key, ""]));
  const places = new Map<
    string,
    { route: string; pair: AnsweredPair; kind: string; pairs: [string, string][]; told: number }
  >();
  for (const exchange of exchanges) {
    if (SAFE.test(exchange.method) || !isAccepted(exchange)) continue;
    for (const pair of exchange.answered) {
      const key = placeKey(exchange.route, pair);
      const values = pairKey(pair);
      const isOld = (first.get(values) ?? exchange.id) !== exchange.id || isAsked(exchange, pair.primary);
      if (!first.has(values)) first.set(values, exchange.id);
      const place = places.get(key) ?? {
        route: exchange.route,
        pair,
        kind: kindOf(exchange, pair),
        pairs: [],
        told: 0,
      };
      places.set(key, place);
      if (isOld) place.told += 1;
      else place.pairs.push([pair.primary, pair.shadow]);
    }
  }
  const makers = [...places.values()].flatMap(({ route, pair, kind, pairs, told }): readonly Maker[] => {
    if (pairs.length < SEEN_AT_LEAST || pairs.length < told || !isBijection(pairs)) return [];
    if (namesAnother(pair.at, kind)) return [];
    const isSecret = pairs.every(([value]) => STAND_IN.test(value));
    return [{ route, at: pair.at, segment: pair.segment, kind, isSecret, made: new Map(pairs) }];
  });
  return makers.map((maker) => ({ ...maker, kind: sharedKind(maker, makers) }));
}

/** What two places of an answer say alike (`/slug` and its Location) is one kind, by its shortest name. */
function sharedKind({ route, kind, made }: Maker, makers: readonly Maker[]): string {
  const alike = makers.filter(
    (other) => other.route === route && [...made].some(([primary, shadow]) => other.made.get(primary) === shadow),
  );
  return alike.map((other) => other.kind).reduce((best, each) => (each.length < best.length ? each : best), kind);
}

/** Of one value one partner, both ways, and hardly any twice. */
function isBijection(pairs: readonly (readonly [string, string])[]): boolean {
  const both = new Set(pairs.map(([ours, theirs]) => JSON.stringify([ours, theirs]))).size;
  const ours = new Set(pairs.map(([value]) => value)).size;
  const theirs = new Set(pairs.map(([, value]) => value)).size;
  return ours === both && theirs === both && both >= FRESH_SHARE * pairs.length;
}

/** `authorId` of a post: whose create was seen or not, the value is made elsewhere. */
function namesAnother(at: string, kind: string): boolean {
  const name = nameOf(at);
  return isIdName(`/${name}`) && !isOwnId(`/${name}`) && !isNamedAfter(name, kind);
}

/** `user` of `POST /users`; of a value that is not the entity's own id, its name too: `user-slug`. */
function kindOf({ path }: SeenExchange, { at }: AnsweredPair): string {
  const words = path.split("/").filter((part) => /^[A-Za-z][A-Za-z_-]*$/.test(part));
  const entity = singular((words.at(-1) ?? "entity").toLowerCase());
  const name = at.startsWith("answer:")
    ? (at
        .split("/")
        .filter((part) => part !== "*")
        .at(-1) ?? "")
    : "";
  const isOwn = name === "" || /^_?(?:id|uuid|guid|ulid)$/i.test(name);
  const spelled = name
    .replace(/([a-z\d])([A-Z])/g, "$1-$2")
    .replace(/[^A-Za-z\d]+/g, "-")
    .toLowerCase();
  return isOwn ? entity : `${entity}-${spelled}`;
}

function singular(word: string): string {
  return word.replace(/ies$/, "y").replace(/(?<=[^s])s$/, "");
}

interface Use {
  readonly route: string;
  readonly at: string;
  readonly segment: number | null;
  readonly kind: string;
  readonly values: number;
  readonly because: string;
}

interface Place {
  readonly route: string;
  readonly at: string;
  readonly segment: number | null;
  readonly seen: Set<string>;
  /** By kind, the values that are of it. */
  readonly ofKind: Map<string, Set<string>>;
  /** Names of the place, and what a path says before the value: `users` of `/users/17`. */
  readonly names: Set<string>;
  /** Both sides' values were seen, and not the primary's alone. */
  readonly isOfPairs: boolean;
}

function usesIn(
  exchanges: readonly SeenExchange[],
  makers: readonly Maker[],
  known: readonly { readonly kind: string; readonly primary: string; readonly shadow: string }[],
): readonly Use[] {
  const kindsByValue = new Map<string, Set<string>>();
  const kindsByPair = new Map<string, Set<string>>();
  for (const { kind, made } of makers) {
    for (const [primary, shadow] of made) {
      add(kindsByValue, primary, kind);
      add(kindsByPair, pairKey({ primary, shadow }), kind);
    }
  }
  for (const { kind, ...pair } of known) {
    add(kindsByValue, pair.primary, kind);
    add(kindsByPair, pairKey(pair), kind);
  }
  const learnt = new Set(makers.map((maker) => placeKey(maker.route, maker)));
  const places = new Map<string, Place>();
  const placeOf = (route: string, at: string, segment: number | null, isOfPairs: boolean): Place => {
    const key = placeKey(route, { at, segment });
    const known = places.get(key);
    if (known !== undefined) return known;
    const place = {
      route,
      at,
      segment,
      seen: new Set<string>(),
      ofKind: new Map(),
      names: new Set([nameOf(at)]),
      isOfPairs,
    };
    places.set(key, place);
    return place;
  };
  for (const { route, path, answered, asked } of exchanges) {
    for (const { at, value } of asked) {
      const place = placeOf(route, at, null, false);
      place.seen.add(value);
      if (at.startsWith("path:")) place.names.add(wordBefore(path, value));
      for (const kind of kindsByValue.get(value) ?? []) add(place.ofKind, kind, value);
    }
    for (const pair of answered) {
      if (learnt.has(placeKey(route, pair))) continue;
      const place = placeOf(route, pair.at, pair.segment, true);
      place.seen.add(pair.primary);
      for (const kind of kindsByPair.get(pairKey(pair)) ?? []) add(place.ofKind, kind, pair.primary);
    }
  }
  return [...places.values()].flatMap((place) => useAt(place));
}

/** Nothing where no kind stands out, or where numbers may be no ids at all. */
function useAt({ route, at, segment, seen, ofKind, names, isOfPairs }: Place): readonly Use[] {
  if (meansBusiness(nameOf(at))) return [];
  const ranked = [...ofKind]
    .map(([kind, values]) => ({ kind, values, isNamed: [...names].some((name) => isNamedAfter(name, kind)) }))
    .sort((a, b) => Number(b.isNamed) - Number(a.isNamed) || b.values.size - a.values.size);
  const [best, second] = ranked;
  if (best === undefined) return [];
  const { kind, isNamed } = best;
  const count = best.values.size;
  if (!isNamed) {
    // Numbers of two kinds are often the same, and a quantity is soon the same as an id.
    if (second?.values.size === count || count < Math.max(2, OF_KIND_SHARE * seen.size)) return [];
    if (!isOfPairs && !isIdName(`/${nameOf(at)}`) && [...best.values].every((value) => /^\d{1,9}$/.test(value)))
      return [];
  }
  const because = `${count} of ${seen.size} different values here were made as ${kind}`;
  return [{ route, at, segment, kind, values: count, because }];
}

function isNamedAfter(word: string, kind: string): boolean {
  const entity = kind.split("-", 1)[0] as string;
  return singular(word.toLowerCase()) === entity || word.toLowerCase().replace(/[^a-z]/g, "") === `${entity}id`;
}

function nameOf(at: string): string {
  return (
    at
      .replace(/^[a-z-]+:/, "")
      .split("/")
      .filter((part) => part !== "*")
      .at(-1) ?? ""
  );
}

function wordBefore(path: string, value: string): string {
  const parts = path.split("/");
  return parts[parts.indexOf(encodeURIComponent(value)) - 1] ?? "";
}

/** By route, requests with credentials that the primary took and the shadow refused. */
function refusedOf(exchanges: readonly SeenExchange[]): ReadonlyMap<string, number> {
  const refused = new Map<string, number>();
  for (const { route, status, shadowStatus, hasCredentials } of exchanges) {
    if (hasCredentials !== true || status === null || status >= 400) continue;
    if (shadowStatus === 401 || shadowStatus === 403) refused.set(route, (refused.get(route) ?? 0) + 1);
  }
  return refused;
}

/** Names of cookies are not in the evidence: their header is masked whole. */
function cookieDoubts(route: string, exchanges: readonly SeenExchange[]): string[] {
  const sets = exchanges.filter((exchange) => exchange.route === route).flatMap(({ setsCookie }) => setsCookie ?? []);
  const oneSided = sets.filter(({ primary, shadow }) => primary !== shadow);
  const both = sets.filter(({ primary, shadow }) => primary && shadow);
  const [first] = oneSided;
  if (first !== undefined) {
    const who = first.primary ? "the primary" : "the shadow";
    return [
      `${oneSided.length} answers set a cookie of ${who} alone: a session that one side has cannot be mapped; exclude the routes that need it (mirror: { writes: false })`,
    ];
  }
  if (both.length === 0) return [];
  return [`${both.length} answers set a cookie on both sides: if it is a session, learn and apply it as cookie:NAME`];
}

function isAccepted({ status, shadowStatus }: SeenExchange): boolean {
  return [status, shadowStatus].every((each) => each !== null && each >= 200 && each < 400);
}

function isAsked({ asked }: SeenExchange, value: string): boolean {
  return asked.some((each) => each.value === value);
}

function placeKey(route: string, { at, segment }: Pick<AnsweredPair, "at" | "segment">): string {
  return JSON.stringify([route, at, segment]);
}

function pairKey({ primary, shadow }: Pick<AnsweredPair, "primary" | "shadow">): string {
  return JSON.stringify([primary, shadow]);
}

function add(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([value]));
  else set.add(value);
}
