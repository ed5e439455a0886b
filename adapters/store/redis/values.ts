/** Pairs of values: those of one kind are in one partition, so that each is kept whole or not at all. */
import type { Page } from "../../../proxy/ports.ts";
import type { PairSought, PairsQuery, PairTaught, ValuePairRow } from "../../../proxy/ids/value-pairs.ts";
import { decodeCursor, pageLimit } from "../cursor.ts";
import { page } from "../page.ts";
import { newestFirst, PartReader, takeMerged, type Placed } from "./merge.ts";
import type { Reading } from "./reading.ts";
import { SCRIPTS } from "./scripts.ts";

const READ_AT_ONCE = 500;

/** Nothing that is appended has to do with values: nobody waits for it. */
export function teachValues(reading: Reading, pairs: readonly ValuePairRow[]): Promise<readonly PairTaught[]> {
  return byPartition(reading, pairs, async (partition, own) => {
    const rows = own.map((pair) => JSON.stringify(pair));
    return (await reading.run(SCRIPTS.values, partition, {
      what: "teach",
      now: reading.now(),
      rows,
    })) as readonly PairTaught[];
  });
}

export function findValues(reading: Reading, sought: readonly PairSought[]): Promise<readonly (ValuePairRow | null)[]> {
  return byPartition(reading, sought, async (partition, own) => {
    const order = { what: "find", now: reading.now(), sought: own };
    const texts = (await reading.run(SCRIPTS.values, partition, order)) as readonly string[];
    return texts.map((text) => (text === "" ? null : (JSON.parse(text) as ValuePairRow)));
  });
}

/** Each partition is asked once; answers come back in the order of what was asked. */
async function byPartition<T extends { readonly kind: string }, R>(
  reading: Reading,
  all: readonly T[],
  ask: (partition: number, own: readonly T[]) => Promise<readonly R[]>,
): Promise<readonly R[]> {
  const places = new Map<number, number[]>();
  for (const [i, { kind }] of all.entries()) {
    const [partition = 0] = reading.partitionsOf(kind);
    const known = places.get(partition);
    if (known === undefined) places.set(partition, [i]);
    else known.push(i);
  }
  const answers: R[] = [];
  await reading.askAtOnce(() =>
    Promise.all(
      [...places].map(async ([partition, indexes]) => {
        const own = await ask(
          partition,
          indexes.map((i) => all[i] as T),
        );
        for (const [k, i] of indexes.entries()) answers[i] = own[k] as R;
      }),
    ),
  );
  return answers;
}

/** The newest first. */
export async function valuePairs(reading: Reading, query: PairsQuery): Promise<Page<ValuePairRow>> {
  const limit = pageLimit(query.limit);
  const before = query.cursor === undefined ? null : decodeCursor("values", query.cursor);
  return await reading.askAtOnce(async () => {
    const readers = reading.partitionsOf(query.kind).map((partition) => {
      const parts = partsOf(reading, partition, query.kind, before);
      return new PartReader(async () => (await parts.next()).value ?? null);
    });
    const rows = await takeMerged(readers, newestFirst, limit + 1);
    return page(
      "values",
      rows,
      limit,
      ({ position, partition }) => [position, String(partition)],
      ({ item }) => item,
    );
  });
}

async function* partsOf(
  reading: Reading,
  partition: number,
  kind: string | undefined,
  cursor: { readonly number: number; readonly id: string } | null,
): AsyncGenerator<readonly Placed<ValuePairRow>[], null> {
  let before =
    cursor === null ? "+inf" : Number(cursor.id) > partition ? String(cursor.number) : `(${String(cursor.number)}`;
  for (;;) {
    const flat = await reading.call(partition, "values:order", (client, key) =>
      client.zrevrangebyscore(key, before, "-inf", "WITHSCORES", "LIMIT", 0, READ_AT_ONCE),
    );
    const names = flat.filter((_, i) => i % 2 === 0);
    if (names.length === 0) return null;
    const texts = await reading.call(partition, "values:legacy", (client, key) => client.hmget(key, ...names));
    yield texts.flatMap((text, i): Placed<ValuePairRow>[] => {
      if (text === null) return [];
      const item = JSON.parse(text) as ValuePairRow;
      const isThere = item.until === null || item.until > reading.now();
      if (!isThere || (kind !== undefined && item.kind !== kind)) return [];
      return [{ partition, position: Number(flat[i * 2 + 1]), item }];
    });
    before = `(${flat.at(-1) ?? ""}`;
  }
}
