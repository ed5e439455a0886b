import { Worker } from "node:worker_threads";
import { SLOT_BYTES, type SpoolOrder, type SpoolReply, type SpoolThreadData } from "./spool-orders.ts";

/** A file of the spool, as far as its thread is concerned. */
export interface ThreadFile {
  readonly id: number;
  opened(fd: number): void;
  /** Nothing more of it is written. */
  failed(why: string): void;
  /** The thread has ended; whoever has the file has to close it. */
  lost(why: string): void;
  /** Everything before the question is written; of a failed file too. */
  written(sha256: string): void;
  /** So many bytes no longer wait in memory. */
  taken(bytes: number): void;
}

/**
 * Slots of shared memory: 16 MiB, taken once a body is first spooled, and used no further than is needed. The thread gives
 * way to traffic, so that more of a body of 10 MB waits for it than a few turns' worth.
 */
const SLOTS = 256;

const SCRIPT = new URL(import.meta.url.endsWith(".ts") ? "./spool-worker.ts" : "./spool-worker.js", import.meta.url);

type OpenOrder = Extract<SpoolOrder, { order: "open" }>;

type Waiting = { readonly file: ThreadFile } & ({ readonly chunk: Buffer } | { readonly order: SpoolOrder });

/**
 * The main thread's side of the spool's thread. Chunks are copied into shared memory and orders posted once a turn: a cipher
 * returns new memory for each chunk, and 20 MB of that for a pair of 10 MB made V8 collect in the main thread.
 */
export class SpoolThread {
  #worker: Worker | null = null;
  #memory: Uint8Array | null = null;
  readonly #free: number[] = [];
  /** Whose bytes a slot holds, and how many. */
  readonly #held = new Map<number, { readonly file: ThreadFile; length: number }>();
  readonly #files = new Map<number, ThreadFile>();
  readonly #closing = new Map<number, () => void>();
  /** What has no slot yet, and what has to come behind it. */
  #waiting: Waiting[] = [];
  #orders: SpoolOrder[] = [];
  #posts: NodeJS.Immediate | null = null;
  /** Questions without an answer: while there are any the thread keeps the process alive. */
  #asked = 0;

  open(file: ThreadFile, { path, key, iv, lasting }: Omit<OpenOrder, "order" | "file">): void {
    this.#files.set(file.id, file);
    const kept = lasting === null ? null : { tagKey: lasting.tagKey, isSynced: lasting.isSynced };
    this.#order(file, { order: "open", file: file.id, path, key, iv, lasting: kept });
  }

  /** Takes a copy. */
  write(file: ThreadFile, chunk: Buffer): void {
    for (let at = 0; at < chunk.length; at += SLOT_BYTES) {
      const part = chunk.subarray(at, at + SLOT_BYTES);
      if (this.#waiting.length === 0 && this.#put(file, part)) continue;
      // Without a thread nobody would come for it; the file knows.
      if (this.#worker === null) file.taken(part.length);
      else this.#waiting.push({ file, chunk: Buffer.from(part) });
    }
  }

  digestOnly(file: ThreadFile): void {
    this.#order(file, { order: "digest-only", file: file.id });
  }

  /** Answered by `written`. */
  ask(file: ThreadFile): void {
    this.#asked += 1;
    this.#worker?.ref();
    this.#order(file, { order: "tell", file: file.id });
  }

  /** `closed`: called once nothing of it is done any more. */
  close(file: ThreadFile, closed: () => void): void {
    this.#closing.set(file.id, closed);
    this.#order(file, { order: "close", file: file.id });
  }

  /** Files that were not told to be whole are not. */
  async end(): Promise<void> {
    const worker = this.#worker;
    this.#lose("the spool has ended");
    await worker?.terminate();
  }

  #order(file: ThreadFile, order: SpoolOrder): void {
    if (this.#waiting.length > 0) this.#waiting.push({ file, order });
    else this.#post(order);
  }

  #post(order: SpoolOrder): void {
    this.#orders.push(order);
    this.#posts ??= setImmediate(() => this.#flush());
  }

  #put(file: ThreadFile, part: Buffer): boolean {
    if (this.#append(file, part)) return true;
    const worker = this.#worker ?? this.#start();
    const slot = worker === null ? undefined : this.#free.pop();
    if (slot === undefined) return false;
    this.#memory?.set(part, slot * SLOT_BYTES);
    this.#held.set(slot, { file, length: part.length });
    this.#post({ order: "write", file: file.id, slot, length: part.length });
    return true;
  }

  /** Behind what this turn has put into a slot, where there is room: chunks may be small. */
  #append(file: ThreadFile, part: Buffer): boolean {
    const last = this.#orders.at(-1);
    if (last?.order !== "write" || last.file !== file.id || last.length + part.length > SLOT_BYTES) return false;
    const held = this.#held.get(last.slot);
    if (held === undefined) return false;
    this.#memory?.set(part, last.slot * SLOT_BYTES + last.length);
    held.length += part.length;
    this.#orders[this.#orders.length - 1] = { ...last, length: held.length };
    return true;
  }

  #flush(): void {
    this.#posts = null;
    const orders = this.#orders;
    this.#orders = [];
    const worker = this.#worker ?? this.#start();
    for (const order of orders) if (order.order === "close") this.#files.delete(order.file);
    worker?.postMessage(orders);
  }

  #start(): Worker | null {
    const memory = new SharedArrayBuffer(SLOTS * SLOT_BYTES);
    let worker: Worker;
    try {
      worker = new Worker(SCRIPT, {
        name: "crossfade-spool",
        workerData: { memory } satisfies SpoolThreadData,
        // Its files stay readable for whoever still reads them.
        trackUnmanagedFds: false,
      });
    } catch (error) {
      this.#lose(`the spool's thread cannot be started: ${(error as Error).message}`);
      return null;
    }
    this.#worker = worker;
    this.#memory = new Uint8Array(memory);
    for (let slot = 0; slot < SLOTS; slot++) this.#free.push(slot);
    worker.on("message", (replies: readonly SpoolReply[]) => {
      if (this.#worker === worker) for (const reply of replies) this.#take(reply);
    });
    worker.on("error", (error: Error) => {
      if (this.#worker === worker) this.#lose(`the spool's thread crashed: ${error.message}`);
    });
    worker.on("exit", (code) => {
      if (this.#worker === worker) this.#lose(`the spool's thread ended with code ${code}`);
    });
    if (this.#asked === 0) worker.unref();
    return worker;
  }

  #take(reply: SpoolReply): void {
    switch (reply.reply) {
      case "opened":
        this.#files.get(reply.file)?.opened(reply.fd);
        break;
      case "failed":
        this.#files.get(reply.file)?.failed(reply.why);
        break;
      case "written":
        this.#asked -= 1;
        if (this.#asked === 0) this.#worker?.unref();
        this.#files.get(reply.file)?.written(reply.sha256);
        break;
      case "closed":
        this.#closing.get(reply.file)?.();
        this.#closing.delete(reply.file);
        break;
      case "freed":
        for (const slot of reply.slots) this.#freed(slot);
        this.#fill();
        break;
      default: {
        const _never: never = reply;
        throw new TypeError(`no such reply: ${JSON.stringify(_never)}`);
      }
    }
  }

  #freed(slot: number): void {
    const held = this.#held.get(slot);
    this.#held.delete(slot);
    this.#free.push(slot);
    held?.file.taken(held.length);
  }

  /** Goes on with what waits, as far as there are slots. */
  #fill(): void {
    let done = 0;
    for (const next of this.#waiting) {
      if ("order" in next) this.#post(next.order);
      else if (!this.#put(next.file, next.chunk)) break;
      done += 1;
    }
    if (done > 0) this.#waiting.splice(0, done);
  }

  /** The thread is gone: what it had is lost, and the next body starts another one. */
  #lose(why: string): void {
    this.#worker = null;
    this.#memory = null;
    this.#free.length = 0;
    this.#orders = [];
    this.#asked = 0;
    if (this.#posts !== null) clearImmediate(this.#posts);
    this.#posts = null;
    const lost = [...this.#files.values()];
    const waiting = this.#waiting;
    const held = [...this.#held.values()];
    const closing = [...this.#closing.values()];
    this.#files.clear();
    this.#closing.clear();
    this.#held.clear();
    this.#waiting = [];
    for (const { file, length } of held) file.taken(length);
    for (const next of waiting) if ("chunk" in next) next.file.taken(next.chunk.length);
    for (const file of lost) file.lost(why);
    for (const closed of closing) closed();
  }
}
