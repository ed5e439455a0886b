/**
 * What other members had taken before a write and are not done with (lua/turns.lua, `earlier`). A write that the shadow refuses
 * may be the child of one of those, whatever its key.
 */
import type { TurnLine, TurnSettings } from "./turn-line.ts";

const LOOK_EVERY_MS = 10;
/**
 * At the longest: where Redis numbers writes of several keys apart from when they are answered, two members may wait for one
 * another, and one that died is told from one that is slow by its silence alone.
 */
const LONGEST_MS = 5_000;
/** What is at a primary, as far as Redis knows, may have been answered: its member says so within this time. */
const MAY_BE_ANSWERED_MS = 100;
/** Redis does not answer for so long. */
const AWAY_MS = 1_000;
/** As in a member's own order of answers: a shadow that refuses everything must not make the queue grow. */
const MAX_WAITING = 64;

/** What one run has open in one partition. */
interface Open {
  readonly name: string;
  readonly lowest: number | null;
  readonly lowestAnswered: number | null;
  /** Something that was the lowest before has ended since. */
  readonly hasMoved: boolean;
}

export class EarlierElsewhere {
  readonly #settings: TurnSettings;
  readonly #lines: readonly TurnLine[];
  readonly #isOver: () => boolean;
  /** By run: what was waited for in vain is not waited for by each write. */
  readonly #givenUp = new Map<string, number>();
  #waiting = 0;

  constructor(settings: TurnSettings, lines: readonly TurnLine[], isOver: () => boolean) {
    this.#settings = settings;
    this.#lines = lines;
    this.#isOver = isOver;
  }

  /**
   * Resolves when what other runs took before `number` and had answered is done with, or after `forMs`: to whether there was any
   * since then (monotonic ms).
   */
  async settled(number: number, since: number, forMs: number): Promise<boolean> {
    if (this.#waiting >= MAX_WAITING) return false;
    this.#waiting += 1;
    try {
      return await this.#wait(number, since, Math.min(forMs, LONGEST_MS));
    } finally {
      this.#waiting -= 1;
    }
  }

  async #wait(number: number, since: number, forMs: number): Promise<boolean> {
    const { clock } = this.#settings;
    const begunAt = clock.monotonic();
    let wasAny = false;
    for (;;) {
      const others = await this.#look(since);
      if (others === null) return wasAny;
      const waited = clock.monotonic() - begunAt;
      wasAny ||= others.some(({ lowestAnswered, hasMoved }) => hasMoved || isBelow(lowestAnswered, number));
      const inWay = others.filter(({ name, lowest, lowestAnswered }) => {
        const one = waited < MAY_BE_ANSWERED_MS ? lowest : lowestAnswered;
        return isBelow(one, number) && this.#givenUp.get(name) !== one;
      });
      if (inWay.length === 0 || this.#isOver()) return wasAny;
      if (waited >= forMs) {
        this.#giveUp(inWay, others);
        return wasAny;
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  #giveUp(inWay: readonly Open[], others: readonly Open[]): void {
    for (const { name, lowestAnswered } of inWay) {
      if (lowestAnswered !== null) this.#givenUp.set(name, lowestAnswered);
    }
    const known = new Set(others.map(({ name }) => name));
    for (const name of this.#givenUp.keys()) if (!known.has(name)) this.#givenUp.delete(name);
  }

  /** null: Redis does not say. */
  async #look(since: number): Promise<readonly Open[] | null> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(resolve, AWAY_MS, null);
    });
    try {
      const asked = this.#lines.map(async (line, at) => {
        const reply = (await line.ask(["earlier", ""])) as readonly [string[], string[]] | null;
        return reply === null ? null : this.#read(reply, String(at), line.leastUs(since));
      });
      const all = await Promise.race([Promise.all(asked), late]);
      return all === null || all.includes(null) ? null : all.flatMap((of) => of as readonly Open[]);
    } finally {
      clearTimeout(timer);
    }
  }

  #read([open, moved]: readonly [string[], string[]], line: string, sinceUs: number): readonly Open[] {
    const [openOf, movedOf] = [byRun(open), byRun(moved)];
    const others = new Set([...openOf.keys(), ...movedOf.keys()]);
    others.delete(this.#settings.run);
    return [...others].map((run) => {
      const [lowest = "", lowestAnswered = ""] = (openOf.get(run) ?? "").split(" ");
      return {
        name: `${line} ${run}`,
        lowest: lowest === "" ? null : Number(lowest),
        lowestAnswered: lowestAnswered === "" ? null : Number(lowestAnswered),
        hasMoved: Number(movedOf.get(run) ?? 0) >= sinceUs,
      };
    });
  }
}

function isBelow(one: number | null, number: number): boolean {
  return one !== null && one < number;
}

function byRun(flat: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (let i = 0; i < flat.length; i += 2) found.set(flat[i] as string, flat[i + 1] as string);
  return found;
}
