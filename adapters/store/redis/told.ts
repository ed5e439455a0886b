/**
 * What is told on channels, over a connection of its own. Nothing that is told decides anything: where the user may not subscribe, or while
 * the connection is away, nothing is told, and whoever waits looks.
 */
import type { RedisSettings } from "../../../proxy/config/settings.ts";
import { type Client, connect } from "./connection.ts";

export class Told {
  readonly #listeners: ReadonlyMap<string, (message: string) => void>;
  #client: Client | null = null;
  #isOn = false;

  /** `listeners`: by channel. */
  constructor(listeners: ReadonlyMap<string, (message: string) => void>) {
    this.#listeners = listeners;
  }

  /** Everything on these channels is told now, for all that is known: one that is dead without a word is not known to be. */
  get isOn(): boolean {
    return this.#isOn;
  }

  listen(settings: RedisSettings): void {
    const client = connect(settings);
    this.#client = client;
    // The store's own connection says what is wrong with Redis.
    client.on("error", () => undefined);
    client.on("close", () => (this.#isOn = false));
    client.on("message", (channel: string, message: string) => this.#listeners.get(channel)?.(message));
    client.on("ready", () => {
      client.subscribe(...this.#listeners.keys()).then(
        () => (this.#isOn = true),
        (error: unknown) => {
          if (/\bNOPERM\b/.test(String(error))) this.stop();
        },
      );
    });
  }

  stop(): void {
    this.#isOn = false;
    this.#client?.disconnect();
    this.#client = null;
  }
}
