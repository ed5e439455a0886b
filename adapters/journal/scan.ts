/**
 * Reads, at the start, all that earlier process lives left: which writes have no outcome, what of it the store has not
 * counted, and whether anything is missing. Two passes' worth of knowledge from one: bodies are not kept, what waits is
 * read again in order (waiting.ts).
 */
import { readFile, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import type { AcceptedWrite, DueReadBack, Intent, LastingName, PrimaryEnd } from "../../proxy/journal.ts";
import type { StoreWrite } from "../../proxy/ports.ts";
import { decodeSegmentHead, isUnfinished, nextFrame, openFrame, SEGMENT_HEAD_BYTES } from "./frames.ts";
import { Positions } from "./positions.ts";
import { decodeRecords, type JournalRecord } from "./records.ts";
import { Segment, segmentNumber } from "./segment.ts";
import { WaitingSince } from "./waiting-since.ts";

/** A write of which there is no record that could be delivered. */
export interface OpenIntent {
  readonly entry: number;
  readonly intent: Intent;
  readonly segment: Segment;
  readonly bytes: number;
  end: PrimaryEnd | null;
  key: string | null;
}

export interface SentRecord {
  readonly attempt: number;
  readonly position: number;
  segment: Segment;
  readonly bytes: number;
}

export interface DueRecord {
  readonly entry: number;
  readonly due: DueReadBack;
  readonly position: number;
  readonly segment: Segment;
  readonly bytes: number;
}

/** Where an accepted record that was carried on lies. */
export interface CarriedPlace {
  readonly position: number;
  readonly segment: Segment;
  /** Of its frame. */
  readonly at: number;
}

export interface Scanned {
  readonly segments: readonly Segment[];
  /** Of the last record, 0 without any. */
  readonly lastPosition: number;
  readonly nextNumber: number;
  readonly lastGeneration: number | null;
  readonly damage: string | null;
  /** A write that its process did not live to finish: what is behind `at` is to be cut off before anything is written. */
  readonly cutOff: { readonly file: string; readonly at: number } | null;
  readonly uncounted: readonly { readonly position: number; readonly write: StoreWrite }[];
  readonly open: ReadonlyMap<string, number>;
  readonly intents: readonly OpenIntent[];
  readonly sent: ReadonlyMap<number, SentRecord>;
  /** Entries that are no longer to be delivered. */
  readonly settled: Positions;
  readonly carried: readonly CarriedPlace[];
  /** Oldest first. */
  readonly readBacks: readonly DueRecord[];
  /** Of those that wait. */
  readonly spooled: readonly LastingName[];
  /** Accepted, and without an outcome. */
  readonly waiting: number;
  /** Of those that wait. */
  readonly waitingSince: WaitingSince;
}

/** `countedUpTo`: what the store has counted. */
export async function scanFolder(folder: string, journalKey: Buffer, countedUpTo: number): Promise<Scanned> {
  const scan = new Scan(countedUpTo);
  const names = await readdir(folder);
  const numbers = names.map(segmentNumber).filter((number) => number !== null);
  for (const number of numbers.sort((a, b) => a - b)) await scan.read(folder, number, journalKey);
  return scan.result();
}

interface CutOff {
  readonly words: string;
  readonly file: string;
  readonly at: number;
}

/** Of one segment's accepted records, side by side: they may be millions. */
interface AcceptedOf {
  readonly segment: Segment;
  readonly entries: number[];
  readonly bytes: number[];
  readonly routes: number[];
  /** Epoch ms. */
  readonly answeredAt: number[];
}

class Scan {
  readonly #countedUpTo: number;
  readonly #segments: Segment[] = [];
  readonly #accepted: AcceptedOf[] = [];
  readonly #routes: string[] = [];
  readonly #routeNumbers = new Map<string, number>();
  readonly #intents = new Map<number, OpenIntent>();
  readonly #sent = new Map<number, SentRecord>();
  readonly #settled = new Positions();
  readonly #spooled = new Map<number, readonly LastingName[]>();
  readonly #readBacks = new Map<number, DueRecord>();
  /** Records are read twice where a process died between carrying a segment on and giving it up. */
  readonly #readBefore = new Positions();
  readonly #carried: (CarriedPlace & { readonly entry: number })[] = [];
  readonly #uncounted: { readonly position: number; readonly write: StoreWrite }[] = [];
  #damage: string | null = null;
  #lastPosition = 0;
  #lastNumber = 0;
  #lastGeneration: number | null = null;
  /** The last segment ends within a frame: good where nothing was written later. */
  #cutOff: CutOff | null = null;

  constructor(countedUpTo: number) {
    this.#countedUpTo = countedUpTo;
  }

  async read(folder: string, number: number, journalKey: Buffer): Promise<void> {
    const name = join(folder, `${String(number).padStart(10, "0")}.lane`);
    if (this.#cutOff !== null) this.#damaged(this.#cutOff.words);
    this.#cutOff = null;
    if (this.#lastNumber !== 0 && number !== this.#lastNumber + 1) {
      this.#damaged(`segments ${this.#lastNumber + 1} to ${number - 1} are missing from ${folder}`);
    }
    this.#lastNumber = number;
    const file = await readFile(name);
    const head = decodeSegmentHead(file, journalKey);
    if (head === null || head.number !== number) {
      // The first write of a segment was cut off: there was nothing before it that could be missing.
      if (file.length < SEGMENT_HEAD_BYTES) {
        this.#cutOff = { words: `${name} has no head`, file: name, at: 0 };
        this.#lastNumber = number - 1;
        return;
      }
      this.#damaged(`${name} cannot be read with this key, or is damaged; it was set aside as ${name}.damaged`);
      await rename(name, `${name}.damaged`);
      return;
    }
    const segment = new Segment(folder, head, journalKey, 0);
    segment.bytes = file.length;
    segment.lastPosition = head.firstPosition - 1;
    this.#segments.push(segment);
    this.#lastGeneration = head.generation;
    this.#lastPosition = Math.max(this.#lastPosition, segment.lastPosition);
    this.#accepted.push({ segment, entries: [], bytes: [], routes: [], answeredAt: [] });
    this.#readFrames(segment, file);
  }

  #readFrames(segment: Segment, file: Buffer): void {
    for (let at = SEGMENT_HEAD_BYTES; at < file.length;) {
      const frame = openFrame(segment.key, file, at);
      if (frame === null) {
        const next = nextFrame(segment.key, file, at);
        const words = `${segment.file} cannot be read from byte ${at} on`;
        if (next === -1 && isUnfinished(file, at)) {
          this.#cutOff = { words, file: segment.file, at };
          segment.bytes = at;
          return;
        }
        segment.damage = words;
        const end = next === -1 ? file.length : next;
        this.#damaged(`${words} to byte ${end}`);
        at = end;
        continue;
      }
      segment.frames = Math.max(segment.frames, frame.counter + 1);
      for (const record of decodeRecords(frame.records)) this.#take(record, segment, at);
      at = frame.end;
    }
  }

  #take(record: JournalRecord, segment: Segment, at: number): void {
    const { position, entry } = record;
    const bytes = record.bytes.length;
    if (position > this.#lastPosition) this.#lastPosition = position;
    if (position > segment.lastPosition) segment.lastPosition = position;
    const again = record.carried && this.#readBefore.has(position);
    this.#readBefore.add(position);
    if (again) return;
    const isUncounted = position > this.#countedUpTo;
    switch (record.type) {
      case "intended":
        if (isUncounted) this.#uncounted.push({ position, write: { type: "eligible", route: record.intent.route } });
        this.#intents.set(entry, { entry, intent: record.intent, segment, bytes, end: null, key: record.intent.key });
        return;
      case "ended": {
        const intent = this.#intents.get(entry);
        if (intent === undefined) return;
        intent.end = record.end;
        intent.key = record.key;
        return;
      }
      case "accepted": {
        this.#intents.delete(entry);
        const accepted = this.#accepted.at(-1) as AcceptedOf;
        accepted.entries.push(entry);
        accepted.bytes.push(bytes);
        accepted.routes.push(this.#routeNumber(record.intent.route));
        accepted.answeredAt.push(record.write.answeredAt);
        this.#noteSpooled(entry, record.write);
        if (record.carried) this.#carried.push({ position, segment, at, entry });
        return;
      }
      case "sent":
        this.#sent.set(entry, { attempt: record.attempt, position, segment, bytes });
        return;
      case "settled":
        this.#intents.delete(entry);
        this.#sent.delete(entry);
        this.#settled.add(entry);
        if (isUncounted) for (const write of countsOf(record)) this.#uncounted.push({ position, write });
        return;
      case "due":
        this.#readBacks.set(entry, { entry, due: record.due, position, segment, bytes });
        return;
      case "readBack":
        this.#readBacks.delete(entry);
        if (isUncounted && record.mark !== null) this.#uncounted.push({ position, write: record.mark });
        return;
      default: {
        const never: never = record;
        throw new TypeError(`no such record: ${JSON.stringify(never)}`);
      }
    }
  }

  result(): Scanned {
    const open = new Map<string, number>();
    const add = (route: string): void => void open.set(route, (open.get(route) ?? 0) + 1);
    const toDeliver = new Positions();
    const waitingSince = new WaitingSince();
    let waiting = 0;
    for (const { segment, entries, bytes, routes, answeredAt } of this.#accepted) {
      entries.forEach((entry, i) => {
        if (this.#settled.has(entry)) return;
        toDeliver.add(entry);
        waiting += 1;
        segment.waiting += 1;
        segment.pin(bytes[i] as number);
        const route = this.#routes[routes[i] as number] as string;
        add(route);
        waitingSince.add(route, answeredAt[i] as number);
      });
    }
    for (const { intent, segment, bytes } of this.#intents.values()) {
      segment.pin(bytes);
      add(intent.route);
    }
    const readBacks = [...this.#readBacks.values()].sort((a, b) => a.position - b.position);
    for (const { segment, bytes } of readBacks) segment.pin(bytes);
    for (const [entry, { segment, bytes }] of this.#sent) if (toDeliver.has(entry)) segment.pin(bytes);
    return {
      segments: this.#segments,
      lastPosition: this.#lastPosition,
      nextNumber: this.#lastNumber + 1,
      lastGeneration: this.#lastGeneration,
      damage: this.#damage,
      cutOff: this.#cutOff,
      uncounted: this.#uncounted,
      open,
      intents: [...this.#intents.values()],
      sent: this.#sent,
      settled: this.#settled,
      carried: this.#carried.filter(({ entry }) => !this.#settled.has(entry)).sort((a, b) => a.position - b.position),
      readBacks,
      spooled: [...this.#spooled].flatMap(([entry, names]) => (this.#settled.has(entry) ? [] : names)),
      waiting,
      waitingSince,
    };
  }

  #noteSpooled(entry: number, { body, answer }: AcceptedWrite): void {
    const spooled = [body, answer.body].filter((one) => one.kind === "spooled");
    if (spooled.length > 0) this.#spooled.set(entry, spooled);
  }

  #damaged(words: string): void {
    this.#damage ??= words;
  }

  #routeNumber(route: string): number {
    let number = this.#routeNumbers.get(route);
    if (number === undefined) {
      number = this.#routes.push(route) - 1;
      this.#routeNumbers.set(route, number);
    }
    return number;
  }
}

function countsOf({ route, exchangeId, end }: Extract<JournalRecord, { type: "settled" }>): readonly StoreWrite[] {
  const { outcome, reason, repairs } = end;
  const entries = repairs.map((repair): StoreWrite => ({ type: "repair", route, exchangeId, place: null, ...repair }));
  return [{ type: "count", route, outcome, reason }, ...entries];
}
