/**
 * Being told that a turn has come, in place of looking, and that somebody waits for one (lua/turn.lua). Where the user may not subscribe, or while the connection is
 * away, nothing is told, and whoever waits looks: what is told makes it quicker and decides nothing.
 */
import type { RedisSettings } from "../../../proxy/config/settings.ts";
import { type Client, connect } from "./connection.ts";

/**
 * ms between two looks whether others are done: where that is told (what was told may have been lost), and where it is not. `left`: how
 * long that a turn is done may go untold while nobody has said that he waits for it.
 */
export interface LookEvery {
  readonly told: number;
  readonly untold: number;
  readonly left: number;
}

const LOOK_EVERY_MS: LookEvery = { told: 50, untold: 10, left: 10 };

/** Somebody's wait for one turn. */
export interface Call {
  /** Whether it came within so many ms. */
  within(ms: number): Promise<boolean>;
  end(): void;
}

export class TurnCalls {
  /** Somebody waits for a turn of this run. */
  onWanted: (hash: string, segment: string) => void = () => undefined;
  /** By `hash segment`, as they are told. */
  readonly #awaited = new Map<string, Set<() => void>>();
  readonly #every: LookEvery;
  #client: Client | null = null;
  #isTold = false;

  constructor(every: LookEvery = LOOK_EVERY_MS) {
    this.#every = every;
  }

  /** `bases`: of the partitions. `run`: whose turns. */
  listen(settings: RedisSettings, bases: readonly string[], run: string): void {
    const client = connect(settings);
    this.#client = client;
    // The store's own connection says what is wrong with Redis.
    client.on("error", () => undefined);
    client.on("close", () => (this.#isTold = false));
    client.on("message", (_channel: string, told: string) => this.tell(told));
    client.on("ready", () => {
      const channels = bases.map((base) => `${base}turns:${run}`);
      client.subscribe(...channels).then(
        () => (this.#isTold = true),
        (error: unknown) => {
          if (/\bNOPERM\b/.test(String(error))) this.stop();
        },
      );
    });
  }

  get isTold(): boolean {
    return this.#isTold;
  }

  get leftMs(): number {
    return this.#every.left;
  }

  /** When to look again, in ms. */
  get lookAgainMs(): number {
    return this.#isTold ? this.#every.told : this.#every.untold;
  }

  /** Begun before it is looked whether the turn is there, so that none comes between the two. */
  expect(hash: string, segment: string): Call {
    const turn = `${hash} ${segment}`;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const wake = (): void => resolve(true);
    const awaited = this.#awaited.get(turn) ?? new Set();
    this.#awaited.set(turn, awaited.add(wake));
    let timer: NodeJS.Timeout | undefined;
    return {
      async within(ms) {
        timer = setTimeout(resolve, ms, false);
        return await promise;
      },
      end: () => {
        clearTimeout(timer);
        awaited.delete(wake);
        if (awaited.size === 0) this.#awaited.delete(turn);
      },
    };
  }

  tell(told: string): void {
    const [hash = "", segment = "", isWanted] = told.split(" ");
    if (isWanted !== undefined) this.onWanted(hash, segment);
    else this.#come(`${hash} ${segment}`);
  }

  #come(turn: string): void {
    for (const wake of this.#awaited.get(turn) ?? []) wake();
  }

  stop(): void {
    this.#isTold = false;
    this.#client?.disconnect();
    this.#client = null;
  }
}
