/**
 * Pins in Redis (lua/pins.lua). What is to be held and what is not is told until Redis has taken it; one script at a time for each
 * partition, so that Redis sees it in order.
 *
 * A write's answer waits until its names are there. Where Redis does not answer it waits no longer than others rely on this member:
 * each script says until when they may, by Redis' clock as this member knows it to be at least, and past that nobody asks the shadow.
 */
import { hash } from "node:crypto";
import type { Clock } from "../../../proxy/ports.ts";
import type { SharedPins } from "../../../proxy/members/pins.ts";
import { baseOf, partitionOf } from "./keys.ts";
import type { RedisLink } from "./link.ts";
import { SCRIPTS } from "./scripts.ts";

export interface PinSettings {
  readonly link: Pick<RedisLink, "run" | "isUp">;
  readonly prefix: string;
  readonly partitions: number;
  readonly run: string;
  /** Of the run, this process. */
  readonly life: string;
  /** What names are hashed under. */
  readonly secret: Buffer;
  readonly clock: Pick<Clock, "monotonic">;
  /** Redis' time at the opening: microseconds since 1970. */
  readonly openedAtUs: number;
}

/** From the sending of a script: so long others rely on it. */
const SURE_FOR_MS = 1_000;
/** What timers may be early by, and clocks apart within SURE_FOR_MS. */
const SLACK_MS = 50;
const SAY_EVERY_MS = 300;
const RETRY_MS = 100;
const MOST_AT_ONCE = 500;
/** After Redis may have lost what it had confirmed: members tell it again meanwhile. */
const DISTRUST_FOR_MS = 3_000;

export class RedisPins implements SharedPins {
  readonly #settings: PinSettings;
  readonly #lines: readonly PinLine[];
  #distrustUntil = -Infinity;

  constructor(settings: PinSettings) {
    this.#settings = settings;
    this.#lines = Array.from({ length: settings.partitions }, (_, partition) => {
      return new PinLine(settings, baseOf(settings.prefix, partition));
    });
  }

  hold(names: readonly string[]): Promise<void> | null {
    const told = names.flatMap((name) => {
      const { text, line } = this.#at(name);
      return line.hold(text) ?? [];
    });
    return told.length === 0 ? null : Promise.all(told).then(() => undefined);
  }

  release(names: readonly string[]): void {
    for (const name of names) {
      const { text, line } = this.#at(name);
      line.release(text);
    }
  }

  say(spec: string | null): void {
    for (const line of this.#lines) line.say(spec);
  }

  settledEarlierLives(): void {
    for (const line of this.#lines) line.settled();
  }

  async areFree(names: readonly string[], spec: string, members: readonly string[]): Promise<boolean> {
    const { link, clock } = this.#settings;
    if (!link.isUp || clock.monotonic() < this.#distrustUntil) return false;
    const byLine = new Map<PinLine, string[]>();
    for (const name of names) {
      const { text, line } = this.#at(name);
      byLine.set(line, [...(byLine.get(line) ?? []), text]);
    }
    const asked = [...byLine].map(([line, hashes]) => line.ask([hashes, spec, members]));
    const answers = await Promise.all(asked);
    return answers.every((isFree) => isFree) && clock.monotonic() >= this.#distrustUntil;
  }

  /** Whatever Redis had confirmed may be gone. */
  distrust(): void {
    this.#distrustUntil = this.#settings.clock.monotonic() + DISTRUST_FOR_MS;
    for (const line of this.#lines) line.tellAgain();
  }

  /** Nothing is pinned any more by this process. */
  async stop(): Promise<void> {
    await Promise.all(this.#lines.map((line) => line.stop()));
  }

  #at(name: string): { readonly text: string; readonly line: PinLine } {
    const text = hash("sha256", `${this.#settings.secret.toString("base64")}\n${name}`, "base64url").slice(0, 22);
    return { text, line: this.#lines[partitionOf(text, this.#lines.length)] as PinLine };
  }
}

type Ask = readonly [hashes: readonly string[], spec: string, members: readonly string[]];

interface Question {
  readonly ask: Ask;
  readonly answered: (isFree: boolean) => void;
}

/** One partition's. */
class PinLine {
  readonly #settings: PinSettings;
  readonly #base: string;
  /** What is to be there. */
  readonly #held = new Set<string>();
  /** What Redis has not taken yet, one way or the other. */
  #untold = new Set<string>();
  readonly #waiting = new Map<string, (() => void)[]>();
  #questions: Question[] = [];
  #spec: string | null = null;
  #mustSettle = false;
  #isOut = false;
  #isSoon = false;
  #isStopped = false;
  /** The last script's answer is there. */
  #isHeard = true;
  /** When the last script was sent that others may rely on. */
  #sureFrom = -Infinity;
  #toldUs: number;
  #toldAt: number;
  #saying: NodeJS.Timeout | null = null;
  #looking: NodeJS.Timeout | null = null;

  constructor(settings: PinSettings, base: string) {
    this.#settings = settings;
    this.#base = base;
    this.#toldUs = settings.openedAtUs;
    this.#toldAt = settings.clock.monotonic();
    // What an earlier life said of its pins is not said of this one's.
    this.#soon();
  }

  hold(text: string): Promise<void> | null {
    if (!this.#held.has(text)) {
      this.#held.add(text);
      this.#untold.add(text);
    }
    if (!this.#untold.has(text)) return null;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(text, [...(this.#waiting.get(text) ?? []), resolve]);
    this.#soon();
    this.#lookForLate();
    return promise;
  }

  release(text: string): void {
    this.#held.delete(text);
    this.#untold.add(text);
    this.#resolve(text);
    this.#soon();
  }

  say(spec: string | null): void {
    if (spec === this.#spec) return;
    this.#spec = spec;
    if (this.#saying !== null) clearInterval(this.#saying);
    this.#saying = spec === null ? null : setInterval(() => this.#soon(), SAY_EVERY_MS);
    this.#saying?.unref();
    this.#soon();
  }

  settled(): void {
    this.#mustSettle = true;
    this.#soon();
  }

  ask(ask: Ask): Promise<boolean> {
    return new Promise((answered) => {
      this.#questions.push({ ask, answered });
      this.#soon();
    });
  }

  tellAgain(): void {
    for (const text of this.#held) this.#untold.add(text);
    this.#soon();
  }

  async stop(): Promise<void> {
    this.say(null);
    for (let tries = 0; this.#isOut && tries < SURE_FOR_MS / RETRY_MS; tries++) await pause(RETRY_MS);
    await this.#send();
    this.#isStopped = true;
    for (const resolve of [...this.#waiting.values()].flat()) resolve();
    this.#waiting.clear();
    if (this.#looking !== null) clearInterval(this.#looking);
  }

  #soon(): void {
    if (this.#isSoon || this.#isOut || this.#isStopped) return;
    this.#isSoon = true;
    setImmediate(() => {
      this.#isSoon = false;
      void this.#send();
    });
  }

  /** After a script without an answer nobody is told to rely on the next: it may be as late, and bounds what writes wait for. */
  async #send(): Promise<void> {
    const { link, run, life, clock } = this.#settings;
    if (this.#isOut || this.#isStopped) return;
    const questions = this.#questions.splice(0, MOST_AT_ONCE);
    if (!link.isUp) {
      for (const { answered } of questions) answered(false);
      // The next beat finds it up, or `distrust` tells all again.
      if (this.#questions.length > 0) this.#soon();
      return;
    }
    this.#isOut = true;
    const told = [...this.#untold].slice(0, MOST_AT_ONCE);
    const held = new Set(told.filter((text) => this.#held.has(text)));
    const mustSettle = this.#mustSettle;
    const ops = [
      ...(mustSettle ? [["settled", ""]] : []),
      ...told.map((text) => [held.has(text) ? "hold" : "release", text]),
    ];
    for (const text of told) this.#untold.delete(text);
    const sentAt = clock.monotonic();
    const isSure = this.#spec !== null && this.#isHeard;
    if (isSure) this.#sureFrom = sentAt;
    const until = isSure ? this.#leastUs(sentAt) + SURE_FOR_MS * 1000 : 0;
    const order = { run, life, until, spec: this.#spec ?? "", ops, asks: questions.map(({ ask }) => ask) };
    this.#isHeard = false;
    try {
      const [us, ...answers] = (await link.run(SCRIPTS.pins, this.#base, order)) as readonly [string, ...number[]];
      this.#toldUs = Math.max(Number(us), this.#leastUs(sentAt));
      this.#toldAt = clock.monotonic();
      this.#isHeard = true;
      if (mustSettle) this.#mustSettle = false;
      for (const text of held) if (!this.#untold.has(text)) this.#resolve(text);
      for (const [i, { answered }] of questions.entries()) answered(answers[i] === 1);
    } catch {
      // Whether it was done nobody knows: it is told once more. The link says what is wrong.
      for (const text of told) this.#untold.add(text);
      for (const { answered } of questions) answered(false);
    } finally {
      this.#isOut = false;
    }
    if (!this.#isHeard) await pause(RETRY_MS);
    if (this.#untold.size > 0 || this.#questions.length > 0 || this.#mustSettle) this.#soon();
  }

  #resolve(text: string): void {
    const waiting = this.#waiting.get(text);
    this.#waiting.delete(text);
    for (const resolve of waiting ?? []) resolve();
  }

  /** Redis' time then (monotonic ms) is not below it. */
  #leastUs(atMs: number): number {
    return this.#toldUs + Math.floor(Math.max(0, atMs - this.#toldAt) * 1000);
  }

  /** Whoever waits while nobody relies on this member any more goes on. */
  #lookForLate(): void {
    if (this.#looking !== null || this.#isStopped) return;
    this.#looking = setInterval(() => {
      if (this.#settings.clock.monotonic() - this.#sureFrom > SURE_FOR_MS + SLACK_MS) {
        for (const text of [...this.#waiting.keys()]) this.#resolve(text);
      }
      if (this.#waiting.size > 0 || this.#looking === null) return;
      clearInterval(this.#looking);
      this.#looking = null;
    }, 20);
    this.#looking.unref();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
