/** Being told that a turn has come, in place of looking, and that somebody waits for one (lua/turn.lua; told.ts). */
import type { Told } from "./told.ts";

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
  /** A turn of this run has come, whether or not it is waited for yet. */
  onCome: (hash: string, segment: string) => void = () => undefined;
  /** By `hash segment`, as they are told. */
  readonly #awaited = new Map<string, Set<() => void>>();
  readonly #told: Pick<Told, "isOn">;
  readonly #every: LookEvery;

  constructor(told: Pick<Told, "isOn">, every: LookEvery = LOOK_EVERY_MS) {
    this.#told = told;
    this.#every = every;
  }

  get isTold(): boolean {
    return this.#told.isOn;
  }

  get leftMs(): number {
    return this.#every.left;
  }

  /** When to look again, in ms. */
  get lookAgainMs(): number {
    return this.isTold ? this.#every.told : this.#every.untold;
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

  /** A message of this run's channels. */
  tell(told: string): void {
    const [hash = "", segment = "", isWanted] = told.split(" ");
    if (isWanted !== undefined) {
      this.onWanted(hash, segment);
      return;
    }
    this.onCome(hash, segment);
    this.#come(`${hash} ${segment}`);
  }

  #come(turn: string): void {
    for (const wake of this.#awaited.get(turn) ?? []) wake();
  }
}
