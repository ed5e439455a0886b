/**
 * Rows whose ids differ at next, with what the value map says of them: a row that next has made already is written under the id
 * that next gave it, a new one teaches the pair, and columns that name other rows get next's ids.
 */
import type { CollectionValues } from "../config/collection-settings.ts";
import { putColumn, type Row, type RowKey, type RowSource, type RowValue } from "../rows/rows.ts";
import {
  type JsonSpelling,
  MOST_ROW_VALUES,
  type RowValueAsked,
  type RowValuePair,
  type RowValues,
} from "../rows/row-values.ts";
import type { Made } from "./made-rows.ts";
import type { Transformer } from "./transformer.ts";

/** A row of the target with the one that it was made of. */
export interface MadeOf {
  readonly of: Row;
  readonly row: Row;
}

export type Mapped = { readonly ok: true; readonly row: Row } | { readonly ok: false; readonly why: string };

/**
 * In the order of the rows. `teaches`: pairs that nobody knows are taught, and a row that names one that is unknown is not ok;
 * else such values stay as they are.
 */
export async function mapRows(
  rows: readonly MadeOf[],
  { learn, apply }: CollectionValues,
  ask: RowValues,
  teaches: boolean,
): Promise<readonly Mapped[]> {
  let mapped: readonly Mapped[] = rows.map(({ row }) => ({ ok: true, row }));
  for (const { from, to, kind } of learn) {
    const first = new Set<Row>();
    mapped = await withPartners(
      mapped,
      ask,
      (row, i) => {
        const of = (rows[i] as MadeOf).of;
        const [legacy, next] = [textOf(of[from]), textOf(row[to])];
        // Of several rows that one was made of the first is the one.
        if (legacy === null || first.has(of)) return null;
        first.add(of);
        const pair = { kind, legacy, next: next ?? "", spelled: [spellingOf(of[from]), spellingOf(row[to])] as const };
        return { to, like: row[to] ?? null, asked: teaches && next !== null ? pair : { kind, legacy } };
      },
      (asked) =>
        asked.next === undefined
          ? null
          : `${kind} ${asked.next} of next is the partner of another one than ${asked.legacy}`,
    );
  }
  for (const { at, kind } of apply) {
    mapped = await withPartners(
      mapped,
      ask,
      (row) => {
        const legacy = textOf(row[at]);
        return legacy === null ? null : { to: at, like: row[at] ?? null, asked: { kind, legacy } };
      },
      (asked) =>
        teaches ? `column ${at}: ${kind} ${asked.legacy} has no partner at next yet; bring over its rows first` : null,
    );
  }
  return mapped;
}

interface Wanted {
  /** The column that gets the partner, in the way of `like`. */
  readonly to: string;
  readonly like: RowValue;
  readonly asked: RowValueAsked;
}

async function withPartners(
  rows: readonly Mapped[],
  ask: RowValues,
  want: (row: Row, index: number) => Wanted | null,
  whyUnknown: (asked: RowValueAsked) => string | null,
): Promise<readonly Mapped[]> {
  const wanted = rows.map((one, i) => (one.ok ? want(one.row, i) : null));
  const pairs = await askInParts(
    wanted.flatMap((one) => (one === null ? [] : [one.asked])),
    ask,
  );
  let at = 0;
  return rows.map((one, i) => {
    const of = wanted[i] ?? null;
    if (!one.ok || of === null) return one;
    const next = pairs[at++]?.next ?? null;
    if (next === null) {
      const why = whyUnknown(of.asked);
      return why === null ? one : { ok: false, why };
    }
    const row = { ...one.row };
    putColumn(row, of.to, valueLike(of.like, next));
    return { ok: true, row };
  });
}

async function askInParts(asked: readonly RowValueAsked[], ask: RowValues): Promise<readonly RowValuePair[]> {
  const pairs: RowValuePair[] = [];
  for (let from = 0; from < asked.length; from += MOST_ROW_VALUES) {
    pairs.push(...(await ask(asked.slice(from, from + MOST_ROW_VALUES))));
  }
  return pairs;
}

/** For what reads alone: rows as they ought to be at the target by what is known now. */
export function mappingTransformer(transformer: Transformer, values: CollectionValues, ask: RowValues): Transformer {
  return {
    async make(rows) {
      const made = await transformer.make(rows);
      const flat = made.flatMap((one, i) => (one.ok ? one.rows.map((row) => ({ of: rows[i] as Row, row })) : []));
      const mapped = await mapRows(flat, values, ask, false);
      let at = 0;
      return made.map((one): Made => {
        if (!one.ok) return one;
        const own = mapped.slice(at, (at += one.rows.length));
        const problem = own.find((each) => !each.ok);
        if (problem !== undefined && !problem.ok) return { ok: false, why: problem.why };
        return { ok: true, rows: own.flatMap((each) => (each.ok ? [each.row] : [])) };
      });
    },
    close: () => transformer.close(),
  };
}

/** Of keys of the target the source's, in their order; null: nothing tells. */
export type SourceKeys = (keys: readonly RowKey[]) => Promise<readonly (RowKey | null)[]>;

/** undefined: the keys are the same on both sides, but for what a transform does. */
export async function sourceKeysBy(
  { learn }: CollectionValues,
  { source, target }: { readonly source: RowSource; readonly target: RowSource },
  ask: RowValues,
): Promise<SourceKeys | undefined> {
  const learnt = source.key.map((from) => learn.find((one) => one.from === from) ?? null);
  if (source.key.length !== target.key.length || learnt.every((one) => one === null)) return undefined;
  const kinds = new Map((await source.describe()).columns.map(({ name, kind }) => [name, kind]));
  // A column of the key that is not learnt has the same value on both sides.
  const columns = learnt.map((one, i) => ({
    kind: one?.kind ?? null,
    at: one === null ? i : target.key.indexOf(one.to),
    isInteger: kinds.get(source.key[i] as string) === "integer",
  }));
  if (columns.some(({ at }) => at === -1)) return undefined;
  return async (keys) => {
    const asked = keys.flatMap((key) =>
      columns.flatMap(({ kind, at }) => (kind === null ? [] : [{ kind, next: textOf(key[at]) ?? "" }])),
    );
    const pairs = await askInParts(asked, ask);
    let pair = 0;
    return keys.map((key) => {
      const values = columns.map(({ kind, at, isInteger }): RowValue => {
        if (kind === null) return key[at] ?? null;
        const legacy = pairs[pair++]?.legacy ?? null;
        return legacy === null ? null : valueLike(isInteger ? 0n : "", legacy);
      });
      return values.includes(null) ? null : values;
    });
  };
}

/** As a path, or JSON, says it. null: there is none. */
function textOf(value: RowValue | undefined): string | null {
  if (value === undefined || value === null || typeof value === "object") return null;
  return String(value);
}

function spellingOf(value: RowValue | undefined): JsonSpelling {
  return typeof value === "bigint" || typeof value === "number" ? "number" : "string";
}

/** A number where both are one; whether its column takes a text the target says. */
function valueLike(like: RowValue, text: string): RowValue {
  return typeof like === "bigint" && /^-?\d+$/.test(text) ? BigInt(text) : text;
}
