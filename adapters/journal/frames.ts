/**
 * How records lie in a segment: sealed frames one after another, behind a header.
 *
 *   segment:  magic(8) generation(8) number(8) firstPosition(8) salt(16) mac(16), then frames
 *   frame:    magic(4) length(4) counter(4) tag(16) sealed(length)
 *
 * AES-256-GCM under a key of the segment's own (RFC 5869, from the salt in its header), the frame's number as nonce: no
 * nonce is used twice, and no frame can pass for one of another segment. The head of a frame is authenticated with it.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";

const SEGMENT_MAGIC = Buffer.from("CFLANES1", "latin1");
const MAC_BYTES = 16;
const MAC_AT = 48;
export const SEGMENT_HEAD_BYTES = MAC_AT + MAC_BYTES;

const FRAME_MAGIC = 0x4352464c;
/** Little-endian, as it lies in the file. */
const FRAME_MAGIC_BYTES = Buffer.from([0x4c, 0x46, 0x52, 0x43]);
const FRAME_AAD_BYTES = 12;
const TAG_BYTES = 16;
export const FRAME_HEAD_BYTES = FRAME_AAD_BYTES + TAG_BYTES;

export interface SegmentHead {
  /** Of the store, in the process life that wrote it. */
  readonly generation: number;
  /** Segments are numbered without a gap. */
  readonly number: number;
  /** No record in it has a smaller position, those that were carried here aside. */
  readonly firstPosition: number;
  readonly salt: Buffer;
}

export function newSegmentHead(head: Omit<SegmentHead, "salt">): SegmentHead {
  return { ...head, salt: randomBytes(16) };
}

export function encodeSegmentHead(head: SegmentHead, journalKey: Buffer): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEAD_BYTES);
  SEGMENT_MAGIC.copy(bytes);
  bytes.writeDoubleLE(head.generation, 8);
  bytes.writeDoubleLE(head.number, 16);
  bytes.writeDoubleLE(head.firstPosition, 24);
  head.salt.copy(bytes, 32);
  macOf(bytes, journalKey).copy(bytes, MAC_AT);
  return bytes;
}

/** null: it is no header that was written with this key. */
export function decodeSegmentHead(bytes: Buffer, journalKey: Buffer): SegmentHead | null {
  if (bytes.length < SEGMENT_HEAD_BYTES || !bytes.subarray(0, 8).equals(SEGMENT_MAGIC)) return null;
  if (!timingSafeEqual(bytes.subarray(MAC_AT, SEGMENT_HEAD_BYTES), macOf(bytes, journalKey))) return null;
  return {
    generation: bytes.readDoubleLE(8),
    number: bytes.readDoubleLE(16),
    firstPosition: bytes.readDoubleLE(24),
    salt: Buffer.from(bytes.subarray(32, MAC_AT)),
  };
}

function macOf(head: Buffer, journalKey: Buffer): Buffer {
  return createHmac("sha256", journalKey).update(head.subarray(0, MAC_AT)).digest().subarray(0, MAC_BYTES);
}

export function segmentKey(journalKey: Buffer, salt: Buffer): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync("sha256", journalKey, salt, "crossfade journal segment", 32)));
}

/** The head and the sealed records: what is written, one after the other. */
export function sealFrame(key: KeyObject, counter: number, records: Buffer): readonly [head: Buffer, sealed: Buffer] {
  const head = Buffer.allocUnsafe(FRAME_HEAD_BYTES);
  head.writeUInt32LE(FRAME_MAGIC, 0);
  head.writeUInt32LE(records.length, 4);
  head.writeUInt32LE(counter, 8);
  const cipher = createCipheriv("aes-256-gcm", key, nonceOf(counter));
  cipher.setAAD(head.subarray(0, FRAME_AAD_BYTES));
  const sealed = cipher.update(records);
  cipher.final();
  cipher.getAuthTag().copy(head, FRAME_AAD_BYTES);
  return [head, sealed];
}

export interface OpenedFrame {
  readonly records: Buffer;
  readonly counter: number;
  /** Where the next one begins. */
  readonly end: number;
}

/** The frame at `at`; null where there is no whole one. */
export function openFrame(key: KeyObject, segment: Buffer, at: number): OpenedFrame | null {
  const from = at + FRAME_HEAD_BYTES;
  if (from > segment.length || segment.readUInt32LE(at) !== FRAME_MAGIC) return null;
  const end = from + segment.readUInt32LE(at + 4);
  if (end > segment.length) return null;
  const counter = segment.readUInt32LE(at + 8);
  const decipher = createDecipheriv("aes-256-gcm", key, nonceOf(counter));
  decipher.setAAD(segment.subarray(at, at + FRAME_AAD_BYTES));
  decipher.setAuthTag(segment.subarray(at + FRAME_AAD_BYTES, from));
  const records = decipher.update(segment.subarray(from, end));
  try {
    decipher.final();
  } catch {
    return null;
  }
  return { records, counter, end };
}

/** Where the next whole frame after `at` begins, or -1: tells damage within a segment from an end that was cut off. */
export function nextFrame(key: KeyObject, segment: Buffer, at: number): number {
  for (let found = at; ;) {
    found = segment.indexOf(FRAME_MAGIC_BYTES, found + 1);
    if (found === -1 || openFrame(key, segment, found) !== null) return found;
  }
}

/** Whether what is left from `at` on may begin a frame whose write was not finished. If not, it was whole once. */
export function isUnfinished(segment: Buffer, at: number): boolean {
  const magic = segment.subarray(at, at + FRAME_MAGIC_BYTES.length);
  if (!magic.equals(FRAME_MAGIC_BYTES.subarray(0, magic.length))) return false;
  const from = at + FRAME_HEAD_BYTES;
  return from > segment.length || from + segment.readUInt32LE(at + 4) > segment.length;
}

function nonceOf(counter: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32LE(counter, 0);
  return nonce;
}
