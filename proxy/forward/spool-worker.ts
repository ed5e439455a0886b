/** The spool's thread: digests, encrypts and writes what the main thread has put into shared memory. */
import { createCipheriv, createHash, type Hash } from "node:crypto";
import { closeSync, fdatasyncSync, fsyncSync, openSync, unlinkSync, writeSync, writevSync } from "node:fs";
import { dirname } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { SPOOL_CIPHER } from "../evidence/stored-body.ts";
import { giveWayToTraffic } from "../process/thread-priority.ts";
import { tagOf } from "./lasting-bodies.ts";
import {
  type LastingOrder,
  SLOT_BYTES,
  type SpoolOrder,
  type SpoolReply,
  type SpoolThreadData,
} from "./spool-orders.ts";

interface OpenFile {
  readonly hash: Hash;
  readonly cipher: ReturnType<typeof createCipheriv>;
  /** null: it could not be opened or written, or only its digest is wanted. */
  fd: number | null;
  written: number;
  readonly path: string;
  readonly lasting: LastingOrder | null;
}

const { memory } = workerData as SpoolThreadData;
const slots = Array.from({ length: memory.byteLength / SLOT_BYTES }, (_, slot) => {
  return new Uint8Array(memory, slot * SLOT_BYTES, SLOT_BYTES);
});
const files = new Map<number, OpenFile>();

giveWayToTraffic("somewhat");
parentPort?.on("message", (orders: readonly SpoolOrder[]) => parentPort?.postMessage(carryOut(orders)));

function carryOut(orders: readonly SpoolOrder[]): readonly SpoolReply[] {
  const replies: SpoolReply[] = [];
  const freed: number[] = [];
  for (let at = 0; at < orders.length; at++) {
    const order = orders[at] as SpoolOrder;
    try {
      switch (order.order) {
        case "open":
          open(order, replies);
          break;
        case "write": {
          const writes = [order];
          for (let next = orders[at + 1]; next?.order === "write" && next.file === order.file; next = orders[at + 1]) {
            writes.push(next);
            at += 1;
          }
          for (const { slot } of writes) freed.push(slot);
          write(order.file, writes);
          break;
        }
        case "digest-only":
          giveUp(order.file);
          break;
        case "tell":
          tell(order.file, replies);
          break;
        case "close":
          forget(order.file);
          files.delete(order.file);
          replies.push({ reply: "closed", file: order.file });
          break;
        default: {
          const _never: never = order;
          throw new TypeError(`no such order: ${JSON.stringify(_never)}`);
        }
      }
    } catch (error) {
      replies.push(failed(order.file, error));
    }
  }
  if (freed.length > 0) replies.push({ reply: "freed", slots: freed });
  return replies;
}

function failed(file: number, error: unknown): SpoolReply {
  return { reply: "failed", file, why: error instanceof Error ? error.message : String(error) };
}

function open({ file, path, key, iv, lasting }: Extract<SpoolOrder, { order: "open" }>, replies: SpoolReply[]): void {
  const state: OpenFile = {
    hash: createHash("sha256"),
    cipher: createCipheriv(SPOOL_CIPHER, key, iv),
    fd: null,
    written: 0,
    path,
    lasting,
  };
  files.set(file, state);
  const fd = openSync(path, "wx+", 0o600);
  state.fd = fd;
  if (lasting === null) unlinkSync(path);
  replies.push({ reply: "opened", file, fd });
}

/** Whoever asked is answered in any case. */
function tell(file: number, replies: SpoolReply[]): void {
  const state = files.get(file);
  const sha256 = state?.hash.copy().digest("hex") ?? "";
  try {
    if (state !== undefined) setTag(state, sha256);
  } catch (error) {
    replies.push(failed(file, error));
  }
  replies.push({ reply: "written", file, sha256 });
}

/** From here on another process takes it for whole. */
function setTag({ fd, lasting, path, written }: OpenFile, sha256: string): void {
  if (fd === null || lasting === null) return;
  const tag = tagOf(lasting.tagKey, sha256, written);
  for (let at = 0; at < tag.length;) at += writeSync(fd, tag, at, tag.length - at, written + at);
  if (!lasting.isSynced) return;
  fdatasyncSync(fd);
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function write(file: number, writes: readonly { readonly slot: number; readonly length: number }[]): void {
  const state = files.get(file);
  if (state === undefined) return;
  const sealed: Buffer[] = [];
  for (const { slot, length } of writes) {
    const bytes = (slots[slot] as Uint8Array).subarray(0, length);
    state.hash.update(bytes);
    if (state.fd !== null) sealed.push(state.cipher.update(bytes));
  }
  const rest = [...sealed];
  while (state.fd !== null && rest.length > 0) {
    let written = writevSync(state.fd, rest, state.written);
    state.written += written;
    while (rest.length > 0 && written >= (rest[0] as Buffer).length) written -= (rest.shift() as Buffer).length;
    if (written > 0) rest[0] = (rest[0] as Buffer).subarray(written);
  }
  for (const bytes of sealed) free(bytes);
}

/** A cipher returns new memory for each chunk, of which V8 let 43 MiB pass before it collected in this thread. */
function free({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

/** Nobody needs what is in it. */
function giveUp(file: number): void {
  const state = files.get(file);
  if (state?.lasting && state.fd !== null) unlinkSync(state.path);
  forget(file);
}

function forget(file: number): void {
  const state = files.get(file);
  if (state === undefined || state.fd === null) return;
  const { fd } = state;
  state.fd = null;
  closeSync(fd);
}
