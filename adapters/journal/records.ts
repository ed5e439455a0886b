/**
 * The journal's records as bytes, one after another within a frame:
 *
 *   length(4) type(1) flags(1) position(8) entry(8), then parts: length(4) bytes
 *
 * `entry` is the position of the write's intent, by which later records name it. An accepted record is complete by itself:
 * it can be delivered without the intent's.
 */
import type {
  AcceptedWrite,
  DeliveredWrite,
  DueReadBack,
  Intent,
  JournalEnd,
  JournaledBody,
  PrimaryEnd,
} from "../../proxy/journal.ts";
import type { About, Identity, RawHeaders, RequestHead } from "../../proxy/exchange.ts";
import type { OutcomeKind, OutcomeReason } from "../../proxy/outcome.ts";

const TYPE = { intended: 1, ended: 2, accepted: 3, sent: 4, settled: 5, due: 6, readBack: 7 } as const;
const TYPES: Readonly<Record<number, keyof typeof TYPE>> = Object.fromEntries(
  Object.entries(TYPE).map(([name, number]) => [number, name as keyof typeof TYPE]),
);
/** The write waits in the journal and nowhere else. */
const KEPT = 1;
/** A copy of a record whose segment was given up. */
const CARRIED = 2;
/** Of an accepted record: attempt 1 followed at once, and has no record of its own. */
const SENT = 4;
const HEAD_BYTES = 22;

/** What is known of a record without reading what it holds. */
export interface RecordHead {
  readonly type: JournalRecord["type"];
  readonly position: number;
  readonly entry: number;
  readonly carried: boolean;
  /** All of the record. */
  readonly bytes: Buffer;
}

type Common = Omit<RecordHead, "type">;

export type JournalRecord = Common &
  (
    | { readonly type: "intended"; readonly intent: Intent }
    | {
        readonly type: "ended";
        readonly end: Exclude<PrimaryEnd, "accepted">;
        readonly key: string | null;
      }
    | {
        readonly type: "accepted";
        readonly kept: boolean;
        readonly sentAtOnce: boolean;
        readonly generation: number;
        readonly intent: Intent;
        readonly write: AcceptedWrite;
      }
    | { readonly type: "sent"; readonly attempt: number }
    | { readonly type: "settled"; readonly route: string; readonly exchangeId: string; readonly end: JournalEnd }
    /** The write is to be read back, and then: it is so no more. */
    | { readonly type: "due"; readonly due: DueReadBack }
    | { readonly type: "readBack"; readonly mark: DueReadBack["mark"] | null }
  );

/** Bytes that grow; emptied and used again, so that a turn's records cost no allocation. */
export class RecordBuffer {
  #bytes: Buffer;
  #used = 0;

  constructor(bytes = 256 * 1024) {
    this.#bytes = Buffer.allocUnsafeSlow(bytes);
  }

  get used(): number {
    return this.#used;
  }

  /** Valid until more is added. */
  records(): Buffer {
    return this.#bytes.subarray(0, this.#used);
  }

  clear(): void {
    this.#used = 0;
    // What one large record needed is not kept for good.
    if (this.#bytes.length > 4 * 1024 * 1024) this.#bytes = Buffer.allocUnsafeSlow(256 * 1024);
  }

  intended(position: number, intent: string): number {
    return this.#texts(TYPE.intended, 0, position, position, [intent]);
  }

  ended(position: number, entry: number, end: PrimaryEnd, key: string | null): number {
    return this.#texts(TYPE.ended, 0, position, entry, [JSON.stringify([end, key])]);
  }

  accepted(
    position: number,
    entry: number,
    options: {
      readonly intent: string;
      readonly write: DeliveredWrite;
      readonly generation: number;
      readonly kept: boolean;
    },
  ): number {
    const { intent, write, generation, kept } = options;
    const { answer, body } = write;
    const meta = JSON.stringify([
      write.about,
      write.overlapped,
      write.shadow,
      write.answeredAt,
      generation,
      answer.status,
      answer.ms,
      answer.headers,
      elsewhereOf(body),
      elsewhereOf(answer.body),
    ]);
    const bodies = [bytesOf(body), bytesOf(answer.body)];
    const flags = (kept ? KEPT : 0) | (write.sentAtOnce === true ? SENT : 0);
    return this.#texts(TYPE.accepted, flags, position, entry, [intent, meta], bodies);
  }

  sent(position: number, entry: number, attempt: number): number {
    return this.#texts(TYPE.sent, 0, position, entry, [String(attempt)]);
  }

  settled(
    position: number,
    entry: number,
    { route, exchangeId }: { readonly route: string; readonly exchangeId: string },
    { outcome, reason, repairs }: JournalEnd,
  ): number {
    const text = JSON.stringify([route, exchangeId, outcome, reason, repairs]);
    return this.#texts(TYPE.settled, 0, position, entry, [text]);
  }

  due(position: number, entry: number, { mark, isOpen, settledAt, traceId }: DueReadBack): number {
    return this.#texts(TYPE.due, 0, position, entry, [JSON.stringify([mark, isOpen, settledAt, traceId])]);
  }

  readBack(position: number, entry: number, mark: DueReadBack["mark"] | null): number {
    return this.#texts(TYPE.readBack, 0, position, entry, [JSON.stringify(mark)]);
  }

  /** A record once more, as it is. */
  carry(record: Buffer): number {
    this.#room(record.length);
    record.copy(this.#bytes, this.#used);
    const flags = this.#used + 5;
    this.#bytes.writeUInt8(this.#bytes.readUInt8(flags) | CARRIED, flags);
    this.#used += record.length;
    return record.length;
  }

  /** Texts and bodies, each behind its length: written where they are to lie, since copies cost most of a record. */
  #texts(
    type: number,
    flags: number,
    position: number,
    entry: number,
    texts: readonly string[],
    bodies: readonly Buffer[] = [],
  ): number {
    let most = HEAD_BYTES;
    // No character takes more than three bytes of UTF-8 for each of its UTF-16 units.
    for (const text of texts) most += 4 + 3 * text.length;
    for (const body of bodies) most += 4 + body.length;
    this.#room(most);
    const bytes = this.#bytes;
    const start = this.#used;
    let at = start + HEAD_BYTES;
    for (const text of texts) {
      const length = bytes.write(text, at + 4);
      bytes.writeUInt32LE(length, at);
      at += 4 + length;
    }
    for (const body of bodies) {
      bytes.writeUInt32LE(body.length, at);
      body.copy(bytes, at + 4);
      at += 4 + body.length;
    }
    bytes.writeUInt32LE(at - start, start);
    bytes[start + 4] = type;
    bytes[start + 5] = flags;
    bytes.writeDoubleLE(position, start + 6);
    bytes.writeDoubleLE(entry, start + 14);
    this.#used = at;
    return at - start;
  }

  #room(bytes: number): void {
    if (this.#used + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#used + bytes));
    this.#bytes.copy(larger, 0, 0, this.#used);
    this.#bytes = larger;
  }
}

/** Kept by the caller from intent to answer: the accepted record repeats it. */
export function spellIntent({ exchangeId, route, request, key, traceId, arrivedAt }: Intent): string {
  const { method, target, headers, remoteAddress, scheme } = request;
  return JSON.stringify([exchangeId, route, key, traceId, arrivedAt, method, target, remoteAddress, scheme, headers]);
}

/** @throws where a payload is not as this version writes it. */
export function* decodeRecords(frame: Buffer): Generator<JournalRecord> {
  for (const head of recordHeads(frame)) yield decode(head);
}

export function* recordHeads(frame: Buffer): Generator<RecordHead> {
  for (let at = 0; at < frame.length;) {
    const bytes = frame.subarray(at, at + frame.readUInt32LE(at));
    const type = TYPES[bytes.readUInt8(4)];
    if (type === undefined) throw new TypeError(`no such record: ${bytes.readUInt8(4)}`);
    const [position, entry] = [bytes.readDoubleLE(6), bytes.readDoubleLE(14)];
    yield { type, position, entry, carried: (bytes.readUInt8(5) & CARRIED) !== 0, bytes };
    at += bytes.length;
  }
}

function decode(head: RecordHead): JournalRecord {
  const { type, ...common } = head;
  const parts = partsOf(head.bytes.subarray(HEAD_BYTES));
  const [first = NO_BYTES] = parts;
  switch (type) {
    case "intended":
      return { ...common, type, intent: decodeIntent(first) };
    case "ended": {
      const [end, key] = parse<["refused" | "unknown", string | null]>(first);
      return { ...common, type, end, key };
    }
    case "accepted": {
      const flags = head.bytes.readUInt8(5);
      const told = { kept: (flags & KEPT) !== 0, sentAtOnce: (flags & SENT) !== 0 };
      return { ...common, type, ...told, ...decodeAccepted(parts) };
    }
    case "sent":
      return { ...common, type, attempt: parse<number>(first) };
    case "settled": {
      type Written = [string, string, OutcomeKind, OutcomeReason | null, JournalEnd["repairs"]];
      const [route, exchangeId, outcome, reason, repairs] = parse<Written>(first);
      return { ...common, type, route, exchangeId, end: { outcome, reason, repairs } };
    }
    case "due": {
      const [mark, isOpen, settledAt, traceId] = parse<[DueReadBack["mark"], boolean, number, string]>(first);
      return { ...common, type, due: { mark, isOpen, settledAt, traceId } };
    }
    case "readBack":
      return { ...common, type, mark: parse<DueReadBack["mark"] | null>(first) };
  }
}

function partsOf(payload: Buffer): readonly Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < payload.length;) {
    const length = payload.readUInt32LE(at);
    parts.push(payload.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return parts;
}

function decodeIntent(bytes: Buffer): Intent {
  type Written = [
    string,
    string,
    string | null,
    string,
    number,
    string,
    string,
    string,
    RequestHead["scheme"],
    RawHeaders,
  ];
  const [exchangeId, route, key, traceId, arrivedAt, method, target, remoteAddress, scheme, headers] =
    parse<Written>(bytes);
  const asked = target.indexOf("?");
  const path = asked === -1 ? target : target.slice(0, asked);
  const query = asked === -1 ? "" : target.slice(asked + 1);
  const request = { method, target, path, query, headers, remoteAddress, scheme };
  return { exchangeId, route, request, key, traceId, arrivedAt };
}

/** What stands for a body that is not in the record; `name`: the spool has it under that. */
type Elsewhere = readonly [length: number, sha256: string, name?: string] | null;

function decodeAccepted(parts: readonly Buffer[]): { generation: number; intent: Intent; write: AcceptedWrite } {
  const [intent, meta, body, answer] = parts as [Buffer, Buffer, Buffer, Buffer];
  type Written = [About, boolean, Identity, number, number, number, number, RawHeaders, Elsewhere, Elsewhere];
  const [about, overlapped, shadow, answeredAt, generation, status, ms, headers, bodyElsewhere, answerElsewhere] =
    parse<Written>(meta);
  const write: AcceptedWrite = {
    about,
    overlapped,
    shadow,
    answeredAt,
    body: bodyFrom(body, bodyElsewhere),
    answer: { status, headers, body: bodyFrom(answer, answerElsewhere), ms },
  };
  return { generation, intent: decodeIntent(intent), write };
}

const NO_BYTES = Buffer.alloc(0);

function bytesOf(body: JournaledBody): Buffer {
  return body.kind === "memory" ? body.bytes : NO_BYTES;
}

/** Versions that know of no names take what has one for a body that is gone. */
function elsewhereOf(body: JournaledBody): Elsewhere {
  switch (body.kind) {
    case "memory":
      return null;
    case "spooled":
      return [body.length, "", body.name];
    case "digest":
      return [body.length, body.sha256];
  }
}

/** A copy: the frame that it was read in must not live as long as the body does. */
function bodyFrom(bytes: Buffer, elsewhere: Elsewhere): JournaledBody {
  if (elsewhere === null) return { kind: "memory", bytes: Buffer.from(bytes) };
  const [length, sha256, name] = elsewhere;
  return name === undefined ? { kind: "digest", length, sha256 } : { kind: "spooled", length, name };
}

function parse<T>(bytes: Buffer): T {
  return JSON.parse(bytes.toString()) as T;
}
