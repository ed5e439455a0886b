import type { Worker } from "node:cluster";
import { setImmediate } from "node:timers/promises";

/** What Node's cluster tells a worker of a connection, and what it waits for. Private to Node: seen in 24. */
interface Given {
  readonly cmd: "NODE_CLUSTER";
  readonly act: "newconn";
  readonly seq: number;
}

/**
 * Node's cluster waits for each worker to take the connection that it was given, for ever: where it dies before, the client
 * hangs and its descriptor stays. Here the refusal that such a worker owes is given in its place, upon which cluster gives the
 * connection to another one. A worker says that it takes a connection before it reads from it: nothing is lost.
 *
 * It leans on cluster's own messages, which Node does not promise; where they change it does nothing (a test would tell).
 */
export class GivenConnections {
  readonly #worker: Worker;
  /** By the number that the reply is to name. */
  readonly #owed = new Map<number, Closable | undefined>();

  constructor(worker: Worker) {
    this.#worker = worker;
    const channel = worker.process;
    const send = channel.send.bind(channel) as (...args: readonly unknown[]) => boolean;
    channel.send = ((message: unknown, handle: Closable | undefined, ...rest: readonly unknown[]) => {
      if (isGiven(message)) this.#owed.set(message.seq, handle);
      return send(message, handle, ...rest);
    }) as typeof channel.send;
    channel.on("internalMessage", ({ ack }: { readonly ack?: number }) => {
      if (ack !== undefined) this.#owed.delete(ack);
    });
  }

  /**
   * Once it has ended. What it said at last is read first: cluster's channel is silent about its own end while it waits.
   * @param others whether there is one to give them to; else they are closed
   */
  async refuseAll(others: () => boolean): Promise<void> {
    // From one to the next, all that could be read is.
    for (let turn = 0; turn < 2; turn++) await setImmediate();
    for (const [ack, handle] of [...this.#owed]) {
      if (others()) this.#worker.process.emit("internalMessage", { cmd: "NODE_CLUSTER", ack, accepted: false });
      else handle?.close();
    }
    this.#owed.clear();
  }
}

interface Closable {
  close(): void;
}

function isGiven(message: unknown): message is Given {
  return typeof message === "object" && message !== null && (message as Partial<Given>).act === "newconn";
}
