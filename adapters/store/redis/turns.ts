/**
 * Turns in Redis (lua/turns.lua). What one turn of the event loop wants of a partition goes in one script, one at a time, so
 * that Redis sees it in order. Where an answer is lost nobody knows what was taken: everything of this run is given up there,
 * and what is under way is unsure.
 */
import { hash } from "node:crypto";
import type { SharedTurn, TurnCome, Turns } from "../../../proxy/members/turns.ts";
import { EarlierElsewhere } from "./earlier.ts";
import { baseOf, partitionOf } from "./keys.ts";
import type { OpenNumber } from "./open-numbers.ts";
import type { TurnCalls } from "./turn-calls.ts";
import { type Op, TurnLine, type TurnSettings } from "./turn-line.ts";

/** How often it is looked whether Redis has gone away. */
const AWAY_EVERY_MS = 10;
/** How long writes that are at their primary hold up those of other members, as in a member's own lanes. */
const AT_PRIMARY_MAX_MS = 5_000;
/** How long a turn is waited for while Redis is not there, or does not answer. */
const AWAY_MAX_MS = 1_000;
/** Of a batch: members that wait for one another's keys in a cluster, where no step takes several keys at once. */
const SEVERAL_MAX_MS = 30_000;

/** One write's place in the turns of one key. */
interface Place {
  readonly hash: string;
  readonly line: TurnLine;
  /** null: not taken, or not known to be. */
  segment: string | null;
  /** Monotonic ms: when it was known last to be at the head; null: it is not known to be. */
  headAt: number | null;
  atPrimary: boolean;
  /** Redis' time, ms since 1970, before its primary was called, where that did not wait for the place; null: it did. */
  hurriedAt: number | null;
  /** The line's when it was taken: what was given up since stands no more. */
  era: number;
  /** Among what this run has open; null: not taken, or no write. */
  open: OpenNumber | null;
}

interface Entry {
  places: readonly Place[];
  unsure: boolean;
  /** By its primary; what Redis has not confirmed by then is told of it later. */
  isAnswered: boolean;
  /** What reads and mends a key is nobody's parent. */
  readonly isWrite: boolean;
  left: boolean;
  /** Redis' time when the write began, where that has been asked: all that was taken before is below. Microseconds. */
  begunUs: number;
  /** What was asked of Redis for it and is not answered. */
  open: number;
  readonly told: (() => void)[];
}

export class RedisTurns implements Turns {
  readonly #settings: TurnSettings & { readonly calls: TurnCalls };
  readonly #lines: readonly TurnLine[];
  readonly #entries = new Map<string, Entry>();
  readonly #elsewhere: EarlierElsewhere;
  #visits = 0;
  #stopped = false;
  /** Monotonic ms; null: Redis was there when it was last looked. */
  #awaySince: number | null = null;

  constructor(settings: TurnSettings & { readonly calls: TurnCalls }) {
    this.#settings = settings;
    this.#lines = Array.from({ length: settings.partitions }, (_, partition) => {
      return new TurnLine(settings, baseOf(settings.prefix, partition));
    });
    settings.calls.onWanted = (text, segment) => {
      const line = this.#lineOf(text);
      if (line.held.want(`${text} ${segment}`)) line.hurry();
    };
    settings.calls.onCome = (text, segment) =>
      this.#lineOf(text).held.come(`${text} ${segment}`, settings.clock.monotonic());
    this.#elsewhere = new EarlierElsewhere(settings, this.#lines, () => this.#stopped);
    // Redis reads the script now, and not when the first write waits for it.
    for (const line of this.#lines) void line.ask(["time", ""]);
  }

  take(id: string, keys: readonly string[]): Promise<void> | null {
    const entry = this.#begin(id, keys, true);
    if (entry.unsure) return null;
    return keys.length === 0 ? this.#askTime(entry) : this.#ask(entry, takeOf);
  }

  answered(id: string, keys: readonly string[], ms: number): Promise<void> | null {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.left) return null;
    entry.isAnswered = true;
    if (entry.places.length > 0) {
      for (const place of entry.places) {
        if (place.open !== null) place.open.isAnswered = true;
        if (isTaken(place)) this.#leavePrimary(entry, place);
      }
      return null;
    }
    const late = this.#begin(id, keys, false);
    late.begunUs = entry.begunUs;
    late.unsure ||= entry.unsure;
    return late.unsure ? null : this.#ask(late, ({ hash: text }) => ["enter", text, Math.ceil(ms) + 1]);
  }

  placed(id: string): Promise<void> | null {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.open === 0) return null;
    return new Promise((resolve) => entry.told.push(resolve));
  }

  hurried(id: string): void {
    for (const place of this.#entries.get(id)?.places ?? []) place.hurriedAt = Math.floor(place.line.leastUs() / 1000);
  }

  doubt(id: string): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) entry.unsure = true;
  }

  order(id: string | null): number {
    const entry = id === null ? undefined : this.#entries.get(id);
    const places = entry?.places.filter(isTaken) ?? [];
    if (places.length > 0) return Math.max(...places.map(({ segment }) => Number(segment)));
    // What is taken from here on is above it, and so is the place of a key that only the answer told.
    if (entry !== undefined && entry.begunUs > 0) return entry.begunUs;
    // A connection that is down comes back with nothing that it could be joined to.
    if (this.#settings.link.isUp) for (const { hash: text, line } of entry?.places ?? []) line.apart.add(text);
    return Math.max(...this.#lines.map((line) => line.leastUs()));
  }

  come(id: string, deadline: number): Promise<TurnCome> | null {
    const entry = this.#entries.get(id);
    // An earlier life took its place, and that is given up: others may have written since.
    if (entry === undefined) return Promise.resolve("unsure");
    return this.#come(entry, deadline);
  }

  earlier(id: string, since: number, forMs: number): Promise<boolean> {
    const places = this.#entries.get(id)?.places.filter(isTaken) ?? [];
    const numbers = places.map(({ open }) => open?.number ?? 0);
    // Where it stands among the others' is not known.
    if (numbers.length === 0 || numbers.includes(0)) return Promise.resolve(false);
    return this.#elsewhere.settled(Math.max(...numbers), since, forMs);
  }

  leave(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.left) return;
    this.#entries.delete(id);
    entry.left = true;
    if (entry.open === 0) this.#releaseAll(entry);
    // Otherwise what was taken is known when it is answered.
    else entry.told.push(() => this.#releaseAll(entry));
  }

  crossed(keys: readonly string[], ms: number): Promise<boolean> | null {
    // Where nobody can be asked, nobody knows.
    if (!this.#settings.link.isUp) return Promise.resolve(true);
    const asked = keys.map((key) => {
      const { hash: text, line } = this.#at(key);
      return line.ask(["peek", text, Math.ceil(ms) + 1]);
    });
    return Promise.all(asked).then((replies) => replies.some((reply) => reply !== 0));
  }

  async visit(key: string, patienceMs: number): Promise<SharedTurn | null> {
    const { clock } = this.#settings;
    const deadline = clock.monotonic() + patienceMs;
    const id = `visit ${++this.#visits}`;
    const entry = this.#begin(id, [key], false, false);
    // Where nobody can be asked, nobody knows what others do to the key.
    if (entry.unsure) {
      this.leave(id);
      return null;
    }
    await this.#ask(entry, ({ hash: text }) => ["enter", text, 0]);
    // Whatever is at others' primaries is not in what is read: it crosses.
    const isQuiet = !entry.unsure && (await this.#come(entry, deadline)) === "mine" && clock.monotonic() < deadline;
    if (!isQuiet) {
      this.leave(id);
      return null;
    }
    return {
      crossed: async () => {
        const [place] = entry.places as readonly [Place];
        if (!isTaken(place)) return true;
        const reply = await place.line.ask(["look", place.hash, place.segment as string]);
        return reply === null || (reply as LookReply)[0] !== "head" || (reply as LookReply)[1] !== 1;
      },
      leave: () => this.leave(id),
    };
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Whatever Redis had confirmed may be gone. */
  distrust(): void {
    for (const line of this.#lines) line.giveUp();
  }

  #begin(id: string, keys: readonly string[], atPrimary: boolean, isWrite = true): Entry {
    const places = keys.map((key) => {
      const { hash: text, line } = this.#at(key);
      return { hash: text, line, segment: null, headAt: null, atPrimary, hurriedAt: null, era: line.era, open: null };
    });
    const lines = places.length > 0 ? places.map(({ line }) => line) : this.#lines.slice(0, 1);
    const unsure = lines.some(({ isSlow }) => isSlow) || !this.#settings.link.isUp;
    const entry: Entry = {
      places,
      unsure,
      isAnswered: !atPrimary,
      isWrite,
      left: false,
      begunUs: 0,
      open: 0,
      told: [],
    };
    this.#entries.set(id, entry);
    return entry;
  }

  #at(key: string): Pick<Place, "hash" | "line"> {
    const text = hash("sha256", `${this.#settings.secret.toString("base64")}\n${key}`, "base64url").slice(0, 22);
    return { hash: text, line: this.#lineOf(text) };
  }

  #lineOf(text: string): TurnLine {
    return this.#lines[partitionOf(text, this.#lines.length)] as TurnLine;
  }

  /** Resolves when each place has its answer, or none will come. */
  #ask(entry: Entry, opOf: (place: Place) => Op): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    for (const place of entry.places) {
      entry.open += 1;
      place.line.add({
        op: opOf(place),
        answered: (reply, era) => {
          const [segment, isHead, overlapped, number] = reply as readonly [string, number, number, string];
          place.segment = segment;
          place.headAt = isHead === 1 ? this.#settings.clock.monotonic() : null;
          place.era = era;
          if (isTaken(place)) {
            place.line.held.add(`${place.hash} ${segment}`);
            if (entry.isWrite) place.open = place.line.open.add(Number(number), entry.isAnswered);
            if (entry.isAnswered && place.atPrimary) this.#leavePrimary(entry, place);
          }
          entry.unsure ||= overlapped === 1;
          settle(entry, resolve);
        },
        failed: () => {
          entry.unsure = true;
          settle(entry, resolve);
        },
      });
    }
    return promise;
  }

  async #askTime(entry: Entry): Promise<void> {
    const line = this.#lines[0] as TurnLine;
    entry.open += 1;
    if ((await line.ask(["time", ""])) !== null) entry.begunUs = line.toldUs;
    settle(entry);
  }

  #leavePrimary(entry: Entry, place: Place): void {
    place.atPrimary = false;
    entry.open += 1;
    place.line.add({
      op: place.hurriedAt === null ? ["answered", place.hash] : ["answered", place.hash, place.hurriedAt],
      answered: (overlapped) => {
        entry.unsure ||= overlapped === 1;
        settle(entry);
      },
      failed: () => {
        entry.unsure = true;
        settle(entry);
      },
    });
  }

  /** That a copy is done is told with what is asked next, where others can say that they wait for it. */
  #releaseAll(entry: Entry): void {
    const { calls } = this.#settings;
    for (const place of entry.places) {
      place.open?.leave();
      if (!isTaken(place)) continue;
      const { line, hash: text, atPrimary } = place;
      const segment = place.segment as string;
      const isWanted = line.held.leave(`${text} ${segment}`);
      const asked = {
        op: [atPrimary ? "withdraw" : "done", text, segment] as const,
        answered: () => undefined,
        failed: () => undefined,
      };
      if (atPrimary || isWanted || !calls.isTold) line.add(asked);
      else line.addLater(asked, calls.leftMs);
      place.segment = null;
    }
  }

  async #come(entry: Entry, deadline: number): Promise<TurnCome> {
    const { clock } = this.#settings;
    const begunAt = clock.monotonic();
    if (entry.open > 0) await this.#unlessAway(new Promise<void>((resolve) => entry.told.push(resolve)), entry);
    if (entry.open > 0) return "unsure";
    let idleSince: number | null = null;
    for (;;) {
      const now = clock.monotonic();
      if (entry.places.some((place) => !isTaken(place))) entry.unsure = true;
      const behind = entry.places.find((place) => isTaken(place) && !this.#hasCome(place));
      if (behind === undefined) return entry.unsure ? "unsure" : "mine";
      const waitedFor = now - begunAt;
      const tooLong =
        this.#stopped ||
        now >= deadline ||
        (idleSince !== null && now - idleSince >= AT_PRIMARY_MAX_MS) ||
        this.#isAway(entry) ||
        (entry.places.length > 1 && waitedFor >= SEVERAL_MAX_MS);
      if (tooLong) return "unsure";
      const state = await this.#lookOrWait(behind, entry);
      idleSince = state === "idle" ? (idleSince ?? now) : null;
    }
  }

  /** What is there to be seen of a turn; where it has not come, it is waited for a moment. */
  async #lookOrWait(place: Place, entry: Entry): Promise<LookReply[0] | "unasked"> {
    const { calls, clock } = this.#settings;
    const [hashed, segment] = [place.hash, place.segment as string];
    const call = calls.expect(hashed, segment);
    try {
      const asked = place.line.ask(["look", hashed, segment]) as Promise<LookReply | null>;
      const state = (await this.#unlessAway(asked, entry))?.[0] ?? "unasked";
      if (state === "gone") place.segment = null;
      else if (state === "head" || (await call.within(calls.lookAgainMs))) place.headAt = clock.monotonic();
      return state;
    } finally {
      call.end();
    }
  }

  /** Redis has not been there, or has not answered, for too long. */
  #isAway({ places }: Entry): boolean {
    const { link, clock } = this.#settings;
    const now = clock.monotonic();
    if (link.isUp) this.#awaySince = null;
    else this.#awaySince ??= now;
    const since = [this.#awaySince, ...places.map(({ line }) => line.askedAt)];
    return since.some((from) => from !== null && now - from >= AWAY_MAX_MS);
  }

  /** null: Redis was away for too long, or the process ends. */
  async #unlessAway<T>(promise: Promise<T>, entry: Entry): Promise<T | null> {
    const looking = new AbortController();
    const away = async (): Promise<null> => {
      while (!looking.signal.aborted && !this.#stopped && !this.#isAway(entry)) {
        await new Promise((resolve) => setTimeout(resolve, AWAY_EVERY_MS));
      }
      return null;
    };
    try {
      return await Promise.race([promise, away()]);
    } finally {
      looking.abort();
    }
  }

  /** It may have come while the write was at its primary. Others must not have gone on without this run since. */
  #hasCome({ hash: text, segment, line, headAt }: Place): boolean {
    const { clock, trustMs } = this.#settings;
    const cameAt = Math.max(headAt ?? -Infinity, line.held.cameAt(`${text} ${segment}`) ?? -Infinity);
    return cameAt > line.doubtedUntil && clock.monotonic() - line.heardAt < trustMs;
  }
}

type LookReply = readonly [state: "head" | "waits" | "idle" | "gone", isLast: number];

function takeOf({ hash: text, line }: Place): Op {
  return line.apart.delete(text) ? ["take", text, "apart"] : ["take", text];
}

function isTaken({ segment, era, line }: Place): boolean {
  return segment !== null && era === line.era;
}

function settle(entry: Entry, resolve?: () => void): void {
  entry.open -= 1;
  if (entry.open > 0) return;
  resolve?.();
  for (const tell of entry.told.splice(0)) tell();
}
