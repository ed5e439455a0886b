/** What members ask of the turns in one partition, and what becomes of it where there is no answer. */
import type { Clock } from "../../../proxy/ports.ts";
import type { RedisLink } from "./link.ts";
import { HeldTurns } from "./held-turns.ts";
import { OpenNumbers } from "./open-numbers.ts";
import { SCRIPTS } from "./scripts.ts";

export interface TurnSettings {
  readonly link: Pick<RedisLink, "run" | "isUp">;
  readonly prefix: string;
  readonly partitions: number;
  readonly run: string;
  /** What keys are hashed under. */
  readonly secret: Buffer;
  readonly clock: Pick<Clock, "monotonic">;
  /** Redis' time at the opening: microseconds since 1970. */
  readonly openedAtUs: number;
  /** After so long without an answer from Redis others may have taken this run for dead. */
  readonly trustMs: number;
}

/** Redis has not answered for so long: what comes now does not wait for it, so that a client waits for a sick Redis once. */
const SLOW_MS = 50;
/** Of one script: what it does is done while nobody else is answered. */
const MOST_AT_ONCE = 500;
/** Where there was no answer: how soon it is given up in Redis too, should nothing else be asked. */
const RESET_AFTER_MS = 1_000;

/** What is said of a write's place, once it has one. */
const ENDS_TAKEN: ReadonlySet<string> = new Set(["answered", "withdraw", "done"]);

export type Op = readonly [what: string, hash: string, more?: string | number];

interface Asked {
  readonly op: Op;
  /** `era`: the line's when it was asked. */
  readonly answered: (reply: unknown, era: number) => void;
  readonly failed: () => void;
}

/** What is asked of one partition: one script at a time, so that Redis sees it in order. */
export class TurnLine {
  /** One more each time that all was given up. */
  era = 0;
  #mustReset = false;
  heardAt: number;
  /**
   * Monotonic ms: up to then nothing was heard of Redis for so long that others may have gone on without this run, and what was known of
   * whose turn it is may be over.
   */
  doubtedUntil = -Infinity;
  /** Monotonic ms: since when an answer is waited for; null: none is. */
  askedAt: number | null = null;
  /** An answer is late, and not merely unread: after a long turn of ours it lies there, and nobody has looked. */
  isSlow = false;
  /** Redis' own time in the last answer, in microseconds since 1970: segments are numbered by it. */
  toldUs: number;
  #toldAt: number;
  /** Hashes of keys of which a write was stamped by the time: what this run takes next of them is not joined to what was before. */
  readonly apart = new Set<string>();
  /** What this run has open; Redis is told with each script. */
  open = new OpenNumbers();
  /** Segments of this run in which something is not done. */
  held = new HeldTurns();
  readonly #settings: TurnSettings;
  readonly #base: string;
  readonly #waiting: Asked[] = [];
  /** Goes along with whatever is asked next. */
  readonly #later: Asked[] = [];
  #laterAt: NodeJS.Timeout | null = null;
  #isOut = false;
  #isSoon = false;

  constructor(settings: TurnSettings, base: string) {
    this.#settings = settings;
    this.#base = base;
    this.heardAt = settings.clock.monotonic();
    this.toldUs = settings.openedAtUs;
    this.#toldAt = this.heardAt;
  }

  add(asked: Asked): void {
    this.#waiting.push(asked);
    if (this.#isSoon || this.#isOut) return;
    this.#isSoon = true;
    setImmediate(() => {
      this.#isSoon = false;
      void this.#send();
    });
  }

  /** The same, and nobody waits for it: a script of its own only where nothing else was asked within so many ms. */
  addLater(asked: Asked, ms: number): void {
    this.#later.push(asked);
    this.#laterAt ??= setTimeout(() => this.hurry(), ms).unref();
  }

  /** Somebody waits for it after all. */
  hurry(): void {
    for (const asked of this.#takeLater()) this.add(asked);
  }

  #takeLater(): readonly Asked[] {
    if (this.#laterAt !== null) clearTimeout(this.#laterAt);
    this.#laterAt = null;
    return this.#later.splice(0);
  }

  /** null: there is no answer. */
  ask(op: Op): Promise<unknown> {
    return new Promise((resolve) => this.add({ op, answered: resolve, failed: () => resolve(null) }));
  }

  /** Redis' time then (monotonic ms) is not below it. */
  leastUs(atMs: number = this.#settings.clock.monotonic()): number {
    return this.toldUs + Math.floor((atMs - this.#toldAt) * 1000);
  }

  giveUp(): void {
    this.#forget();
    // Others must not wait for what this run no longer knows of.
    if (this.#settings.link.isUp) void this.ask(["look", "", "0"]);
  }

  /** What had been told by then, and lies unread behind what was just read, is as old. */
  #doubt(): void {
    this.doubtedUntil = Infinity;
    setImmediate(() => (this.doubtedUntil = this.#settings.clock.monotonic()));
  }

  /** Nothing that was taken stands any more, and Redis is told so before anything else. */
  #forget(): void {
    this.era += 1;
    this.#mustReset = true;
    this.apart.clear();
    this.open = new OpenNumbers();
    this.held = new HeldTurns();
    // Said of what stood, it would be taken for said of what is taken next.
    const waiting = [...this.#takeLater(), ...this.#waiting.splice(0)];
    this.#waiting.push(...waiting.filter(({ op }) => !ENDS_TAKEN.has(op[0])));
    for (const { op, failed } of waiting) if (ENDS_TAKEN.has(op[0])) failed();
  }

  async #send(): Promise<void> {
    if (this.#isOut || this.#waiting.length === 0) return;
    const { link, run, clock } = this.#settings;
    this.#waiting.unshift(...this.#takeLater());
    const batch = this.#waiting.splice(0, MOST_AT_ONCE);
    if (!link.isUp) {
      for (const { failed } of batch) failed();
      void this.#send();
      return;
    }
    this.#isOut = true;
    const era = this.era;
    const mustReset = this.#mustReset;
    const ops = mustReset ? [["reset", ""], ...batch.map(({ op }) => op)] : batch.map(({ op }) => op);
    const sentAt = clock.monotonic();
    this.askedAt = sentAt;
    let looked: NodeJS.Immediate | undefined;
    const late = setTimeout(() => {
      looked = setImmediate(() => (this.isSlow = true));
    }, SLOW_MS);
    late.unref();
    try {
      const answer = (await link.run(SCRIPTS.turns, this.#base, { run, ops, open: this.open.lowest() })) as readonly [
        string,
        ...unknown[],
      ];
      const [now, ...replies] = answer;
      if (sentAt - this.heardAt >= this.#settings.trustMs) this.#doubt();
      this.heardAt = sentAt;
      // An answer that was long under way says less than what was known by then.
      this.toldUs = Math.max(Number(now), this.leastUs());
      this.#toldAt = clock.monotonic();
      if (era === this.era) this.#mustReset = false;
      const ofBatch = mustReset ? replies.slice(1) : replies;
      for (const [i, { answered }] of batch.entries()) answered(ofBatch[i], era);
    } catch {
      // Whether it was done nobody knows. The link says what is wrong.
      this.#forget();
      for (const { failed } of batch) failed();
      setTimeout(() => {
        if (this.#mustReset && link.isUp) void this.ask(["look", "", "0"]);
      }, RESET_AFTER_MS).unref();
    } finally {
      clearTimeout(late);
      clearImmediate(looked);
      this.isSlow = false;
      this.#isOut = false;
      this.askedAt = null;
    }
    void this.#send();
  }
}
