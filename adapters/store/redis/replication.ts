import type { RedisSettings } from "../../../proxy/config/settings.ts";
import type { Clock } from "../../../proxy/ports.ts";
import { RedisFailed, type RedisLink } from "./link.ts";
import { type Meta, replicationChanged, visitMeta } from "./opening.ts";

export interface ReplicationParts {
  readonly link: RedisLink;
  readonly redis: RedisSettings;
  readonly clock: Pick<Clock, "now">;
  readonly meta: Meta;
  /** Rejects where what was written so far is not confirmed. */
  readonly allDurable: () => Promise<void>;
}

/**
 * Which Redis it is, by its replication ids: one that was restarted or failed over may have lost what it had confirmed. Whether
 * anything of this process was lost, each partition's next batch finds out by its number: what is noted here is for the next
 * opening, which has no such number.
 */
export class Replication {
  readonly #parts: ReplicationParts;
  #noted: readonly string[];
  /** Why it would be refused at an opening now; null: it would not. */
  unfit: string | null = null;

  constructor(parts: ReplicationParts) {
    const { meta, link } = parts;
    this.#parts = parts;
    this.#noted = meta.replicationBefore.length === 0 ? link.seen.replication : meta.replicationBefore;
  }

  /** It is another one than was noted last. */
  get hasChanged(): boolean {
    return replicationChanged(this.#noted, this.#parts.link.seen.replication);
  }

  /** A cluster's nodes fail over one by one, without an end of the connection. */
  async follow(): Promise<void> {
    const { link } = this.#parts;
    if (!link.isUp) return;
    try {
      await link.look();
      this.unfit = null;
      await this.note();
    } catch (thrown) {
      // Where it does not answer the link says so; here, that it has become one that would have been refused.
      if (thrown instanceof RedisFailed && !thrown.failure.error.retryable) this.unfit = thrown.failure.error.message;
    }
  }

  async note(): Promise<void> {
    const { replication } = this.#parts.link.seen;
    if (replication.join() === this.#noted.join()) return;
    try {
      await this.#parts.allDurable();
      await this.#visit(replication);
      this.#noted = replication;
    } catch {
      // The next look notes it.
    }
  }

  /** Where it was emptied, what was said once for the whole store is gone as well. */
  sayAgain(): void {
    void this.#visit(this.#parts.link.seen.replication).catch(() => undefined);
  }

  async #visit(replication: readonly string[]): Promise<void> {
    const { link, redis, clock, meta } = this.#parts;
    await visitMeta(link, redis, { opening: false, now: clock.now(), replication, known: meta });
  }
}
