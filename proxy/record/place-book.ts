/**
 * What has been learnt of places in answers: counts, classes, and how many different values the primary has answered with;
 * no value. Bounded in every direction; what finds no room is counted and left out. The store keeps a copy.
 */
import type { KeptPlace, OwnDisagreement, PlaceRecord, SurveyedPlace } from "../places.ts";
import { MANY_PATHS } from "../places.ts";

/** The places of one pair, redacted. */
export interface SurveyedPair {
  readonly route: string;
  readonly method: string;
  /** As `kindOfPath` spells it. */
  readonly path: string;
  /** Digest of the rules that it was compared by. */
  readonly rules: string;
  /** Two answers of the primary to one read, or an answer of each service. */
  readonly of: "primary-twice" | "both-services";
  readonly places: readonly SurveyedPlace[];
  /** Epoch ms. */
  readonly at: number;
}

const MOST_PLACES = 4_000;
/** Of one route and method. */
const MOST_PATHS = 8;
const MOST_CLASSES = 4;
/** From this many on, how many different values there were is estimated (to about 13 %), before that it is counted. */
const HASHES_KEPT = 64;
const HASHES = 2 ** 48;

export class PlaceBook {
  readonly #places = new Map<string, KeptPlace>();
  readonly #paths = new Map<string, Set<string>>();
  readonly #changed = new Set<string>();

  /** What the store has of earlier runs. Called before anything is added. */
  restore(places: readonly KeptPlace[]): void {
    for (const place of places.slice(0, MOST_PLACES)) {
      this.#places.set(keyOf(place), place);
      this.#pathsOf(place).add(place.path);
    }
  }

  /** Returns how many of the pair's places found no room. */
  add(pair: SurveyedPair): number {
    let leftOut = 0;
    const paths = this.#pathsOf(pair);
    const path = paths.has(pair.path) || paths.size < MOST_PATHS ? pair.path : MANY_PATHS;
    for (const place of pair.places) {
      const address = { route: pair.route, method: pair.method, path, at: place.at };
      const key = keyOf(address);
      const known = this.#places.get(key);
      if (known === undefined && this.#places.size >= MOST_PLACES) {
        leftOut += 1;
        continue;
      }
      paths.add(path);
      const before = known?.rules === pair.rules ? known : { ...address, ...NOTHING_YET, since: pair.at };
      this.#places.set(key, { ...counted(before, place, pair), rules: pair.rules, lastSeen: pair.at });
      this.#changed.add(key);
    }
    return leftOut;
  }

  /** What has changed since this was last called. */
  takeChanged(): readonly KeptPlace[] {
    const changed = [...this.#changed].flatMap((key) => this.#places.get(key) ?? []);
    this.#changed.clear();
    return changed;
  }

  /** By address; of one route, or of all. */
  list(route?: string): readonly PlaceRecord[] {
    return [...this.#places.values()]
      .filter((place) => route === undefined || place.route === route)
      .sort((a, b) => compareTexts(keyOf(a), keyOf(b)))
      .map(shown);
  }

  /** Where the primary was asked twice, whatever the path; places that are not known are left out. */
  ownDisagreements(route: string, method: string, places: readonly string[]): readonly OwnDisagreement[] {
    return places.flatMap((at) => {
      const found = [...this.#pathsOf({ route, method })].flatMap(
        (path) => this.#places.get(keyOf({ route, method, path, at })) ?? [],
      );
      const askedTwice = found.reduce((sum, place) => sum + place.askedTwice, 0);
      const differedWithItself = found.reduce((sum, place) => sum + place.differedWithItself, 0);
      return askedTwice === 0 ? [] : [{ at, askedTwice, differedWithItself }];
    });
  }

  #pathsOf({ route, method }: { readonly route: string; readonly method: string }): Set<string> {
    const key = JSON.stringify([route, method]);
    let paths = this.#paths.get(key);
    if (paths === undefined) this.#paths.set(key, (paths = new Set()));
    return paths;
  }
}

const NOTHING_YET = {
  rules: "",
  askedTwice: 0,
  differedWithItself: 0,
  compared: 0,
  onBothSides: 0,
  differed: 0,
  values: 0,
  smallest: [],
  classes: [],
  lastSeen: 0,
} as const;

function counted(
  before: KeptPlace,
  { sides, differs, valueClass, hash }: SurveyedPlace,
  pair: SurveyedPair,
): KeptPlace {
  const differed = differs ? 1 : 0;
  if (pair.of === "primary-twice") {
    return {
      ...before,
      askedTwice: before.askedTwice + 1,
      differedWithItself: before.differedWithItself + differed,
    };
  }
  const both = {
    ...before,
    compared: before.compared + 1,
    onBothSides: before.onBothSides + (sides === "both" ? 1 : 0),
    differed: before.differed + differed,
  };
  if (sides === "second") return both;
  const classes = withClass(before.classes, valueClass);
  if (hash === null) return { ...both, classes };
  return { ...both, classes, values: before.values + 1, smallest: withHash(before.smallest, hash) };
}

function withClass(classes: KeptPlace["classes"], name: string): KeptPlace["classes"] {
  if (classes.some(([known]) => known === name))
    return classes.map(([known, count]) => [known, known === name ? count + 1 : count]);
  return classes.length >= MOST_CLASSES ? classes : [...classes, [name, 1]];
}

function withHash(smallest: readonly number[], hash: number): readonly number[] {
  const at = smallest.findIndex((known) => known >= hash);
  if (at >= 0 && smallest[at] === hash) return smallest;
  if (at < 0) return smallest.length < HASHES_KEPT ? [...smallest, hash] : smallest;
  return smallest.toSpliced(at, 0, hash).slice(0, HASHES_KEPT);
}

function shown({ rules: _, smallest, classes, since, lastSeen, ...place }: KeptPlace): PlaceRecord {
  return {
    ...place,
    distinct: Math.min(place.values, distinctOf(smallest)),
    classes: classes.map(([name, count]) => ({ class: name, count })).sort((a, b) => b.count - a.count),
    since: new Date(since).toISOString(),
    lastSeen: new Date(lastSeen).toISOString(),
  };
}

/** The k-th smallest of n hashes that lie evenly is about k/n of the way (Bar-Yossef et al., RANDOM 2002). */
function distinctOf(smallest: readonly number[]): number {
  if (smallest.length < HASHES_KEPT) return smallest.length;
  return Math.round(((HASHES_KEPT - 1) * HASHES) / (smallest[HASHES_KEPT - 1] as number));
}

function keyOf({ route, method, path, at }: Pick<KeptPlace, "route" | "method" | "path" | "at">): string {
  return JSON.stringify([route, method, path, at]);
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a === b ? 0 : 1;
}
