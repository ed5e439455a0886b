/**
 * What has been learnt of places in answers: counts, classes, and how many different values the primary has answered with;
 * no value. Bounded in every direction; what finds no room is counted and left out. The store keeps a copy.
 */
import type { KeptPlace, OwnDisagreement, PlaceRecord, SurveyedPlace } from "../evidence/places.ts";
import { MANY_PATHS } from "../evidence/places.ts";

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
/** Of a full book: what was seen but once is let go of after so long; it may be a name that a client made up. */
const SEEN_ONCE_KEPT_MS = 60_000;
/** And what a store would have let go of (retention.ts). */
const KEPT_MS = 7 * 24 * 60 * 60 * 1000;

/** A place while it is counted. */
type Row = { -readonly [Name in keyof KeptPlace]: KeptPlace[Name] };

/** By kind of path, then by place: a pair has a hundred places of one address. */
type Paths = Map<string, Map<string, Row>>;

export class PlaceBook {
  readonly #paths = new Map<string, Paths>();
  readonly #changed = new Set<Row>();
  #size = 0;
  #roomMadeAt = -Infinity;

  /** What the store has of earlier runs. Called before anything is added. */
  restore(places: readonly KeptPlace[]): void {
    for (const place of places.slice(0, MOST_PLACES)) {
      rowsAt(this.#pathsOf(place), place.path).set(place.at, { ...place });
      this.#size += 1;
    }
  }

  /** Returns how many of the pair's places found no room. */
  add(pair: SurveyedPair): number {
    const paths = this.#pathsOf(pair);
    const path = paths.has(pair.path) || paths.size < MOST_PATHS ? pair.path : MANY_PATHS;
    const rows = rowsAt(paths, path);
    let leftOut = 0;
    for (const place of pair.places) {
      let row = rows.get(place.at);
      if (row === undefined) {
        if (this.#size >= MOST_PLACES) this.#makeRoom(pair.at);
        if (this.#size >= MOST_PLACES) {
          leftOut += 1;
          continue;
        }
        this.#size += 1;
        rows.set(place.at, (row = newRow(pair, path, place.at)));
      } else if (row.rules !== pair.rules) {
        Object.assign(row, newRow(pair, path, place.at));
      }
      count(row, place, pair);
      this.#changed.add(row);
    }
    return leftOut;
  }

  /** What has changed since this was last called. */
  takeChanged(): readonly KeptPlace[] {
    const changed = [...this.#changed].map((row) => ({ ...row }));
    this.#changed.clear();
    return changed;
  }

  /** By address; of one route, or of all. */
  list(route?: string): readonly PlaceRecord[] {
    return [...this.#paths.values()]
      .flatMap((paths) => [...paths.values()].flatMap((rows) => [...rows.values()]))
      .filter((row) => route === undefined || row.route === route)
      .map((row): [string, Row] => [[row.route, row.method, row.path, row.at].join("\n"), row])
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, row]) => shown(row));
  }

  /** Where the primary was asked twice, whatever the path; places that are not known are left out. */
  ownDisagreements(route: string, method: string, places: readonly string[]): readonly OwnDisagreement[] {
    const paths = [...this.#pathsOf({ route, method }).values()];
    return places.flatMap((at) => {
      const found = paths.flatMap((rows) => rows.get(at) ?? []);
      const askedTwice = found.reduce((sum, row) => sum + row.askedTwice, 0);
      const differedWithItself = found.reduce((sum, row) => sum + row.differedWithItself, 0);
      return askedTwice === 0 ? [] : [{ at, askedTwice, differedWithItself }];
    });
  }

  /** Once a minute at most: it looks at every place. */
  #makeRoom(now: number): void {
    if (now - this.#roomMadeAt < SEEN_ONCE_KEPT_MS) return;
    this.#roomMadeAt = now;
    for (const paths of this.#paths.values()) {
      for (const rows of paths.values()) {
        for (const [at, row] of rows) {
          const keptMs = row.compared + row.askedTwice > 1 ? KEPT_MS : SEEN_ONCE_KEPT_MS;
          if (row.lastSeen > now - keptMs) continue;
          rows.delete(at);
          this.#size -= 1;
        }
      }
    }
  }

  #pathsOf({ route, method }: { readonly route: string; readonly method: string }): Paths {
    const key = `${method} ${route}`;
    let paths = this.#paths.get(key);
    if (paths === undefined) this.#paths.set(key, (paths = new Map()));
    return paths;
  }
}

function rowsAt(paths: Paths, path: string): Map<string, Row> {
  let rows = paths.get(path);
  if (rows === undefined) paths.set(path, (rows = new Map()));
  return rows;
}

function newRow({ route, method, rules, at: since }: SurveyedPair, path: string, at: string): Row {
  return {
    route,
    method,
    path,
    at,
    rules,
    askedTwice: 0,
    differedWithItself: 0,
    compared: 0,
    onBothSides: 0,
    differed: 0,
    values: 0,
    smallest: [],
    classes: [],
    since,
    lastSeen: since,
  };
}

function count(row: Row, { sides, differs, valueClass, hash }: SurveyedPlace, { of, at }: SurveyedPair): void {
  const differed = differs ? 1 : 0;
  row.lastSeen = at;
  if (of === "primary-twice") {
    row.askedTwice += 1;
    row.differedWithItself += differed;
    return;
  }
  row.compared += 1;
  row.differed += differed;
  if (sides === "both") row.onBothSides += 1;
  if (sides === "second") return;
  row.classes = withClass(row.classes, valueClass);
  if (hash === null) return;
  row.values += 1;
  row.smallest = withHash(row.smallest, hash);
}

function withClass(classes: KeptPlace["classes"], name: string): KeptPlace["classes"] {
  if (classes.some(([known]) => known === name))
    return classes.map(([known, times]) => [known, known === name ? times + 1 : times]);
  return classes.length >= MOST_CLASSES ? classes : [...classes, [name, 1]];
}

function withHash(smallest: readonly number[], hash: number): readonly number[] {
  const last = smallest.at(-1);
  if (last !== undefined && hash > last) return smallest.length < HASHES_KEPT ? [...smallest, hash] : smallest;
  const at = smallest.findIndex((known) => known >= hash);
  if (at < 0) return [hash];
  return smallest[at] === hash ? smallest : smallest.toSpliced(at, 0, hash).slice(0, HASHES_KEPT);
}

function shown({ rules: _, smallest, classes, since, lastSeen, ...place }: KeptPlace): PlaceRecord {
  return {
    ...place,
    distinct: Math.min(place.values, distinctOf(smallest)),
    classes: classes.map(([name, times]) => ({ class: name, count: times })).sort((a, b) => b.count - a.count),
    since: new Date(since).toISOString(),
    lastSeen: new Date(lastSeen).toISOString(),
  };
}

/** The k-th smallest of n hashes that lie evenly is about k/n of the way (Bar-Yossef et al., RANDOM 2002). */
function distinctOf(smallest: readonly number[]): number {
  if (smallest.length < HASHES_KEPT) return smallest.length;
  return Math.round(((HASHES_KEPT - 1) * HASHES) / (smallest[HASHES_KEPT - 1] as number));
}
