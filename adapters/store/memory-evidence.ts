/** Divergence records, their groups and samples, in memory and within what is to be kept. */
import type { DivergenceRecord, GroupRecord, ListedGroup } from "../../proxy/evidence.ts";
import type { DivergenceQuery } from "../../proxy/ports.ts";
import { coversPlace } from "./places.ts";
import type { Retention } from "./retention.ts";
import { drawSample } from "./samples.ts";

interface Kept {
  readonly seq: number;
  readonly record: DivergenceRecord;
  readonly at: number;
  readonly bytes: number;
  isSample: boolean;
}

interface Group {
  readonly signature: GroupRecord["signature"];
  readonly route: string;
  readonly method: string;
  readonly firstBuild: string | null;
  count: number;
  firstMs: number;
  lastMs: number;
  first: string;
  last: string;
  drawn: string[];
}

export class MemoryEvidence {
  readonly #retention: Retention;
  /** In the order of arrival here. */
  readonly #records = new Map<string, Kept>();
  readonly #groups = new Map<string, Group>();
  #seq = 0;
  #samples = 0;
  #bytes = 0;

  constructor(retention: Retention) {
    this.#retention = retention;
  }

  /** `json`: the record as the log has it. */
  add(record: DivergenceRecord, json: string, signature: GroupRecord["signature"] | null): void {
    if (this.#records.has(record.id)) return;
    const kept: Kept = {
      seq: ++this.#seq,
      record,
      at: Date.parse(record.time),
      bytes: Buffer.byteLength(json),
      isSample: false,
    };
    this.#records.set(record.id, kept);
    this.#bytes += kept.bytes;
    if (record.group === null || signature === null) return;
    this.#addToGroup(record.group, kept, signature);
    this.#mark(record.id, true);
  }

  record(id: string): DivergenceRecord | null {
    return this.#records.get(id)?.record ?? null;
  }

  /** Newest first. */
  find(query: DivergenceQuery, before: number, most: number): readonly Kept[] {
    const found: Kept[] = [];
    for (const kept of [...this.#records.values()].reverse()) {
      if (kept.seq >= before || !isAsked(query, kept)) continue;
      found.push(kept);
      if (found.length === most) break;
    }
    return found;
  }

  groups(compared: (route: string) => number): ListedGroup[] {
    return [...this.#groups].map(([id, group]) => ({
      ...toRecord(id, group, compared(group.route)),
      samples: this.#samplesOf(group).map((sample) => sample.id),
    }));
  }

  group(
    id: string,
    compared: (route: string) => number,
  ): { readonly group: GroupRecord; readonly samples: readonly DivergenceRecord[] } | null {
    const group = this.#groups.get(id);
    if (group === undefined) return null;
    return { group: toRecord(id, group, compared(group.route)), samples: this.#samplesOf(group) };
  }

  evict(now: number): void {
    const { keepMs, keepRecords, keepBytes, keepGroups } = this.#retention;
    const isOver = (): boolean => this.#records.size - this.#samples > keepRecords || this.#bytes > keepBytes;
    for (const [id, kept] of this.#records) {
      if (!isOver() && kept.at >= now - keepMs) break;
      if (!kept.isSample) this.#remove(id);
    }
    while (this.#groups.size > keepGroups || (this.#bytes > keepBytes && this.#groups.size > 0))
      this.#removeOldestGroup();
  }

  #samplesOf({ first, drawn, last }: Group): DivergenceRecord[] {
    return [...new Set([first, ...drawn, last])]
      .map((sample) => this.#records.get(sample))
      .filter((kept) => kept !== undefined)
      .sort((a, b) => a.seq - b.seq)
      .map(({ record }) => record);
  }

  #addToGroup(id: string, { record, at }: Kept, signature: GroupRecord["signature"]): void {
    const group = this.#groups.get(id);
    if (group === undefined) {
      this.#groups.set(id, {
        signature,
        route: record.route,
        method: record.method,
        firstBuild: record.build,
        count: 1,
        firstMs: at,
        lastMs: at,
        first: record.id,
        last: record.id,
        drawn: [],
      });
      return;
    }
    group.count += 1;
    group.firstMs = Math.min(group.firstMs, at);
    group.lastMs = Math.max(group.lastMs, at);
    const previous = group.last;
    group.last = record.id;
    if (previous === group.first) return;
    const { kept, pushedOut } = drawSample(previous, group.drawn);
    if (kept) group.drawn = [...group.drawn.filter((drawn) => drawn !== pushedOut), previous];
    const out = kept ? pushedOut : previous;
    if (out !== null) this.#mark(out, false);
  }

  #mark(id: string, isSample: boolean): void {
    const kept = this.#records.get(id);
    if (kept === undefined || kept.isSample === isSample) return;
    kept.isSample = isSample;
    this.#samples += isSample ? 1 : -1;
  }

  #remove(id: string): void {
    const kept = this.#records.get(id);
    if (kept === undefined) return;
    this.#mark(id, false);
    this.#records.delete(id);
    this.#bytes -= kept.bytes;
  }

  /** The one that was not seen for the longest time, with its samples. */
  #removeOldestGroup(): void {
    let oldest: readonly [string, Group] | null = null;
    for (const entry of this.#groups) if (oldest === null || entry[1].lastMs < oldest[1].lastMs) oldest = entry;
    if (oldest === null) return;
    const [id, { first, last, drawn }] = oldest;
    this.#groups.delete(id);
    for (const sample of [first, last, ...drawn]) this.#remove(sample);
  }
}

function toRecord(id: string, group: Group, compared: number): GroupRecord {
  return {
    id,
    route: group.route,
    method: group.method,
    signature: group.signature,
    count: group.count,
    share: group.count / Math.max(compared, group.count),
    firstSeen: new Date(group.firstMs).toISOString(),
    lastSeen: new Date(group.lastMs).toISOString(),
    firstBuild: group.firstBuild,
    state: "new",
  };
}

function isAsked(query: DivergenceQuery, { record, at }: Kept): boolean {
  if (query.route !== undefined && record.route !== query.route) return false;
  if (query.outcome !== undefined && record.outcome !== query.outcome) return false;
  if (query.group !== undefined && record.group !== query.group) return false;
  if (query.since !== undefined && at < query.since) return false;
  const { kind, at: place } = query;
  if (kind === undefined && place === undefined) return true;
  return record.differences.some(
    (difference) =>
      (kind === undefined || difference.kind === kind) && (place === undefined || coversPlace(place, difference.at)),
  );
}
