/** The spool's thread: digests, encrypts and writes what the main thread has put into shared memory. */
import { createCipheriv, createHash, type Hash } from "node:crypto";
import { closeSync, openSync, unlinkSync, writevSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { SPOOL_CIPHER } from "../stored-body.ts";
import { giveWayToTraffic } from "../thread-priority.ts";
import { SLOT_BYTES, type SpoolOrder, type SpoolReply, type SpoolThreadData } from "./spool-orders.ts";

interface OpenFile {
  readonly hash: Hash;
  readonly cipher: ReturnType<typeof createCipheriv>;
  /** null: it could not be opened or written, or only its digest is wanted. */
  fd: number | null;
  written: number;
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
          forget(order.file);
          break;
        case "tell": {
          const sha256 = files.get(order.file)?.hash.copy().digest("hex") ?? "";
          replies.push({ reply: "written", file: order.file, sha256 });
          break;
        }
        case "close":
          forget(order.file);
          files.delete(order.file);
          break;
        default: {
          const _never: never = order;
          throw new TypeError(`no such order: ${JSON.stringify(_never)}`);
        }
      }
    } catch (error) {
      replies.push({ reply: "failed", file: order.file, why: error instanceof Error ? error.message : String(error) });
    }
  }
  if (freed.length > 0) replies.push({ reply: "freed", slots: freed });
  return replies;
}

function open({ file, path, key, iv }: Extract<SpoolOrder, { order: "open" }>, replies: SpoolReply[]): void {
  const state: OpenFile = {
    hash: createHash("sha256"),
    cipher: createCipheriv(SPOOL_CIPHER, key, iv),
    fd: null,
    written: 0,
  };
  files.set(file, state);
  const fd = openSync(path, "wx+", 0o600);
  state.fd = fd;
  unlinkSync(path);
  replies.push({ reply: "opened", file, fd });
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

function forget(file: number): void {
  const state = files.get(file);
  if (state === undefined || state.fd === null) return;
  const { fd } = state;
  state.fd = null;
  closeSync(fd);
}
