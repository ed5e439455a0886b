/** Divergence records: found by what they are, newest first, and erased. */
import type { DifferenceKind, DivergenceRecord } from "../../../proxy/evidence/evidence.ts";
import type { DivergenceQuery, ErasedRecords, ErasureQuery, Page } from "../../../proxy/ports.ts";
import { decodeCursor, pageLimit } from "../cursor.ts";
import { page } from "../page.ts";
import { coversPlace } from "../../../proxy/evidence/covers-place.ts";
import { newestFirst, PartReader, takeMerged, type Placed } from "./merge.ts";
import type { Reading } from "./reading.ts";
import { SCRIPTS } from "./scripts.ts";

/** One step looks into so many records: about a millisecond of Redis, and of this process's event loop. */
const EXAMINED_AT_ONCE = 1_000;
const READ_AT_ONCE = 100;

interface Found {
  readonly id: string;
  readonly isSample: boolean;
  readonly record: DivergenceRecord;
}

export async function divergences(reading: Reading, query: DivergenceQuery): Promise<Page<DivergenceRecord>> {
  const limit = pageLimit(query.limit);
  const before = query.cursor === undefined ? null : decodeCursor("divergences", query.cursor);
  // Those without the place are read for nothing.
  const atOnce = query.at === undefined ? Math.min(limit + 1, READ_AT_ONCE) : READ_AT_ONCE;
  return await reading.ask(async () => {
    const readers = reading.partitionsOf(query.route).map((partition) => {
      const parts = partsOf(reading, partition, query, atOnce, before);
      return new PartReader(async () => (await parts.next()).value ?? null);
    });
    const rows = await takeMerged(readers, newestFirst, limit + 1);
    return page(
      "divergences",
      rows,
      limit,
      ({ position, partition }) => [position, String(partition)],
      ({ item }) => item.record,
    );
  });
}

/** The records of one partition that are asked for, part by part. */
async function* partsOf(
  reading: Reading,
  partition: number,
  query: Omit<DivergenceQuery, "limit" | "cursor">,
  limit: number,
  cursor: { readonly number: number; readonly id: string } | null,
): AsyncGenerator<readonly Placed<Found>[], null> {
  const { route = null, outcome = null, group = null, kind = null, since = null, states = null, at } = query;
  const order = {
    index: group === null ? "order" : `group:${group}:records`,
    // A position is never below the arrival of its record (order.ts).
    floor: since === null ? "-inf" : String(Math.trunc(since) * 1000),
    examine: EXAMINED_AT_ONCE,
    ...{ cards: "cards", texts: "records", limit, route, outcome, group, kind, since, states },
  };
  // What the cursor stands on is the first partition's that has its position: others may have one there too.
  let before = cursor === null ? "" : Number(cursor.id) > partition ? String(cursor.number) : `(${cursor.number}`;
  for (;;) {
    const reply = await reading.run(SCRIPTS.find, partition, { ...order, before });
    const [on, flat] = reply as [string, readonly string[]];
    const found: Placed<Found>[] = [];
    for (let i = 0; i < flat.length; i += 4) {
      const [id = "", position, isSample, text = ""] = flat.slice(i, i + 4);
      if (text === "") continue;
      const record = JSON.parse(text) as DivergenceRecord;
      if (at !== undefined && !differsAt(record, at, kind)) continue;
      found.push({ partition, position: Number(position), item: { id, isSample: isSample === "1", record } });
    }
    yield found;
    if (on === "") return null;
    before = `(${on}`;
  }
}

/** The difference with the place is the one with the kind, where both are asked for. */
function differsAt({ differences }: DivergenceRecord, at: string, kind: DifferenceKind | null): boolean {
  return differences.some((one) => (kind === null || one.kind === kind) && coversPlace(at, one.at));
}

export async function divergence(reading: Reading, id: string): Promise<DivergenceRecord | null> {
  const texts = await reading.ask(() =>
    reading.everywhere((partition) => reading.call(partition, "records", (client, key) => client.hget(key, id))),
  );
  const text = texts.find((one) => one !== null) ?? null;
  return text === null ? null : (JSON.parse(text) as DivergenceRecord);
}

/** Each erasure of one part is whole; commits go on between two of them. */
export async function eraseRecords(
  reading: Reading,
  { route, isKey, dryRun }: ErasureQuery,
): Promise<Omit<ErasedRecords, "pairs" | "setAside">> {
  let records = 0;
  let samples = 0;
  for (const partition of reading.partitionsOf(route)) {
    const parts = partsOf(reading, partition, route === undefined ? {} : { route }, READ_AT_ONCE, null);
    for (;;) {
      const part = (await reading.ask(() => parts.next())).value;
      if (part === null) break;
      const found = part.filter(({ item }) => item.record.key !== null && isKey(item.record.key));
      const ids = found.map(({ item }) => item.id);
      if (!dryRun && ids.length > 0) await reading.ask(() => reading.run(SCRIPTS.erase, partition, { ids, pairs: [] }));
      records += found.length;
      samples += found.filter(({ item }) => item.isSample).length;
    }
  }
  return { records, samples };
}
