/** Exchanges kept whole: a few of each bucket, newest first, and erased. */
import type { ErasureQuery, Page, PairQuery } from "../../../proxy/ports.ts";
import type { StoredPair } from "../../../proxy/evidence/stored-pair.ts";
import { decodeCursor, pageLimit } from "../cursor.ts";
import { page } from "../page.ts";
import { newestFirst, PartReader, takeMerged, type Placed } from "./merge.ts";
import type { Reading } from "./reading.ts";
import { SCRIPTS } from "./scripts.ts";

const EXAMINED_AT_ONCE = 1_000;
/** Pairs are large: so many are read in one turn. */
const READ_AT_ONCE = 10;

export async function pairs(reading: Reading, query: PairQuery): Promise<Page<StoredPair>> {
  const limit = pageLimit(query.limit);
  const before = query.cursor === undefined ? null : decodeCursor("pairs", query.cursor);
  return await reading.ask(async () => {
    const readers = reading.partitionsOf(query.route).map((partition) => {
      const parts = partsOf(reading, partition, query, before);
      return new PartReader(async () => (await parts.next()).value ?? null);
    });
    const rows = await takeMerged(readers, newestFirst, limit + 1);
    return page(
      "pairs",
      rows,
      limit,
      ({ position, partition }) => [position, String(partition)],
      ({ item }) => item,
    );
  });
}

export async function pair(reading: Reading, id: string): Promise<StoredPair | null> {
  const texts = await reading.ask(() =>
    reading.everywhere((partition) => reading.call(partition, "pairs", (client, key) => client.hget(key, id))),
  );
  const text = texts.find((one) => one !== null) ?? null;
  return text === null ? null : (JSON.parse(text) as StoredPair);
}

/** Returns how many. */
export async function erasePairs(reading: Reading, { route, isKey, dryRun }: ErasureQuery): Promise<number> {
  let erased = 0;
  for (const partition of reading.partitionsOf(route)) {
    const parts = partsOf(reading, partition, route === undefined ? {} : { route }, null);
    for (;;) {
      const part = (await reading.ask(() => parts.next())).value;
      if (part === null) break;
      const ids = part.filter(({ item }) => item.key !== null && isKey(item.key)).map(({ item }) => item.id);
      erased += ids.length;
      if (!dryRun && ids.length > 0) {
        await reading.ask(() => reading.run(SCRIPTS.erase, partition, { ids: [], pairs: ids }));
      }
    }
  }
  return erased;
}

async function* partsOf(
  reading: Reading,
  partition: number,
  { route, group, outcome }: Omit<PairQuery, "limit" | "cursor">,
  cursor: { readonly number: number; readonly id: string } | null,
): AsyncGenerator<readonly Placed<StoredPair>[], null> {
  const order = {
    ...{ index: "pairs:order", cards: "pairs:cards", texts: "pairs", floor: "-inf", examine: EXAMINED_AT_ONCE },
    ...{ limit: READ_AT_ONCE, kind: null, since: null, states: null },
    ...{ route: route ?? null, group: group ?? null, outcome: outcome ?? null },
  };
  let before = cursor === null ? "" : Number(cursor.id) > partition ? String(cursor.number) : `(${cursor.number}`;
  for (;;) {
    const reply = await reading.run(SCRIPTS.find, partition, { ...order, before });
    const [on, flat] = reply as [string, readonly string[]];
    const found: Placed<StoredPair>[] = [];
    for (let i = 0; i < flat.length; i += 4) {
      const text = flat[i + 3] ?? "";
      if (text !== "") {
        found.push({ partition, position: Number(flat[i + 1]), item: JSON.parse(text) as StoredPair });
      }
    }
    yield found;
    if (on === "") return null;
    before = `(${on}`;
  }
}
