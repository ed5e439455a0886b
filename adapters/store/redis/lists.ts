/** Counts, repairs and gaps. */
import type {
  GapRecord,
  Missing,
  OutcomeCount,
  RepairEnd,
  RepairReason,
  RepairRecord,
  RepairWork,
  SealedPlace,
} from "../../../proxy/evidence/evidence.ts";
import type { Leaning, LeaningKind } from "../../../proxy/moves/leanings.ts";
import type { Page, RepairWorkQuery, Store } from "../../../proxy/ports.ts";
import { decodeCursor, pageLimit, type ListName } from "../cursor.ts";
import { page } from "../page.ts";
import { newestFirst, type Placed } from "./merge.ts";
import type { Reading } from "./reading.ts";
import { SCRIPTS } from "./scripts.ts";

export interface ListQuery {
  readonly route?: string;
  readonly limit: number;
  readonly cursor?: string;
}

export async function outcomeCounts(reading: Reading): Promise<readonly OutcomeCount[]> {
  const counts = await hashes(reading, "outcomes");
  return counts.map(([title, count]) => {
    const [route, outcome, reason] = JSON.parse(title) as [string, OutcomeCount["outcome"], string];
    return { route, outcome, reason: reason === "" ? null : (reason as OutcomeCount["reason"]), count: Number(count) };
  });
}

export async function eligibleCounts(reading: Reading): ReturnType<Store["eligibleCounts"]> {
  return (await hashes(reading, "eligible")).map(([route, count]) => ({ route, count: Number(count) }));
}

export async function leanings(reading: Reading): Promise<readonly Leaning[]> {
  return (await hashes(reading, "leanings")).map(([name, counted]) => {
    const [route, on] = JSON.parse(name) as [string, LeaningKind];
    const [times = 0, first = 0, last = 0] = (JSON.parse(counted) as (string | number)[]).map(Number);
    return { route, on, times, first, last };
  });
}

async function hashes(reading: Reading, name: string): Promise<[string, string][]> {
  const found = await reading.ask(() =>
    reading.everywhere((partition) => reading.call(partition, name, (client, key) => client.hgetall(key))),
  );
  return found.flatMap((hash) => Object.entries(hash));
}

/** The longest open first. */
export async function repairs(reading: Reading, query: ListQuery): Promise<Page<RepairRecord>> {
  const limit = pageLimit(query.limit);
  const { route } = query;
  return await reading.ask(async () => {
    const names = route === undefined ? "repairs" : `repairs:${route}`;
    const placed = await placesIn(reading, "repairs", names, query, limit);
    const rows = placed.sort((a, b) => newestFirst(b, a)).slice(0, limit + 1);
    return await pageOf(reading, "repairs", rows, limit, async (...of) =>
      (await readRepairs(...of)).map(({ place: _, ...repair }) => repair),
    );
  });
}

/** Positions are ids: what is due is found by looking at all, a page at a time. */
export async function repairWork(reading: Reading, query: RepairWorkQuery): Promise<readonly RepairWork[]> {
  const { route, dueAt, reasons } = query;
  const limit = pageLimit(query.limit);
  const names = route === undefined ? "repairs" : `repairs:${route}`;
  return await reading.ask(async () => {
    const found: RepairWork[] = [];
    for (let { after } = query; found.length < limit;) {
      const placed = await placesAfter(reading, names, route, after, limit);
      for (const { work } of placed) {
        const isAsked = reasons?.includes(work.reason) !== false && (dueAt === null || isDue(work, dueAt));
        if (isAsked && found.length < limit) found.push(work);
      }
      if (placed.length < limit) break;
      after = placed.at(-1)?.work.id ?? after;
    }
    return found;
  });
}

async function placesAfter(
  reading: Reading,
  names: string,
  route: string | undefined,
  after: number,
  limit: number,
): Promise<{ readonly work: RepairWork }[]> {
  const parts = await Promise.all(
    reading.partitionsOf(route).map(async (partition) => {
      const flat = await reading.call(partition, names, (client, key) =>
        client.zrangebyscore(key, `(${after}`, "+inf", "WITHSCORES", "LIMIT", 0, limit),
      );
      const members = flat.filter((_, i) => i % 2 === 0);
      if (members.length === 0) return [];
      const rows = await readRepairs(reading, partition, members);
      return rows.map((row, i) => ({ work: { ...row, id: Number(flat[2 * i + 1]) } }));
    }),
  );
  return parts
    .flat()
    .sort((a, b) => a.work.id - b.work.id)
    .slice(0, limit);
}

function isDue({ state, notBefore, nextTry }: RepairRecord, at: number): boolean {
  return state === "open" && [notBefore, nextTry].every((time) => time === null || Date.parse(time) <= at);
}

export async function endRepair(
  reading: Reading,
  { id, route, revision }: Pick<RepairWork, "id" | "route" | "revision">,
  end: RepairEnd,
): Promise<"done" | "changed"> {
  const [partition = 0] = reading.partitionsOf(route);
  const order = { id, route, revision, ...spellEnd(end) };
  return (await reading.ask(() => reading.run(SCRIPTS.repair, partition, order))) as "done" | "changed";
}

function spellEnd(end: RepairEnd): object {
  if (end.kind === "equal") return { equal: true };
  const { kind: _, notBefore, ...tried } = end;
  return {
    equal: false,
    parked: end.state === "parked",
    notBefore: notBefore === null ? null : Date.parse(notBefore),
    tried: JSON.stringify(tried),
  };
}

/** The newest first. */
export async function gaps(reading: Reading, query: ListQuery): Promise<Page<GapRecord>> {
  const limit = pageLimit(query.limit);
  return await reading.ask(async () => {
    const found: (Placed<string> & { readonly gap: GapRecord })[] = [];
    let cursor = query.cursor;
    // Gaps are few; those of other routes in the same partition are passed over.
    for (;;) {
      const part: ListQuery = { ...query, ...(cursor === undefined ? {} : { cursor }) };
      const placed = (await placesIn(reading, "gaps", "gaps", part, limit)).sort(newestFirst).slice(0, limit + 1);
      const whole = await pageOf(reading, "gaps", placed, limit, readGaps);
      for (const [i, gap] of whole.items.entries()) {
        const place = placed[i];
        if (place !== undefined && (query.route === undefined || gap.route === query.route))
          found.push({ ...place, gap });
      }
      if (whole.next === null || found.length > limit) break;
      cursor = whole.next;
    }
    return page("gaps", found.slice(0, limit + 1), limit, cursorOf, ({ gap }) => gap);
  });
}

function cursorOf({ position, partition }: Placed<unknown>): readonly (string | number)[] {
  return [position, String(partition)];
}

/** Members of one sorted set in each partition, one more than `limit` from where the cursor stands. */
async function placesIn(
  reading: Reading,
  list: ListName & ("repairs" | "gaps"),
  name: string,
  query: ListQuery,
  limit: number,
): Promise<Placed<string>[]> {
  const cursor = query.cursor === undefined ? null : decodeCursor(list, query.cursor);
  const parts = await Promise.all(
    reading.partitionsOf(query.route).map(async (partition) => {
      const isAfter =
        cursor !== null && (list === "gaps" ? partition < Number(cursor.id) : partition > Number(cursor.id));
      const from = cursor === null ? null : isAfter ? String(cursor.number) : `(${cursor.number}`;
      const flat = await reading.call(partition, name, (client, key) =>
        list === "gaps"
          ? client.zrevrangebyscore(key, from ?? "+inf", "-inf", "WITHSCORES", "LIMIT", 0, limit + 1)
          : client.zrangebyscore(key, from ?? "-inf", "+inf", "WITHSCORES", "LIMIT", 0, limit + 1),
      );
      const placed: Placed<string>[] = [];
      for (let i = 0; i < flat.length; i += 2) {
        placed.push({ partition, position: Number(flat[i + 1]), item: flat[i] ?? "" });
      }
      return placed;
    }),
  );
  return parts.flat();
}

async function pageOf<T>(
  reading: Reading,
  list: ListName,
  rows: readonly Placed<string>[],
  limit: number,
  read: (reading: Reading, partition: number, members: readonly string[]) => Promise<readonly T[]>,
): Promise<Page<T>> {
  const shown = rows.slice(0, limit);
  const items = new Map<string, T>();
  for (const partition of new Set(shown.map((row) => row.partition))) {
    const members = shown.filter((row) => row.partition === partition).map(({ item }) => item);
    const found = await read(reading, partition, members);
    for (const [i, member] of members.entries()) items.set(`${partition} ${member}`, found[i] as T);
  }
  return page(list, rows, limit, cursorOf, ({ partition, item }) => items.get(`${partition} ${item}`) as T);
}

async function readRepairs(
  reading: Reading,
  partition: number,
  members: readonly string[],
): Promise<readonly Omit<RepairWork, "id">[]> {
  const [since, last, times, revision, bound, places, tries] = await Promise.all(
    REPAIR_HASHES.map((name) => reading.call(partition, name, (client, key) => client.hmget(key, ...members))),
  );
  return members.map((member, i) => {
    const [route, whole, key] = JSON.parse(member) as [string, number, string];
    const [reason, exchangeId, misses = ""] = JSON.parse(last?.[i] ?? '["unknown",""]') as RepairLast;
    return {
      route,
      key: whole === 1 ? null : (JSON.parse(key) as string),
      reason,
      exchangeId,
      since: since?.[i] ?? "",
      times: Number(times?.[i] ?? 0),
      revision: Number(revision?.[i] ?? 0),
      notBefore: bound?.[i] ? isoOf(bound[i]) : null,
      ...NOT_TRIED,
      ...(tries?.[i] ? (JSON.parse(tries[i]) as Partial<RepairRecord>) : {}),
      place: placeOf(places?.[i] ?? null),
      misses: missingOf(misses),
    };
  });
}

type RepairLast = [reason: RepairReason, exchangeId: string, misses?: string];

function missingOf(text: string): Missing {
  return text === "legacy" || text === "next" ? text : null;
}

const REPAIR_HASHES = ["since", "last", "times", "revision", "bound", "place", "tried"].map((name) => `repair:${name}`);
const NOT_TRIED = { state: "open", attempts: 0, nextTry: null, lastError: null, evidence: null } as const;

function placeOf(text: string | null): SealedPlace | null {
  if (text === null) return null;
  const [sealed, part, uncreated = false] = JSON.parse(text) as [string, boolean, boolean?];
  return { sealed, part, ...(uncreated ? { uncreated } : {}) };
}

async function readGaps(reading: Reading, partition: number, ids: readonly string[]): Promise<readonly GapRecord[]> {
  const [opened, closed] = await Promise.all(
    ["gap", "gap:to"].map((name) => reading.call(partition, name, (client, key) => client.hmget(key, ...ids))),
  );
  return ids.map((id, i) => {
    const [route, from, why, , misses = ""] = JSON.parse(opened?.[i] ?? '["","0",""]') as KeptGap;
    const to = closed?.[i] ?? null;
    return { id, route, from: isoOf(from), to: to === null ? null : isoOf(to), why, misses: missingOf(misses) };
  });
}

type KeptGap = [route: string, from: string, why: string, run?: string, misses?: string];

function isoOf(epochMs: string): string {
  return new Date(Number(epochMs)).toISOString();
}
