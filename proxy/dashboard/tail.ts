/** What a live list holds: the newest first, so many and no more, each once. Pure, but that it is changed in place. */
import { askedFor, type DivergenceRecord } from "../evidence/evidence.ts";

/** What a line shows; the rest is asked for when it is opened. */
export interface TailLine {
  readonly id: string;
  readonly time: string;
  readonly route: string;
  readonly outcome: string;
  readonly asked: string;
  /** The places and kinds, or what went wrong. */
  readonly what: string;
}

export const MOST_LINES = 100_000;
const WHAT_MAX = 160;
const ASKED_MAX = 300;

export function lineOf(record: DivergenceRecord): TailLine {
  const { id, time, route, outcome, reason, method, differences, error } = record;
  const places = differences.map(
    ({ at, kind }) => `${kind === "status" ? "" : at === "" ? "(whole) " : `${at} `}${kind}`,
  );
  return {
    id,
    time,
    route,
    outcome: reason === null ? outcome : `${outcome}(${reason})`,
    asked: cut(`${method} ${askedFor(record)}`, ASKED_MAX),
    what: cut(places.length > 0 ? places.join(", ") : (error ?? ""), WHAT_MAX),
  };
}

/** UTC, as short as a column is: `12:03:04` today, else `11-22 12:03`. */
export function spellBriefly(iso: string, now: number): string {
  const [day = "", time = ""] = iso.split("T");
  const isToday = day === new Date(now).toISOString().slice(0, 10);
  return isToday ? time.slice(0, 8) : `${day.slice(5)} ${time.slice(0, 5)}`;
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

export class Tail {
  /** The oldest first: what came live. */
  #fresh: TailLine[] = [];
  /** The newest first: what was there before. */
  #older: TailLine[] = [];
  #ids = new Set<string>();
  readonly #most: number;
  /** Lines that were taken out to make room. */
  dropped = 0;
  /** Lines that came before all others, ever. */
  pushed = 0;

  constructor(most: number = MOST_LINES) {
    this.#most = most;
  }

  get length(): number {
    return this.#fresh.length + this.#older.length;
  }

  /** 0 is the newest. */
  at(i: number): TailLine | null {
    const fresh = this.#fresh.length;
    return (i < fresh ? this.#fresh[fresh - 1 - i] : this.#older[i - fresh]) ?? null;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** It is newer than all others. False: it is there already. */
  push(line: TailLine): boolean {
    if (this.#ids.has(line.id)) return false;
    this.#ids.add(line.id);
    this.#fresh.push(line);
    this.pushed += 1;
    this.#makeRoom();
    return true;
  }

  /** They are older than all others, the newest of them first. */
  append(lines: readonly TailLine[]): void {
    for (const line of lines) {
      if (this.length >= this.#most) return;
      if (this.#ids.has(line.id)) continue;
      this.#ids.add(line.id);
      this.#older.push(line);
    }
  }

  /** They are of the newest, whatever has come meanwhile: ids begin with their time, and put them in order. */
  merge(lines: readonly TailLine[]): void {
    const others = lines.filter(({ id }) => !this.#ids.has(id));
    if (others.length === 0) return;
    const oldest = others.reduce((least, { id }) => (id < least ? id : least), others[0]?.id ?? "");
    const moved: TailLine[] = [];
    while (this.#fresh.length > 0 && (this.#fresh.at(-1)?.id ?? "") > oldest) moved.push(this.#fresh.pop() as TailLine);
    while (this.#fresh.length === 0 && this.#older.length > 0 && (this.#older[0]?.id ?? "") > oldest)
      moved.push(this.#older.shift() as TailLine);
    for (const { id } of moved) this.#ids.delete(id);
    this.pushed -= moved.length;
    for (const line of [...moved, ...others].sort((a, b) => (a.id < b.id ? -1 : 1))) this.push(line);
  }

  /** They are the newest that there are, without a gap to what has come since; nothing is known to join what was before. */
  restart(lines: readonly TailLine[]): void {
    const oldest = lines.reduce((least, { id }) => (id < least ? id : least), lines[0]?.id ?? "");
    const kept = this.#fresh.filter(({ id }) => id > oldest);
    this.#fresh = [];
    this.#older = [];
    this.#ids = new Set();
    for (const line of [...kept, ...lines].sort((a, b) => (a.id < b.id ? -1 : 1))) this.push(line);
  }

  /** The oldest go; from the front of an array many at a time, for each time all others move. */
  #makeRoom(): void {
    const over = this.length - this.#most;
    if (over <= 0) return;
    const last = this.#older.pop();
    if (last !== undefined) {
      this.#ids.delete(last.id);
      this.dropped += 1;
      return;
    }
    const many = Math.min(this.#fresh.length - 1, Math.max(1, Math.floor(this.#most / 100)));
    for (const line of this.#fresh.splice(0, many)) this.#ids.delete(line.id);
    this.dropped += many;
  }
}
