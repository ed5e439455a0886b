/** Divergence records, their groups and samples, in memory and within what is to be kept. */
import type {
  DivergenceRecord,
  GroupDecision,
  GroupEvent,
  GroupRecord,
  ListedGroup,
} from "../../proxy/evidence/evidence.ts";
import type { DivergenceQuery, ErasureQuery } from "../../proxy/ports.ts";
import { coversPlace } from "../../proxy/evidence/covers-place.ts";
import { MemoryGroups } from "./memory-groups.ts";
import type { Retention } from "./retention.ts";

interface Kept {
  readonly seq: number;
  readonly record: DivergenceRecord;
  readonly at: number;
  readonly bytes: number;
  isSample: boolean;
}

interface Shown {
  readonly group: GroupRecord;
  readonly samples: readonly DivergenceRecord[];
}

export class MemoryEvidence {
  readonly #retention: Retention;
  /** In the order of arrival here. */
  readonly #records = new Map<string, Kept>();
  readonly #groups: MemoryGroups;
  #seq = 0;
  #samples = 0;
  #bytes = 0;

  constructor(retention: Retention, compared: (route: string) => number) {
    this.#retention = retention;
    this.#groups = new MemoryGroups(compared);
  }

  /** `json`: the record as the log has it. Returns what is new about its group, or null. */
  add(record: DivergenceRecord, json: string, signature: GroupRecord["signature"] | null): GroupEvent | null {
    if (this.#records.has(record.id)) return null;
    const kept: Kept = {
      seq: ++this.#seq,
      record,
      at: Date.parse(record.time),
      bytes: Buffer.byteLength(json),
      isSample: false,
    };
    this.#records.set(record.id, kept);
    this.#bytes += kept.bytes;
    if (record.group === null) return null;
    if (signature === null) {
      this.#groups.taint(record.group);
      return null;
    }
    const { released, event } = this.#groups.add(record.group, record, kept.at, signature);
    if (released !== null) this.#mark(released, false);
    this.#mark(record.id, true);
    return event;
  }

  record(id: string): DivergenceRecord | null {
    return this.#records.get(id)?.record ?? null;
  }

  /** Newest first. */
  find(query: DivergenceQuery, before: number, most: number, now: number): readonly Kept[] {
    const found: Kept[] = [];
    for (const kept of [...this.#records.values()].reverse()) {
      if (kept.seq >= before || !isAsked(query, kept) || !this.#isInStates(query.states, kept, now)) continue;
      found.push(kept);
      if (found.length === most) break;
    }
    return found;
  }

  groups(now: number): ListedGroup[] {
    return this.#groups
      .all(now)
      .map(({ group, samples }) => ({ ...group, samples: this.#recordsOf(samples).map(({ id }) => id) }));
  }

  group(id: string, now: number): Shown | null {
    const found = this.#groups.one(id, now);
    return found === null ? null : { group: found.group, samples: this.#recordsOf(found.samples) };
  }

  /** false: no such group. */
  decide(id: string, decision: GroupDecision): boolean {
    return this.#groups.decide(id, decision);
  }

  erase({ route, isKey, dryRun }: ErasureQuery): { readonly records: number; readonly samples: number } {
    const found = new Set<string>();
    let samples = 0;
    for (const [id, { record, isSample }] of this.#records) {
      if (record.key === null || (route !== undefined && record.route !== route) || !isKey(record.key)) continue;
      found.add(id);
      if (isSample) samples += 1;
    }
    if (!dryRun) {
      for (const id of found) this.#remove(id);
      this.#groups.forget(found);
    }
    return { records: found.size, samples };
  }

  evict(now: number): void {
    const { keepMs, keepRecords, keepBytes, keepGroups } = this.#retention;
    const isOver = (): boolean => this.#records.size - this.#samples > keepRecords || this.#bytes > keepBytes;
    for (const [id, kept] of this.#records) {
      if (!isOver() && kept.at >= now - keepMs) break;
      if (!kept.isSample) this.#remove(id);
    }
    while (this.#groups.size > keepGroups || (this.#bytes > keepBytes && this.#groups.size > 0)) {
      for (const sample of this.#groups.removeOldest()) this.#remove(sample);
    }
  }

  #isInStates(states: DivergenceQuery["states"], { record }: Kept, now: number): boolean {
    if (states === undefined) return true;
    const found = record.group === null ? null : this.#groups.one(record.group, now);
    return found !== null && states.includes(found.group.state);
  }

  #recordsOf(ids: readonly string[]): DivergenceRecord[] {
    return ids
      .map((id) => this.#records.get(id))
      .filter((kept) => kept !== undefined)
      .sort((a, b) => a.seq - b.seq)
      .map(({ record }) => record);
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
