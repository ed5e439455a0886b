/**
 * The connection as the store sees it: a script is answered, refused, or its answer is lost, each within a time. It is up
 * once the server at the other end has been looked at; whenever it goes down it comes back by itself.
 */
import type { RedisSettings } from "../../../proxy/config/settings.ts";
import type { CrossfadeError } from "../../../proxy/errors.ts";
import { spellRedis } from "../../../proxy/store-address.ts";
import { connect, type Client } from "./connection.ts";
import { asFailure, type RedisFailure } from "./failures.ts";
import type { Script } from "./scripts.ts";
import { lookAtServers, type Seen } from "./server.ts";

/** A server that is well answers within milliseconds. */
const SILENT_MS = 5_000;
const LOOK_AGAIN_MS = 200;

export class RedisLink {
  readonly place: string;
  /** Called each time that a fit server was reached. */
  onUp: () => void = () => {};
  readonly #settings: RedisSettings;
  readonly #client: Client;
  readonly #silentMs: number;
  readonly #first = Promise.withResolvers<void>();
  #seen: Seen | null = null;
  #up = false;
  #looking = false;
  #connectedAt = 0;
  #failure: CrossfadeError | null = null;
  #closed = false;

  constructor(settings: RedisSettings, silentMs: number = SILENT_MS) {
    this.place = spellRedis(settings);
    this.#settings = settings;
    this.#silentMs = silentMs;
    this.#first.promise.catch(() => undefined);
    this.#client = connect(settings);
    this.#client.on("error", (error: unknown) => this.#note(asFailure(error, this.place)));
    this.#client.on("node error", (error: unknown) => this.#note(asFailure(error, this.place)));
    this.#client.on("connect", () => (this.#connectedAt = performance.now()));
    this.#client.on("ready", () => void this.#look());
    this.#client.on("close", () => (this.#up = false));
  }

  /** Resolves once a fit server was reached. @throws CrossfadeError: not in time. RedisFailed: it must not be used */
  async reached(patienceMs: number): Promise<void> {
    const timer = setTimeout(() => {
      const failure = this.#failure ?? asFailure(new Error(`SILENT for ${patienceMs} ms`), this.place).error;
      this.#first.reject(failure);
    }, patienceMs);
    // A server that is reading its data has its connection already, and says nothing when it is ready.
    const again = setInterval(() => this.beat(), LOOK_AGAIN_MS);
    try {
      await this.#first.promise;
    } finally {
      clearTimeout(timer);
      clearInterval(again);
    }
  }

  /** What was seen of the servers when they were last looked at. */
  get seen(): Seen {
    return this.#seen ?? { replication: [], warnings: [] };
  }

  /** Looks at the servers although the link is up. @throws RedisFailed */
  async look(): Promise<Seen> {
    this.#seen = await this.within(() => lookAtServers(this.#client, this.#settings, this.place));
    return this.#seen;
  }

  get client(): Client {
    return this.#client;
  }

  get isUp(): boolean {
    return this.#up;
  }

  /** Why it is not up, or what the last call failed with; null: well. */
  get failure(): CrossfadeError | null {
    return this.#failure;
  }

  /** In words; null: well. */
  get problem(): string | null {
    if (this.#up) return null;
    return this.#failure?.message ?? `store ${this.place}: there is no connection to it`;
  }

  /** @throws RedisFailure */
  async run(script: Script, base: string, order: object, texts: readonly string[] = []): Promise<unknown> {
    const args = [base, JSON.stringify(order), ...texts];
    return await this.within(async () => {
      try {
        return await this.#client.evalsha(script.sha, 1, ...args);
      } catch (thrown) {
        // Once for each script and server: it has not seen it yet, or was told to forget (SCRIPT FLUSH, a failover).
        if (!(thrown instanceof Error) || !thrown.message.includes("NOSCRIPT")) throw thrown;
        return await this.#client.eval(script.text, 1, ...args);
      }
    });
  }

  /** Fails as `run` does. */
  async within<T>(call: () => Promise<T>, patienceMs: number = this.#silentMs): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`SILENT for ${patienceMs} ms`)), patienceMs);
    });
    try {
      const value = await Promise.race([call(), late]);
      if (this.#up) this.#failure = null;
      return value;
    } catch (thrown) {
      const failure = asFailure(thrown, this.place);
      this.#note(failure);
      if (failure.reconnect || /\bSILENT\b/.test(failure.error.message)) this.#reconnect();
      throw new RedisFailed(failure);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Looks again where the server was not fit when it was reached, and ends a connection that never became one. */
  beat(): void {
    if (this.#closed || this.#up) return;
    if (this.#client.status === "ready") void this.#look();
    else if (this.#client.status === "connect" && performance.now() - this.#connectedAt > this.#silentMs)
      this.#reconnect();
  }

  close(): void {
    this.#closed = true;
    this.#up = false;
    this.#client.disconnect();
  }

  async #look(): Promise<void> {
    if (this.#looking || this.#closed) return;
    this.#looking = true;
    try {
      await this.look();
      if (this.#client.status !== "ready") return;
      this.#up = true;
      this.#failure = null;
    } catch {
      // Noted; the next beat looks again.
      return;
    } finally {
      this.#looking = false;
    }
    this.#first.resolve();
    this.onUp();
  }

  #reconnect(): void {
    this.#up = false;
    if (!this.#closed) this.#client.disconnect(true);
  }

  #note(failure: RedisFailure): void {
    const { error, hopeless } = failure;
    if (hopeless) this.#first.reject(new RedisFailed(failure));
    // That there is no connection says less than why there is none.
    if (this.#failure !== null && /there is no connection|connection to it was lost/.test(error.message)) return;
    this.#failure = error;
  }
}

/** Carries what failed to whoever has to know whether anything was done. */
export class RedisFailed extends Error {
  readonly failure: RedisFailure;

  constructor(failure: RedisFailure) {
    super(failure.error.message);
    this.failure = failure;
  }
}
