/**
 * The process's end of the line to the thread that owns the file. A thread that dies is replaced; whoever uses the link
 * hears of it through `LinkEvents` and of nothing else.
 */
import { Worker } from "node:worker_threads";
import type { CrossfadeError } from "../../../proxy/errors.ts";
import type { JournalAccount } from "../../../proxy/journal.ts";
import { asError, asFailure } from "./failures.ts";
import type { Batch, PairSizes } from "../rows.ts";
import type { Committed, FromWorker, Opened, OpeningOrder, Question, Questions, ToWorker } from "./messages.ts";

/** Compiled or not, the thread's file lies beside this one; the compiler rewrites imports, not URLs. */
const WORKER_URL = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

const FIRST_RESTART_MS = 100;
const LAST_RESTART_MS = 5_000;

export interface LinkEvents {
  /** Before the first opening, where a journal is to be asked: `account` is to follow. */
  locked(journalMark: number): void;
  /** At the first opening and at each after a restart; commits may follow. */
  opened(opened: Opened, pairs: PairSizes): void;
  committed(number: number, committed: Committed): void;
  failed(number: number, error: CrossfadeError): void;
  /** The thread is gone, or could not open the file again; another follows by itself. */
  down(error: CrossfadeError): void;
}

interface Waiting {
  readonly resolve: (value: Questions[keyof Questions]["value"]) => void;
  readonly reject: (error: CrossfadeError) => void;
}

export class WorkerLink {
  readonly #order: OpeningOrder;
  readonly #now: () => number;
  readonly #events: LinkEvents;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null = null;
  /** Stands still until it hears of the journal. */
  #locked: Worker | null = null;
  #generation: number | null = null;
  #corrupt = false;
  #restartMs = FIRST_RESTART_MS;
  #restart: NodeJS.Timeout | null = null;
  #questions = 0;
  #onClosed: (() => void) | null = null;
  #ended = false;

  constructor(order: OpeningOrder, now: () => number, events: LinkEvents) {
    this.#order = order;
    this.#now = now;
    this.#events = events;
    this.#start();
  }

  get up(): boolean {
    return this.#worker !== null;
  }

  /** The answer to `locked`: the thread goes on. */
  account(account: JournalAccount): void {
    const signal = this.#order.journal;
    if (this.#locked === null || signal === undefined) return;
    this.#locked.postMessage({ type: "account", account } satisfies ToWorker);
    this.#locked = null;
    const words = new Int32Array(signal);
    Atomics.store(words, 0, 1);
    Atomics.notify(words, 0);
  }

  commit(batch: Batch): void {
    this.#post({ type: "commit", batch });
  }

  ask<Name extends keyof Questions>(
    name: Name,
    args: Questions[Name]["args"],
    patienceMs: number,
  ): Promise<Questions[Name]["value"]> {
    const { promise, resolve, reject } = Promise.withResolvers<Questions[keyof Questions]["value"]>();
    const id = this.#questions++;
    if (this.#worker === null) return Promise.reject(this.#unavailable("it is closed or being opened again"));
    const timer = setTimeout(() => {
      this.#waiting.delete(id);
      reject(this.#unavailable(`no answer within ${patienceMs} ms`));
    }, patienceMs);
    const settled = promise.finally(() => clearTimeout(timer));
    this.#waiting.set(id, { resolve, reject });
    // `name` and `args` belong together by this method's signature, which a union cannot express.
    this.#post({ type: "ask", id, question: { name, args } as unknown as Question });
    return settled as Promise<Questions[Name]["value"]>;
  }

  /** Ends the thread for good. Resolves when it has closed the file, or after `patienceMs` without it. */
  async close(clean: boolean, patienceMs: number): Promise<void> {
    this.#ended = true;
    if (this.#restart !== null) clearTimeout(this.#restart);
    const worker = this.#worker;
    if (worker !== null) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, patienceMs);
        this.#onClosed = () => {
          clearTimeout(timer);
          resolve();
        };
        worker.once("exit", this.#onClosed);
        this.#post({ type: "close", clean, now: this.#now() });
      });
      this.#worker = null;
      // A thread inside a system call that never returns cannot be ended: it must not be waited for.
      void worker.terminate();
    }
    this.#rejectAll("it was closed");
  }

  #start(): void {
    this.#restart = null;
    const again =
      this.#generation === null
        ? null
        : { generation: this.#generation, since: this.#order.now, corrupt: this.#corrupt };
    const worker = new Worker(WORKER_URL, { workerData: { ...this.#order, now: this.#now(), again } });
    let gone = false;
    const end = (error: CrossfadeError): void => {
      if (gone) return;
      gone = true;
      this.#worker = null;
      this.#rejectAll(error.message);
      void worker.terminate();
      if (this.#ended) return;
      this.#events.down(error);
      if (this.#ended) return;
      this.#restart = setTimeout(() => this.#start(), this.#restartMs);
      this.#restart.unref();
      this.#restartMs = Math.min(LAST_RESTART_MS, this.#restartMs * 2);
    };
    worker.on("message", (message: FromWorker) => {
      switch (message.type) {
        case "locked":
          this.#locked = worker;
          this.#events.locked(message.journalMark);
          return;
        case "opened":
          this.#worker = worker;
          this.#generation = message.opened.generation;
          this.#corrupt = false;
          this.#events.opened(message.opened, message.pairs);
          return;
        case "refused":
          end(asError(message.failure));
          return;
        case "corrupt":
          this.#corrupt = true;
          end(asError(message.failure));
          return;
        default:
          this.#receive(message);
      }
    });
    worker.on("error", (thrown) => end(asError(asFailure(thrown, this.#order.file))));
    worker.on("exit", (code) => end(this.#unavailable(`its thread ended (${code})`)));
  }

  #receive(message: Exclude<FromWorker, { type: "locked" | "opened" | "refused" | "corrupt" }>): void {
    switch (message.type) {
      case "committed":
        this.#restartMs = FIRST_RESTART_MS;
        this.#events.committed(message.number, message.committed);
        return;
      case "failed":
        this.#events.failed(message.number, asError(message.failure));
        return;
      case "answer":
        this.#waiting.get(message.id)?.resolve(message.value);
        this.#waiting.delete(message.id);
        return;
      case "no-answer":
        this.#waiting.get(message.id)?.reject(asError(message.failure));
        this.#waiting.delete(message.id);
        return;
      case "closed":
        this.#onClosed?.();
        return;
      default: {
        const never: never = message;
        throw new TypeError(`no such message: ${JSON.stringify(never)}`);
      }
    }
  }

  #post(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }

  #rejectAll(why: string): void {
    for (const { reject } of this.#waiting.values()) reject(this.#unavailable(why));
    this.#waiting.clear();
  }

  #unavailable(why: string): CrossfadeError {
    return asError({ code: "store-unavailable", message: `store ${this.#order.file}: ${why}`, retryable: true });
  }
}
