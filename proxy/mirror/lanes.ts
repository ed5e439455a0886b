/**
 * Lanes: the FIFO of shadow writes of one entity key (docs/semantics.md, "Keys, lanes, order").
 *
 *   intended ── answered ──→ waiting ──→ delivering ──→ gone
 *      └────── withdrawn ───────────────────────────────↗
 *
 * A write takes its place before the primary is called (`intend`); its keys may be known only with the answer. It is
 * delivered after everything of its keys that was answered earlier; an earlier intent that has no answer yet is waited
 * for, within a bound. Writes that overlapped at the primary have no knowable order: they are delivered in the order of
 * their answers and marked. A sampled read takes its turn behind the writes of its key; a write that crosses it spoils it.
 *
 * A batch has several keys: it is in all of their lanes, and goes out when it is first in each of them. Every lane holds
 * what waits in the order of answers, which is one for all lanes: what was answered first of all that waits is first in
 * each of its lanes, so that something can always go on.
 */
import { LateKeys } from "./late-keys.ts";

/** A place in the lanes of its keys, held from intent to the end. */
export interface Ticket {
  /** None: only the answer tells. */
  readonly keys: readonly string[];
}

export interface Turn<Work> {
  readonly work: Work;
  readonly ticket: Ticket;
  /** This write overlapped another one of its key at the primary: the shadow's state has to be verified. */
  readonly overlapped: boolean;
  /** A write of the key crossed this read, so that the two answers are about different states. */
  readonly crossed: boolean;
}

export interface LanesOptions<Work> {
  /** Delivers one copy; the lane's next follows when it resolves. Must not reject. */
  readonly deliver: (turn: Turn<Work>) => Promise<void>;
  /** How long an earlier intent without an answer holds up the lane. */
  readonly intentWaitMs: number;
  readonly monotonic: () => number;
}

type EntryKind = "write" | "read";

interface Entry<Work> extends Ticket {
  keys: readonly string[];
  readonly kind: EntryKind;
  lanes: readonly Lane<Work>[];
  readonly since: number;
  /** Order of intents within the process. */
  readonly intent: number;
  /** Order of answers within the process; 0: none yet. */
  answer: number;
  state: "intended" | "waiting" | "delivering" | "gone";
  work: Work | null;
  /** Writes that were in flight together with this one; they overlap it if both turn out accepted. */
  rivals: Entry<Work>[] | null;
  overlapped: boolean;
  crossed: boolean;
}

interface Lane<Work> {
  readonly key: string;
  /** In the order of intents; short: what is at the primary right now. */
  readonly intended: Entry<Work>[];
  /** In the order of answers. */
  readonly waiting: Entry<Work>[];
  delivering: boolean;
  reads: number;
  timer: NodeJS.Timeout | null;
  /** Writes that have entered so far. */
  writes: number;
  /** A visit is under way. */
  visited: boolean;
  /** Whoever waits for the lane to be quiet. */
  readonly visits: Visit[];
}

interface Visit {
  /** The lane is theirs, and has heard of so many writes; or (null) it was not to be had. */
  readonly begin: (writes: number | null) => void;
}

/** The key is quiet: no write of it is at the primary or on its way to the shadow, and none is delivered meanwhile. */
export interface QuietTurn {
  /** Whether a write of the key has begun since: it may be in what is read from here on, and is yet to be delivered. */
  crossed(): boolean;
}

export class Lanes<Work> {
  readonly #options: LanesOptions<Work>;
  readonly #lanes = new Map<string, Lane<Work>>();
  readonly #late = new LateKeys();
  #intents = 0;
  #answers = 0;
  #queued = 0;
  #idle: (() => void)[] = [];

  constructor(options: LanesOptions<Work>) {
    this.#options = options;
  }

  /** Copies that wait or are being delivered. */
  get queued(): number {
    return this.#queued;
  }

  get laneCount(): number {
    return this.#lanes.size;
  }

  /** Takes a place before the primary is called; `keys` are distinct, or none where only the answer tells them. */
  intend(keys: readonly string[], kind: EntryKind): Ticket {
    const entry = this.#newEntry(keys, kind, ++this.#intents);
    if (keys.length === 0) this.#late.began(entry, this.#answers);
    else this.#enter(entry, keys);
    for (const lane of entry.lanes) {
      if (kind === "read" && lane.intended.some((other) => other.kind === "write")) entry.crossed = true;
      lane.intended.push(entry);
    }
    return entry;
  }

  /** Takes a place for a write that was answered before all that is at the primary now. */
  rejoin(keys: readonly string[], work: Work, overlapped: boolean): void {
    const entry = this.#newEntry([], "write", 0);
    this.#enter(entry, keys);
    entry.overlapped = overlapped;
    this.#wait(entry, work);
  }

  /** Whether a write that is answered now overlapped another one of these keys, as far as is known by now. */
  overlaps(ticket: Ticket, keys: readonly string[]): boolean {
    const entry = entryOf<Work>(ticket);
    if (entry.lanes.length > 0) return entry.rivals !== null;
    return keys.some((key) => this.#late.answeredSince(entry, key));
  }

  /** Whether what is answered now goes out at once: it is first in the lanes of these keys, and nothing holds them up. */
  isFirst(ticket: Ticket, keys: readonly string[]): boolean {
    const { intent } = entryOf<Work>(ticket);
    return keys.every((key) => {
      const lane = this.#lanes.get(key);
      if (lane === undefined) return true;
      return !lane.delivering && lane.waiting.length === 0 && !isHeldUp(lane, intent);
    });
  }

  /** The primary accepted, and the copy is delivered later: it leaves, but overlaps those that are at the primary with it. */
  postpone(ticket: Ticket, keys: readonly string[]): void {
    const entry = entryOf<Work>(ticket);
    if (entry.state !== "intended") return;
    if (entry.lanes.length > 0) for (const lane of entry.lanes) remove(lane.intended, entry);
    else this.#enterLate(entry, keys);
    entry.answer = ++this.#answers;
    this.#markOverlaps(entry);
    this.#leave(entry);
    for (const lane of entry.lanes) this.#advance(lane);
  }

  /** The primary accepted: from here on the copy waits for its turn. `keys`: as the answer tells them, distinct. */
  answered(ticket: Ticket, work: Work, keys: readonly string[] = ticket.keys): void {
    const entry = entryOf<Work>(ticket);
    if (entry.state !== "intended") return;
    if (entry.lanes.length > 0) for (const lane of entry.lanes) remove(lane.intended, entry);
    else this.#enterLate(entry, keys);
    entry.answer = ++this.#answers;
    if (entry.kind === "write") this.#markOverlaps(entry);
    this.#wait(entry, work);
  }

  /** Nothing is to be delivered: the primary refused, or nobody knows what it did. */
  withdraw(ticket: Ticket): void {
    const entry = entryOf<Work>(ticket);
    if (entry.state !== "intended") return;
    if (entry.lanes.length === 0) this.#late.ended(entry);
    for (const lane of entry.lanes) remove(lane.intended, entry);
    this.#leave(entry);
    for (const lane of entry.lanes) this.#advance(lane);
  }

  /**
   * Takes out the writes that wait behind this turn's, which was lost, up to the next one in each lane that
   * `standsAlone`. A batch that is taken out is lost for all of its lanes. In the order of answers. `emptied`: told of each lane in
   * which none stands alone.
   */
  takeFollowers(
    { ticket }: Turn<Work>,
    standsAlone: (work: Work, key: string) => boolean,
    emptied?: (key: string) => void,
  ): Work[] {
    const lost = entryOf<Work>(ticket);
    const holes = lost.lanes.map((lane) => ({ lane, after: lost.answer }));
    const taken: Entry<Work>[] = [];
    for (const { lane, after } of holes) {
      const behind = lane.waiting.filter(({ answer, kind }) => answer > after && kind === "write");
      const end = behind.findIndex(({ work }) => standsAlone(work as Work, lane.key));
      if (end === -1) emptied?.(lane.key);
      const followers = new Set(end === -1 ? behind : behind.slice(0, end));
      // At once: a lane may be thousands long.
      const kept = lane.waiting.filter((entry) => !followers.has(entry));
      lane.waiting.length = 0;
      for (const entry of kept) lane.waiting.push(entry);
      for (const entry of followers) {
        taken.push(entry);
        for (const other of entry.lanes) {
          if (other === lane) continue;
          remove(other.waiting, entry);
          holes.push({ lane: other, after: entry.answer });
        }
      }
    }
    taken.sort((a, b) => a.answer - b.answer);
    return this.#giveUp(taken);
  }

  /**
   * Runs `work` while the key is quiet: copies that become due meanwhile follow when it ends, clients are not held up. It
   * comes after all writes that are under way; null where the key does not become quiet within `patienceMs`.
   */
  async visit<T>(key: string, patienceMs: number, work: (turn: QuietTurn) => Promise<T>): Promise<T | null> {
    const lane = this.#laneOf(key);
    const writes = await new Promise<number | null>((resolve) => {
      const giveUp = (): void => {
        remove(lane.visits, visit);
        this.#dropIfEmpty(lane);
        resolve(null);
      };
      const timer = setTimeout(giveUp, patienceMs);
      const visit: Visit = {
        begin: (heard) => {
          clearTimeout(timer);
          resolve(heard);
        },
      };
      lane.visits.push(visit);
      this.#advance(lane);
    });
    if (writes === null) return null;
    try {
      return await work({ crossed: () => lane.writes !== writes });
    } finally {
      lane.delivering = false;
      lane.visited = false;
      // Whatever was at the primary meanwhile and turns out to be of this key met it unseen, as it would a write.
      this.#late.answered(key, ++this.#answers);
      this.#advance(lane);
    }
  }

  /** Work that has not begun to be delivered; the lanes forget it. */
  abandonWaiting(): Work[] {
    const waiting = new Set<Entry<Work>>();
    for (const lane of this.#lanes.values()) {
      for (const visit of lane.visits.splice(0)) visit.begin(null);
      for (const entry of lane.waiting.splice(0)) waiting.add(entry);
      this.#dropIfEmpty(lane);
    }
    return this.#giveUp([...waiting]);
  }

  /** Resolves when nothing waits and nothing is being delivered. */
  whenIdle(): Promise<void> {
    if (this.#queued === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #newEntry(keys: readonly string[], kind: EntryKind, intent: number): Entry<Work> {
    return {
      keys,
      kind,
      lanes: [],
      since: this.#options.monotonic(),
      intent,
      answer: 0,
      state: "intended",
      work: null,
      rivals: null,
      overlapped: false,
      crossed: false,
    };
  }

  #wait(entry: Entry<Work>, work: Work): void {
    if (entry.answer === 0) entry.answer = ++this.#answers;
    entry.state = "waiting";
    entry.work = work;
    this.#queued++;
    for (const lane of entry.lanes) lane.waiting.push(entry);
    for (const lane of entry.lanes) this.#advance(lane);
  }

  #enter(entry: Entry<Work>, keys: readonly string[]): void {
    entry.keys = keys;
    entry.lanes = keys.map((key) => this.#laneOf(key));
    for (const lane of entry.lanes) {
      if (entry.kind === "read") {
        lane.reads++;
        continue;
      }
      lane.writes++;
      crossReads(lane);
    }
  }

  /** What happened in these lanes while this one was at the primary went by it unseen. */
  #enterLate(entry: Entry<Work>, keys: readonly string[]): void {
    this.#enter(entry, keys);
    const metWrite = keys.some((key) => this.#late.answeredSince(entry, key));
    if (entry.kind === "write") {
      entry.overlapped ||= metWrite || entry.lanes.some(({ visited }) => visited);
      for (const { waiting } of metWrite ? entry.lanes : []) {
        for (const other of waiting) if (this.#late.isSince(entry, other.answer)) other.overlapped = true;
      }
    } else {
      entry.crossed ||= metWrite || entry.lanes.some((lane) => lane.intended.some((other) => other.kind === "write"));
    }
    this.#late.ended(entry);
  }

  #markOverlaps(entry: Entry<Work>): void {
    if (entry.rivals !== null) {
      entry.overlapped = true;
      for (const rival of entry.rivals) rival.overlapped = true;
      entry.rivals = null;
    }
    for (const lane of entry.lanes) {
      this.#late.answered(lane.key, entry.answer);
      for (const other of lane.intended) {
        if (other.kind !== "write") continue;
        other.rivals ??= [];
        other.rivals.push(entry);
      }
    }
  }

  #laneOf(key: string): Lane<Work> {
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = {
        key,
        intended: [],
        waiting: [],
        delivering: false,
        reads: 0,
        timer: null,
        writes: 0,
        visited: false,
        visits: [],
      };
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  /** Delivers what is first in the lane, where it is first in all of its lanes and nothing holds it up. */
  #advance(lane: Lane<Work>): void {
    const next = lane.waiting[0];
    if (next === undefined) {
      this.#admitVisit(lane);
      this.#dropIfEmpty(lane);
      return;
    }
    if (next.lanes.some((each) => each.delivering || each.waiting[0] !== next)) return;
    const holdMs = this.#heldUpFor(next);
    if (holdMs > 0) {
      this.#lookAgainIn(lane, holdMs);
      return;
    }
    for (const each of next.lanes) {
      each.waiting.shift();
      each.delivering = true;
    }
    next.state = "delivering";
    const { overlapped, crossed } = next;
    const goOn = (): void => {
      for (const each of next.lanes) each.delivering = false;
      this.#queued--;
      this.#leave(next);
      for (const each of next.lanes) this.#advance(each);
      this.#tellIdle();
    };
    void this.#options.deliver({ work: next.work as Work, ticket: next, overlapped, crossed }).then(goOn, goOn);
  }

  #admitVisit(lane: Lane<Work>): void {
    if (lane.delivering || lane.intended.some((other) => other.kind === "write")) return;
    const visit = lane.visits.shift();
    if (visit === undefined) return;
    lane.delivering = true;
    lane.visited = true;
    visit.begin(lane.writes);
  }

  /** For how long an earlier intent without an answer still holds up `next`, in ms. */
  #heldUpFor(next: Entry<Work>): number {
    let longest = 0;
    for (const { intended } of next.lanes) {
      for (const earlier of intended) {
        if (earlier.intent > next.intent) break;
        if (earlier.kind !== "write") continue;
        longest = Math.max(longest, earlier.since + this.#options.intentWaitMs - this.#options.monotonic());
        break;
      }
    }
    return longest;
  }

  #lookAgainIn(lane: Lane<Work>, ms: number): void {
    if (lane.timer !== null) return;
    lane.timer = setTimeout(() => {
      lane.timer = null;
      this.#advance(lane);
    }, ms + 1);
    lane.timer.unref();
  }

  #giveUp(entries: readonly Entry<Work>[]): Work[] {
    const works: Work[] = [];
    for (const entry of entries) {
      works.push(entry.work as Work);
      this.#queued--;
      this.#leave(entry);
    }
    for (const entry of entries) for (const lane of entry.lanes) this.#advance(lane);
    this.#tellIdle();
    return works;
  }

  #leave(entry: Entry<Work>): void {
    entry.state = "gone";
    // Rivals still refer to it: what it held must not live as long as they do.
    entry.work = null;
    entry.rivals = null;
    for (const lane of entry.lanes) {
      if (entry.kind === "read") lane.reads--;
      this.#dropIfEmpty(lane);
    }
  }

  #dropIfEmpty(lane: Lane<Work>): void {
    if (lane.delivering || lane.waiting.length > 0 || lane.intended.length > 0 || lane.visits.length > 0) return;
    if (lane.timer !== null) clearTimeout(lane.timer);
    lane.timer = null;
    if (this.#lanes.get(lane.key) === lane) this.#lanes.delete(lane.key);
  }

  #tellIdle(): void {
    if (this.#queued > 0) return;
    const waiting = this.#idle;
    this.#idle = [];
    for (const tell of waiting) tell();
  }
}

function entryOf<Work>(ticket: Ticket): Entry<Work> {
  return ticket as Entry<Work>;
}

/** By a write that went to the primary earlier and has no answer yet. */
function isHeldUp<Work>({ intended }: Lane<Work>, intent: number): boolean {
  return intended.some((other) => other.kind === "write" && other.intent < intent);
}

function remove<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at !== -1) list.splice(at, 1);
}

/** A write of the key begins or is answered while these reads are under way or wait: their answers are of two states. */
function crossReads<Work>(lane: Lane<Work>): void {
  if (lane.reads === 0) return;
  for (const entry of lane.intended) if (entry.kind === "read") entry.crossed = true;
  for (const entry of lane.waiting) if (entry.kind === "read") entry.crossed = true;
}
