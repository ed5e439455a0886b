/** Groups: the most frequent first, one with its samples, and what an operator decides. */
import type {
  DivergenceRecord,
  GroupDecision,
  GroupRecord,
  GroupState,
  ListedGroup,
} from "../../../proxy/evidence/evidence.ts";
import type { GroupQuery, OpenWork, Page, Store } from "../../../proxy/ports.ts";
import { decodeCursor, pageLimit } from "../cursor.ts";
import { viewGroup } from "../group-view.ts";
import { page } from "../page.ts";
import type { Reading } from "./reading.ts";
import { SCRIPTS } from "./scripts.ts";

/** Groups read at once for a list. */
const READ_AT_ONCE = 50;

interface Whole {
  readonly group: GroupRecord;
  readonly samples: readonly string[];
  readonly texts: readonly string[];
}

interface Counted {
  readonly partition: number;
  readonly id: string;
  readonly count: number;
}

/** There are no more groups than are kept: their counts are read whole, the groups only as far as they are listed. */
export async function groups(reading: Reading, query: GroupQuery): Promise<Page<ListedGroup>> {
  const limit = pageLimit(query.limit);
  const after = query.cursor === undefined ? null : decodeCursor("groups", query.cursor);
  return await reading.ask(async () => {
    const counted = (await Promise.all(reading.partitionsOf(query.route).map((one) => countsOf(reading, one))))
      .flat()
      .filter(({ count, id }) => after === null || count < after.number || (count === after.number && id > after.id))
      .sort((a, b) => b.count - a.count || (a.id < b.id ? -1 : 1));
    const rows: ListedGroup[] = [];
    for (let from = 0; from < counted.length && rows.length <= limit; from += READ_AT_ONCE) {
      const part = counted.slice(from, from + READ_AT_ONCE);
      const read = await Promise.all(part.map(({ partition, id }) => readGroup(reading, partition, id)));
      for (const whole of read) {
        if (whole === null || (query.route !== undefined && whole.group.route !== query.route)) continue;
        if (query.states?.includes(whole.group.state) ?? true) rows.push({ ...whole.group, samples: whole.samples });
      }
    }
    return page(
      "groups",
      rows.slice(0, limit + 1),
      limit,
      ({ count, id }) => [count, id],
      (group) => group,
    );
  });
}

async function countsOf(reading: Reading, partition: number): Promise<Counted[]> {
  const flat = await reading.call(partition, "groups", (client, key) => client.zrange(key, "0", "-1", "WITHSCORES"));
  const counted: Counted[] = [];
  for (let i = 0; i < flat.length; i += 2) counted.push({ partition, id: flat[i] ?? "", count: -Number(flat[i + 1]) });
  return counted;
}

export async function group(reading: Reading, id: string): ReturnType<Store["group"]> {
  const found = await reading.ask(() => findGroup(reading, id, { texts: true }));
  if (found === null) return null;
  const samples = found.texts.filter((text) => text !== "").map((text) => JSON.parse(text) as DivergenceRecord);
  return { group: found.group, samples };
}

export async function decideGroup(reading: Reading, id: string, decision: GroupDecision): Promise<GroupRecord | null> {
  const { state, at, until, build } = decision;
  const rule = {
    state,
    atMs: Date.parse(at),
    untilMs: until === null ? null : Date.parse(until),
    build: build?.toWellFormed() ?? null,
  };
  const order = { state, decision: JSON.stringify(decision), rule: JSON.stringify(rule) };
  return (await reading.ask(() => findGroup(reading, id, order)))?.group ?? null;
}

/** Which partition a group is in, its id does not tell. */
async function findGroup(reading: Reading, id: string, order: object): Promise<Whole | null> {
  const found = await reading.everywhere((partition) => readGroup(reading, partition, id, order));
  return found.find((one) => one !== null) ?? null;
}

async function readGroup(
  reading: Reading,
  partition: number,
  id: string,
  order: object = { texts: false },
): Promise<Whole | null> {
  const reply = await reading.run(SCRIPTS.group, partition, { ...order, group: id });
  if (reply === "") return null;
  const [flat, hours, compared, samples, texts] = reply as readonly [
    readonly string[],
    readonly string[],
    string,
    readonly string[],
    readonly string[],
  ];
  const fields = new Map(pairs(flat));
  const text = (name: string): string => fields.get(name) ?? "";
  const number = (name: string): number => Number(fields.get(name) ?? 0);
  const firstBuild = text("firstBuild");
  const kept = {
    id,
    route: text("route"),
    method: text("method"),
    signature: JSON.parse(text("signature")) as GroupRecord["signature"],
    count: number("count"),
    tainted: number("tainted"),
    firstMs: number("firstMs"),
    lastMs: number("lastMs"),
    firstBuild: firstBuild === "" ? null : firstBuild,
    lastBuild: fields.get("lastBuild") ?? null,
    state: text("state") as GroupState,
    decision: fields.has("decision") ? (JSON.parse(text("decision")) as GroupDecision) : null,
    comparedAtFirst: number("comparedFirst"),
    comparedAtLast: number("comparedLast"),
    hours: pairs(hours).map(([hour, times]) => [Number(hour), Number(times)] as const),
  };
  return { group: viewGroup(kept, Number(compared), reading.now()), samples, texts };
}

function pairs(flat: readonly string[]): [string, string][] {
  const found: [string, string][] = [];
  for (let i = 0; i < flat.length; i += 2) found.push([flat[i] ?? "", flat[i + 1] ?? ""]);
  return found;
}

type OpenRow = readonly [string, number, number, number, number, number, number, number, number, number];

export async function openWork(reading: Reading): Promise<readonly OpenWork[]> {
  const rows = await reading.ask(() =>
    reading.everywhere(async (partition) => (await reading.run(SCRIPTS.openWork, partition, {})) as readonly OpenRow[]),
  );
  return rows.flat().map(([route, repairs, parked, gaps, ofRepairs, ofGaps, fresh, acknowledged, fixed, regressed]) => {
    const legacyMisses = { repairs: ofRepairs, gaps: ofGaps };
    return { route, repairs, parked, gaps, legacyMisses, causes: { new: fresh, acknowledged, fixed, regressed } };
  });
}
