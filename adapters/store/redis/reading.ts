/** How questions reach Redis: after what was appended before them, within a time, and never over a connection that is down. */
import { CrossfadeError } from "../../../proxy/errors.ts";
import type { Client } from "./connection.ts";
import { baseOf, partitionOf } from "./keys.ts";
import { RedisFailed, type RedisLink } from "./link.ts";
import type { Script } from "./scripts.ts";

export interface ReadingSettings {
  readonly link: RedisLink;
  readonly prefix: string;
  readonly partitions: number;
  readonly patienceMs: number;
  readonly now: () => number;
  /** Resolves when what was appended is durable, or soon. */
  readonly settleSoon: () => Promise<void>;
}

export class Reading {
  readonly partitions: readonly number[];
  readonly now: () => number;
  readonly #settings: ReadingSettings;
  #closed = false;

  constructor(settings: ReadingSettings) {
    this.#settings = settings;
    this.partitions = Array.from({ length: settings.partitions }, (_, i) => i);
    this.now = settings.now;
  }

  close(): void {
    this.#closed = true;
  }

  /** Those that hold something of `route`, or all. */
  partitionsOf(route: string | undefined): readonly number[] {
    return route === undefined ? this.partitions : [partitionOf(route, this.#settings.partitions)];
  }

  /** @throws CrossfadeError `store-unavailable` */
  async ask<T>(question: () => Promise<T>, patienceMs: number = this.#settings.patienceMs): Promise<T> {
    const { link, settleSoon } = this.#settings;
    if (this.#closed) throw unavailable(`store ${link.place} is closed`);
    await settleSoon();
    return await this.askAtOnce(question, patienceMs);
  }

  /** The same, whatever was appended before it. @throws CrossfadeError `store-unavailable` */
  async askAtOnce<T>(question: () => Promise<T>, patienceMs: number = this.#settings.patienceMs): Promise<T> {
    const { link } = this.#settings;
    if (this.#closed) throw unavailable(`store ${link.place} is closed`);
    if (!link.isUp) throw link.failure ?? unavailable(`store ${link.place}: there is no connection to it`);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const words = `store ${link.place} has not answered for ${patienceMs / 1000} s`;
      timer = setTimeout(() => reject(unavailable(words)), patienceMs);
    });
    try {
      return await Promise.race([question(), late]);
    } catch (thrown) {
      if (thrown instanceof RedisFailed) throw thrown.failure.error;
      throw thrown;
    } finally {
      clearTimeout(timer);
    }
  }

  run(script: Script, partition: number, order: object): Promise<unknown> {
    const { link, prefix } = this.#settings;
    return link.run(script, baseOf(prefix, partition), order);
  }

  /** `name`: of a key, as keys.ts lists them. */
  call<T>(partition: number, name: string, call: (client: Client, key: string) => Promise<T>): Promise<T> {
    const { link, prefix } = this.#settings;
    return link.within(() => call(link.client, baseOf(prefix, partition) + name));
  }

  everywhere<T>(call: (partition: number) => Promise<T>): Promise<T[]> {
    return Promise.all(this.partitions.map(call));
  }
}

function unavailable(words: string): CrossfadeError {
  return new CrossfadeError("store-unavailable", words, { source: "store", retryable: true });
}
