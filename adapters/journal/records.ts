/**
 * The journal's records as bytes, one after another within a frame:
 *
 *   length(4) type(1) flags(1) position(8) entry(8) payload
 *
 * `entry` is the position of the write's intent, by which later records name it. An accepted record is complete by itself:
 * it can be delivered without the intent's.
 */
import type { AcceptedWrite, Intent, JournalEnd, JournaledBody, PrimaryEnd } from "../../proxy/ports.ts";
import type { Identity, RawHeaders, RequestHead } from "../../proxy/exchange.ts";
import type { OutcomeKind, OutcomeReason } from "../../proxy/outcome.ts";

const TYPE = { intended: 1, ended: 2, accepted: 3, sent: 4, settled: 5 } as const;
/** The write waits in the journal and nowhere else. */
const KEPT = 1;
/** A copy of a record whose segment was given up. */
const CARRIED = 2;
const HEAD_BYTES = 22;

interface Common {
  readonly position: number;
  readonly entry: number;
  readonly carried: boolean;
  /** All of the record. */
  readonly bytes: Buffer;
}

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
        readonly generation: number;
        readonly intent: Intent;
        readonly write: AcceptedWrite;
      }
    | { readonly type: "sent"; readonly attempt: number }
    | { readonly type: "settled"; readonly route: string; readonly exchangeId: string; readonly end: JournalEnd }
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

  intended(position: number, encoded: Buffer): number {
    return this.#record(TYPE.intended, 0, position, position, encoded.length, (at) => encoded.copy(this.#bytes, at));
  }

  ended(position: number, entry: number, end: PrimaryEnd, key: string | null): number {
    return this.#text(TYPE.ended, position, entry, [end, key]);
  }

  accepted(
    position: number,
    entry: number,
    options: {
      readonly intent: Buffer;
      readonly write: AcceptedWrite;
      readonly generation: number;
      readonly kept: boolean;
    },
  ): number {
    const { intent, write, generation, kept } = options;
    const { answer, body } = write;
    const meta = Buffer.from(
      JSON.stringify([
        write.key,
        write.overlapped,
        write.shadow,
        write.answeredAt,
        generation,
        answer.status,
        answer.ms,
        answer.headers,
        digestOf(body),
        digestOf(answer.body),
      ]),
    );
    const parts = [intent, meta, bytesOf(body), bytesOf(answer.body)];
    const length = parts.reduce((sum, part) => sum + 4 + part.length, 0);
    return this.#record(TYPE.accepted, kept ? KEPT : 0, position, entry, length, (start) => {
      let at = start;
      for (const part of parts) {
        this.#bytes.writeUInt32LE(part.length, at);
        part.copy(this.#bytes, at + 4);
        at += 4 + part.length;
      }
    });
  }

  sent(position: number, entry: number, attempt: number): number {
    return this.#record(TYPE.sent, 0, position, entry, 4, (at) => this.#bytes.writeUInt32LE(attempt, at));
  }

  settled(
    position: number,
    entry: number,
    of: { readonly route: string; readonly exchangeId: string },
    end: JournalEnd,
  ) {
    const { outcome, reason, repair } = end;
    return this.#text(TYPE.settled, position, entry, [of.route, of.exchangeId, outcome, reason, repair]);
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

  #text(type: number, position: number, entry: number, value: unknown): number {
    const text = Buffer.from(JSON.stringify(value));
    return this.#record(type, 0, position, entry, text.length, (at) => text.copy(this.#bytes, at));
  }

  #record(
    type: number,
    flags: number,
    position: number,
    entry: number,
    payload: number,
    write: (at: number) => unknown,
  ): number {
    const length = HEAD_BYTES + payload;
    this.#room(length);
    const at = this.#used;
    this.#bytes.writeUInt32LE(length, at);
    this.#bytes.writeUInt8(type, at + 4);
    this.#bytes.writeUInt8(flags, at + 5);
    this.#bytes.writeDoubleLE(position, at + 6);
    this.#bytes.writeDoubleLE(entry, at + 14);
    write(at + HEAD_BYTES);
    this.#used += length;
    return length;
  }

  #room(bytes: number): void {
    if (this.#used + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#used + bytes));
    this.#bytes.copy(larger, 0, 0, this.#used);
    this.#bytes = larger;
  }
}

/** Kept by the caller from intent to answer: the accepted record repeats it. */
export function encodeIntent({ exchangeId, route, request, key, traceId, arrivedAt }: Intent): Buffer {
  const { method, target, headers, remoteAddress, scheme } = request;
  return Buffer.from(
    JSON.stringify([exchangeId, route, key, traceId, arrivedAt, method, target, remoteAddress, scheme, headers]),
  );
}

/** @throws where a payload is not as this version writes it. */
export function* decodeRecords(frame: Buffer): Generator<JournalRecord> {
  for (let at = 0; at < frame.length;) {
    const length = frame.readUInt32LE(at);
    const bytes = frame.subarray(at, at + length);
    yield decode(bytes);
    at += length;
  }
}

function decode(bytes: Buffer): JournalRecord {
  const flags = bytes.readUInt8(5);
  const common: Common = {
    position: bytes.readDoubleLE(6),
    entry: bytes.readDoubleLE(14),
    carried: (flags & CARRIED) !== 0,
    bytes,
  };
  const payload = bytes.subarray(HEAD_BYTES);
  const type = bytes.readUInt8(4);
  switch (type) {
    case TYPE.intended:
      return { ...common, type: "intended", intent: decodeIntent(payload) };
    case TYPE.ended: {
      const [end, key] = parse<["refused" | "unknown", string | null]>(payload);
      return { ...common, type: "ended", end, key };
    }
    case TYPE.accepted:
      return { ...common, type: "accepted", kept: (flags & KEPT) !== 0, ...decodeAccepted(payload) };
    case TYPE.sent:
      return { ...common, type: "sent", attempt: payload.readUInt32LE(0) };
    case TYPE.settled: {
      type Written = [string, string, OutcomeKind, OutcomeReason | null, JournalEnd["repair"]];
      const [route, exchangeId, outcome, reason, repair] = parse<Written>(payload);
      return { ...common, type: "settled", route, exchangeId, end: { outcome, reason, repair } };
    }
    default:
      throw new TypeError(`no such record: ${type}`);
  }
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

type Digest = readonly [length: number, sha256: string] | null;

function decodeAccepted(payload: Buffer): { generation: number; intent: Intent; write: AcceptedWrite } {
  const parts: Buffer[] = [];
  for (let at = 0; at < payload.length;) {
    const length = payload.readUInt32LE(at);
    parts.push(payload.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  const [intent, meta, body, answer] = parts as [Buffer, Buffer, Buffer, Buffer];
  type Written = [string, boolean, Identity, number, number, number, number, RawHeaders, Digest, Digest];
  const [key, overlapped, shadow, answeredAt, generation, status, ms, headers, bodyDigest, answerDigest] =
    parse<Written>(meta);
  const write: AcceptedWrite = {
    key,
    overlapped,
    shadow,
    answeredAt,
    body: bodyFrom(body, bodyDigest),
    answer: { status, headers, body: bodyFrom(answer, answerDigest), ms },
  };
  return { generation, intent: decodeIntent(intent), write };
}

const NO_BYTES = Buffer.alloc(0);

function bytesOf(body: JournaledBody): Buffer {
  return body.kind === "memory" ? body.bytes : NO_BYTES;
}

function digestOf(body: JournaledBody): Digest {
  return body.kind === "memory" ? null : [body.length, body.sha256];
}

/** A copy: the frame that it was read in must not live as long as the body does. */
function bodyFrom(bytes: Buffer, digest: Digest): JournaledBody {
  if (digest === null) return { kind: "memory", bytes: Buffer.from(bytes) };
  return { kind: "digest", length: digest[0], sha256: digest[1] };
}

function parse<T>(bytes: Buffer): T {
  return JSON.parse(bytes.toString()) as T;
}
