/** What has been appended and is not durable yet, bounded, and how it is cut into batches. */
import type { StoreWrite } from "../../proxy/ports.ts";
import { Essentials } from "./essentials.ts";
import type { Batch, EvidenceRow, PairRow } from "./rows.ts";

export interface BacklogLimits {
  readonly maxRecords: number;
  readonly maxBytes: number;
  /** Of pairs that wait, beside them. */
  readonly maxPairBytes: number;
}

const MIB = 1024 * 1024;
export const DEFAULT_BACKLOG: BacklogLimits = { maxRecords: 200_000, maxBytes: 64 * MIB, maxPairBytes: 8 * MIB };

/** What evidence may wait, shared by backlogs that fill up one memory. */
export class Room {
  readonly #limits: BacklogLimits;
  #records = 0;
  #bytes = 0;
  #pairBytes = 0;

  constructor(limits: BacklogLimits) {
    this.#limits = limits;
  }

  /** false: there is none left. */
  take(bytes: number): boolean {
    if (this.#records >= this.#limits.maxRecords || this.#bytes + bytes > this.#limits.maxBytes) return false;
    this.#records += 1;
    this.#bytes += bytes;
    return true;
  }

  /** Records that were let out for a while, and are back. */
  takeBack(records: number, bytes: number): void {
    this.#records += records;
    this.#bytes += bytes;
  }

  leave(records: number, bytes: number): void {
    this.takeBack(-records, -bytes);
  }

  /** Pairs have bytes of their own. */
  takePair(bytes: number): boolean {
    if (this.#pairBytes + bytes > this.#limits.maxPairBytes) return false;
    this.#pairBytes += bytes;
    return true;
  }

  leavePairs(bytes: number): void {
    this.#pairBytes -= bytes;
  }
}

/** One batch is written out as JSON and cloned in one turn of the event loop: about 5 ms at most. */
const BATCH_RECORDS = 500;
const BATCH_BYTES = 512 * 1024;
/** After a failure: little enough to fit where much did not. */
const CAREFUL_RECORDS = 50;

interface Waiting {
  readonly row: EvidenceRow;
  readonly bytes: number;
}

interface Sealed {
  readonly batch: Batch;
  readonly essentials: Essentials;
  readonly evidence: readonly Waiting[];
  readonly pairs: readonly PairRow[];
}

export interface BacklogMark {
  readonly batch: number;
  readonly records: number;
  readonly pairs: number;
}

export class Backlog {
  readonly #room: Room;
  #essentials = new Essentials();
  #evidence: Waiting[] = [];
  #sealed: Sealed | null = null;
  #batches = 0;
  #settledBatch = 0;
  #recordsAdded = 0;
  /** Durable, or given up. */
  #recordsDone = 0;
  /** After a failure essentials go first and alone, then a little evidence with them, then all as usual. */
  #portion: "usual" | "essentials" | "little" = "usual";
  #lostWrites = 0;
  /** Of the last durable batch that had one. */
  journalMark = 0;
  #pairs: PairRow[] = [];
  #pairsAdded = 0;
  /** Durable, or given up. */
  #pairsDone = 0;
  #lostPairs = 0;

  /** `before`: of a run that goes on. */
  constructor(room: Room, before: { readonly batch: number; readonly mark: number } = { batch: 0, mark: 0 }) {
    this.#room = room;
    this.#batches = before.batch;
    this.#settledBatch = before.batch;
    this.journalMark = before.mark;
  }

  get lostWrites(): number {
    return this.#lostWrites;
  }

  /** Pairs among which are none of `lostWrites`: they are a choice of what there was in any case. */
  get lostPairs(): number {
    return this.#lostPairs;
  }

  get pendingWrites(): number {
    const sealed = this.#sealed;
    const underway = sealed === null ? 0 : sealed.essentials.writes + sealed.evidence.length + sealed.pairs.length;
    return underway + this.#essentials.writes + this.#evidence.length + this.#pairs.length;
  }

  /** The batch that has been handed out and neither settled nor given back, or null. */
  get sealed(): Batch | null {
    return this.#sealed?.batch ?? null;
  }

  /** Counts, repairs and gaps among them. */
  get pendingEssentials(): number {
    return this.#essentials.writes + (this.#sealed?.essentials.writes ?? 0);
  }

  /** Of what is in no batch yet: what writes and reads that match leave, and nothing else. */
  get hasCountsOnly(): boolean {
    return this.#essentials.hasCountsOnly && this.#evidence.length === 0 && this.#pairs.length === 0;
  }

  /** Where everything added so far will be durable; see `reached`. */
  mark(): BacklogMark {
    const batch = this.#essentials.writes > 0 ? this.#batches + 1 : this.#sealed === null ? 0 : this.#batches;
    return { batch, records: this.#recordsAdded, pairs: this.#pairsAdded };
  }

  /** Whether everything added before `mark` is durable or has been counted as lost. */
  reached(mark: BacklogMark): boolean {
    const { batch, records, pairs } = mark;
    return this.#settledBatch >= batch && this.#recordsDone >= records && this.#pairsDone >= pairs;
  }

  add(write: StoreWrite, position = 0): void {
    if (write.type === "pair") {
      this.#addPair(write, position);
      return;
    }
    if (write.type !== "divergence") {
      this.#essentials.add(write);
      return;
    }
    const bytes = roughBytes(write.json);
    if (!this.#room.take(bytes)) {
      this.#lostWrites += 1;
      return;
    }
    this.#evidence.push({ row: toRow(write, position), bytes });
    this.#recordsAdded += 1;
  }

  #addPair(write: Extract<StoreWrite, { type: "pair" }>, position: number): void {
    const row = toPairRow(write, position);
    if (!this.#room.takePair(roughBytes(row.pair))) {
      this.#lostPairs += 1;
      return;
    }
    this.#pairs.push(row);
    this.#pairsAdded += 1;
  }

  /** Writes that came too late. */
  refuse(writes: number): void {
    this.#lostWrites += writes;
  }

  /** Cuts the next batch; an empty one only tells the store how far time has come. One batch is out at a time. */
  seal(now: number): Batch {
    const essentials = this.#essentials;
    this.#essentials = new Essentials();
    const evidence = this.#takeEvidence(this.#mostRecords(essentials));
    const pairs = this.#portion === "usual" ? this.#takePairs() : [];
    this.#batches += 1;
    const batch: Batch = {
      number: this.#batches,
      sealedAt: now,
      essentials: essentials.rows(),
      evidence: evidence.map(({ row }) => (Number.isNaN(row.at) ? { ...row, at: now } : row)),
      pairs,
    };
    this.#sealed = { batch, essentials, evidence, pairs };
    return batch;
  }

  /** The sealed batch is durable. */
  settle(): void {
    const sealed = this.#sealed;
    if (sealed === null) return;
    this.#sealed = null;
    this.#settledBatch = sealed.batch.number;
    this.journalMark = sealed.batch.essentials.journalMark ?? this.journalMark;
    this.#recordsDone += sealed.evidence.length;
    this.#pairsDone += sealed.pairs.length;
    this.#portion = this.#portion === "essentials" && sealed.evidence.length === 0 ? "little" : "usual";
  }

  /**
   * The sealed batch is not durable: its writes wait again, in front, but for its pairs, which may be what was too much.
   * `withoutEvidence` gives its records up.
   */
  giveBack(options: { readonly withoutEvidence: boolean }): void {
    const sealed = this.#sealed;
    if (sealed === null) return;
    this.#sealed = null;
    this.#portion = "essentials";
    this.#lostPairs += sealed.pairs.length;
    this.#pairsDone += sealed.pairs.length;
    sealed.essentials.absorb(this.#essentials);
    this.#essentials = sealed.essentials;
    if (options.withoutEvidence) {
      this.#lostWrites += sealed.evidence.length;
      this.#recordsDone += sealed.evidence.length;
      return;
    }
    this.#room.takeBack(sealed.evidence.length, bytesOf(sealed.evidence));
    this.#evidence = [...sealed.evidence, ...this.#evidence];
  }

  /** Gives everything up that still waits, as lost. */
  abandon(): void {
    this.giveBack({ withoutEvidence: false });
    this.#lostWrites += this.#essentials.writes + this.#evidence.length;
    this.#recordsDone += this.#evidence.length;
    this.#settledBatch = this.#batches + 1;
    this.#essentials = new Essentials();
    this.#room.leave(this.#evidence.length, bytesOf(this.#evidence));
    this.#evidence = [];
    this.#lostPairs += this.#pairs.length;
    this.#pairsDone += this.#pairs.length;
    this.#room.leavePairs(pairBytesOf(this.#pairs));
    this.#pairs = [];
  }

  #mostRecords(essentials: Essentials): number {
    if (this.#portion === "usual") return BATCH_RECORDS;
    return this.#portion === "essentials" && essentials.writes > 0 ? 0 : CAREFUL_RECORDS;
  }

  #takePairs(): readonly PairRow[] {
    let count = 0;
    let bytes = 0;
    for (const { pair } of this.#pairs) {
      bytes += roughBytes(pair);
      if (count > 0 && bytes > BATCH_BYTES) break;
      count += 1;
    }
    const taken = this.#pairs.splice(0, count);
    this.#room.leavePairs(pairBytesOf(taken));
    return taken;
  }

  #takeEvidence(most: number): readonly Waiting[] {
    let count = 0;
    let bytes = 0;
    while (count < most && count < this.#evidence.length) {
      bytes += (this.#evidence[count] as Waiting).bytes;
      if (count > 0 && bytes > BATCH_BYTES) break;
      count += 1;
    }
    const taken = this.#evidence.splice(0, count);
    this.#room.leave(taken.length, bytesOf(taken));
    return taken;
  }
}

function bytesOf(evidence: readonly Waiting[]): number {
  return evidence.reduce((sum, { bytes }) => sum + bytes, 0);
}

function pairBytesOf(pairs: readonly PairRow[]): number {
  return pairs.reduce((sum, { pair }) => sum + roughBytes(pair), 0);
}

/** About what a record or a pair takes in memory. */
function roughBytes(json: string): number {
  return 500 + json.length;
}

/** One unreadable time must not fail a whole batch for ever: it is NaN here and the batch's own time there. */
function toRow(
  { record, json, signature }: Extract<StoreWrite, { type: "divergence" }>,
  position: number,
): EvidenceRow {
  const kinds = new Set(record.differences.map((difference) => difference.kind));
  return {
    id: record.id,
    at: Date.parse(record.time),
    route: record.route,
    method: record.method,
    outcome: record.outcome,
    group: record.group,
    signature: record.group === null || signature === null ? null : JSON.stringify(signature),
    kinds: kinds.size === 0 ? "" : `,${[...kinds].join(",")},`,
    build: record.build,
    position,
    record: json,
  };
}

function toPairRow({ json, ...row }: Extract<StoreWrite, { type: "pair" }>, position: number): PairRow {
  const { id, at, route, bucket, group, outcome, key } = row;
  return { id, at, route, bucket, group, outcome, key, position, pair: json };
}
