/**
 * A list of an API as pages of rows after a key. A list that is sorted by its key is asked for what comes after it. Any other
 * goes on from a cursor or the number of a page, which nothing can tell from a key: so for a key that ends a page it is kept
 * where that was, and the key of an earlier run is looked for from the start. Whatever is asked for is asked anew: rows that
 * were read earlier are never handed out.
 */
import type { HttpRows } from "../../../proxy/config/collection-settings.ts";
import { type Row, type RowKey, type RowPage, type RowValue, spellKey } from "../../../proxy/rows/rows.ts";
import { type AnswerReader, toldBy } from "./answers.ts";
import type { RowAnswer } from "./client.ts";

export interface ListParts {
  readonly place: Pick<HttpRows, "url" | "paging" | "limit" | "pageRows" | "total">;
  readonly reader: Pick<AnswerReader, "rows" | "key">;
  /** What a GET of the list is answered. @throws CrossfadeError where that is no 2xx */
  readonly get: (target: string) => Promise<RowAnswer>;
  /** Of people: the list's path. */
  readonly what: string;
  readonly unusable: (why: string) => Error;
}

export interface RowList {
  page(after: RowKey | null, limit: number, upTo: RowKey | null): Promise<RowPage>;
  /** The first rows, and how many there are where the list tells. */
  sample(): Promise<{ readonly rows: readonly Row[]; readonly total: number | null }>;
}

type Parameters = readonly (readonly [name: string, value: string])[];

interface Fetched {
  readonly rows: readonly Row[];
  readonly answer: RowAnswer;
}

export function rowList(parts: ListParts): RowList {
  const { place, reader, get, what } = parts;
  const base = new URL(place.url);

  const limited = (rows: number): Parameters => (place.limit === null ? [] : [[place.limit, String(rows)]]);

  async function fetchRows(target: string): Promise<Fetched> {
    const answer = await get(target);
    return { answer, rows: reader.rows(answer, what) };
  }

  const pages = place.paging.by === "key" ? byKey(place.paging.after) : bySpot(parts, base, limited, fetchRows);

  /** Who answers fewer rows than it was asked for may have more: only an empty answer is the end. */
  function byKey(names: readonly string[]): Pick<RowList, "page"> {
    return {
      async page(after, limit) {
        const rows: Row[] = [];
        let from = after;
        while (rows.length < limit) {
          const key = from;
          const wanted = limited(Math.min(place.pageRows, limit - rows.length));
          const parameters: Parameters = [
            ...(key === null ? [] : names.map((name, i) => [name, spellPart(key[i] ?? null)] as const)),
            ...wanted,
          ];
          const fetched = await fetchRows(withParameters(base, parameters));
          if (fetched.rows.length === 0) return { rows, isFull: false };
          const of = key === null ? null : spellKey(key);
          if (fetched.rows.some((row) => spellKey(reader.key(row)) === of)) {
            throw parts.unusable(
              `${what} lists the key ${of} when it is asked for what comes after it: ${names.join(", ")} has to leave it out`,
            );
          }
          rows.push(...fetched.rows.slice(0, limit - rows.length));
          from = reader.key(rows.at(-1) as Row);
        }
        return { rows, isFull: true };
      },
    };
  }

  return {
    async page(after, limit, upTo) {
      const page = await pages.page(after, limit, null);
      if (upTo === null) return page;
      // Asked of sources alone that compute digests, which this one does not; its order is taken to be the key's.
      const rows = page.rows.filter((row) => compareKeys(reader.key(row), upTo) <= 0);
      return { rows, isFull: page.isFull && rows.length === page.rows.length };
    },
    async sample() {
      const { rows, answer } = await fetchRows(withParameters(base, firstPage(place, limited(place.pageRows))));
      const total = place.total === null ? null : toldBy(answer, place.total);
      const isTold = total !== null && /^\d{1,15}$/.test(total);
      return { rows, total: isTold ? Number(total) : place.paging.by === "whole" ? rows.length : null };
    },
  };
}

function firstPage({ paging }: ListParts["place"], limit: Parameters): Parameters {
  return paging.by === "page" ? [[paging.page, String(paging.first)], ...limit] : limit;
}

/** Where an answer of the list is. null: the first one; a value or URL that the one before it told; the number of a page. */
type Spot = string | number | null;

interface Position {
  readonly spot: Spot;
  /** It begins after the key; else the key is in it. */
  readonly isAfter: boolean;
}

/** Two that read the same source, and each a page ahead, are far below. */
const POSITIONS_KEPT = 64;
/** A list that moves faster than it is read. */
const MOST_MOVES = 10;

function bySpot(
  { place, reader, what, unusable }: ListParts,
  base: URL,
  limited: (rows: number) => Parameters,
  fetchRows: (target: string) => Promise<Fetched>,
): Pick<RowList, "page"> {
  const { paging } = place;
  const known = new Map<string, Position>();
  const limit = limited(place.pageRows);

  function remember(key: RowKey, position: Position): void {
    known.set(spellKey(key), position);
    const [oldest] = known.keys();
    if (known.size > POSITIONS_KEPT && oldest !== undefined) known.delete(oldest);
  }

  /** `next` undefined: the list ends. */
  async function fetchAt(spot: Spot): Promise<{ readonly rows: readonly Row[]; readonly next: Spot | undefined }> {
    switch (paging.by) {
      case "page": {
        const number = Number(spot ?? paging.first);
        const { rows } = await fetchRows(withParameters(base, [[paging.page, String(number)], ...limit]));
        return { rows, next: rows.length === 0 ? undefined : number + 1 };
      }
      case "cursor": {
        const { rows, answer } = await fetchRows(targetOf(spot, paging.cursor));
        const next = toldBy(answer, paging.next) ?? undefined;
        if (next !== undefined && next === spot) throw unusable(`${what} goes on where it already is`);
        return { rows, next };
      }
      case "whole":
        return { rows: (await fetchRows(withParameters(base, limit))).rows, next: undefined };
      default:
        throw new TypeError(`a list by ${paging.by} is asked by its keys`);
    }
  }

  function targetOf(spot: Spot, cursor: string | null): string {
    if (spot === null) return withParameters(base, limit);
    if (cursor !== null) return withParameters(base, [[cursor, String(spot)], ...limit]);
    const url = URL.parse(String(spot), base.href);
    if (url !== null && url.origin === base.origin) return `${url.pathname}${url.search}`;
    throw unusable(`${what} goes on at another host, where its headers are not sent`);
  }

  /**
   * Rows that are removed or added meanwhile move all later ones: what comes after a page is its successor only if the page
   * still ends where it did once the successor was read.
   */
  async function hasMoved(spot: Spot, last: RowKey): Promise<boolean> {
    if (paging.by !== "page" || spot === null || Number(spot) <= paging.first) return false;
    const { rows } = await fetchAt(Number(spot) - 1);
    const end = rows.at(-1);
    return end === undefined || spellKey(reader.key(end)) !== spellKey(last);
  }

  /** Looks from the start, as where a key stood is known of this run alone. */
  async function find(key: RowKey): Promise<Position> {
    const spelled = spellKey(key);
    for (let spot: Spot | undefined = null; spot !== undefined;) {
      const fetched: Awaited<ReturnType<typeof fetchAt>> = await fetchAt(spot);
      if (fetched.rows.some((row) => spellKey(reader.key(row)) === spelled)) return { spot, isAfter: false };
      spot = fetched.next;
    }
    throw unusable(`${what} no longer has the key ${spelled}, after which it was to go on; begin anew (--restart)`);
  }

  return {
    async page(after, most) {
      const rows: Row[] = [];
      let last = after;
      let moves = 0;
      let { spot, isAfter }: Position =
        after === null ? { spot: null, isAfter: true } : (known.get(spellKey(after)) ?? (await find(after)));
      for (;;) {
        const { rows: fetched, next } = await fetchAt(spot);
        if (last !== null && isAfter && (await hasMoved(spot, last))) {
          moves += 1;
          if (moves > MOST_MOVES) throw unusable(`${what} moves faster than it is read; read it by after, or by next`);
          ({ spot, isAfter } = await find(last));
          continue;
        }
        const of = last === null ? null : spellKey(last);
        const at = isAfter ? -1 : fetched.findIndex((row) => spellKey(reader.key(row)) === of);
        // Of one that is gone the whole page is read again: rather twice than never.
        const fresh = fetched.slice(at + 1);
        const taken = fresh.slice(0, most - rows.length);
        rows.push(...taken);
        const end = taken.at(-1);
        if (end !== undefined) last = reader.key(end);
        const isDone = next === undefined;
        if (rows.length === most && last !== null) {
          const isWhole = taken.length === fresh.length;
          remember(last, isWhole && !isDone ? { spot: next, isAfter: true } : { spot, isAfter: false });
          return { rows, isFull: true };
        }
        if (isDone) return { rows, isFull: false };
        ({ spot, isAfter } = { spot: next, isAfter: true });
      }
    },
  };
}

function withParameters(base: URL, parameters: Parameters): string {
  const url = new URL(base);
  for (const [name, value] of parameters) url.searchParams.set(name, value);
  return `${url.pathname}${url.search}`;
}

/** A part of a key as a parameter, or a part of a path, has it. */
export function spellPart(value: RowValue): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString("base64") : String(value);
}

function compareKeys(a: RowKey, b: RowKey): number {
  for (const [i, value] of a.entries()) {
    const [mine, theirs] = [sortable(value), sortable(b[i] ?? null)];
    if (mine !== theirs) return mine < theirs ? -1 : 1;
  }
  return 0;
}

function sortable(value: RowValue): bigint | number | string {
  return typeof value === "bigint" || typeof value === "number" ? value : spellPart(value);
}
