/**
 * Lanes: the FIFO of shadow writes of one entity key (docs/semantics.md, "Keys, lanes, order").
 *
 *   intended ── answered ──→ waiting ──→ delivering ──→ gone
 *      └────── withdrawn ───────────────────────────────↗
 *
 * A write joins when its key is known: before the primary is called (`intend`), or with its answer (`join`). It is
 * delivered after everything that was answered earlier; an earlier intent that has no answer yet is waited for, within a
 * bound. Writes that overlapped at the primary have no knowable order: they are delivered in the order of their answers
 * and both marked. A sampled read takes its turn behind the writes of its key; a write that crosses it spoils it.
 */
export interface Turn<Work> {
  readonly work: Work;
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
  readonly kind: EntryKind;
  readonly lane: Lane<Work>;
  readonly since: number;
  /** Order of intents within the process. */
  readonly intent: number;
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

/** A place in a lane, held from intent to the end. */
export interface Ticket {
  readonly key: string;
}

/** Many more keys than are written while one write is at the primary. */
const EVENTS_KEPT = 10_000;

export class Lanes<Work> {
  readonly #options: LanesOptions<Work>;
  readonly #lanes = new Map<string, Lane<Work>>();
  /** When a write of the key was answered or a visit ended, in the order of intents: of the keys that were last. */
  readonly #lastEvent = new Map<string, number>();
  #intents = 0;
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

  /** Takes a place before the primary is called. */
  intend(key: string, kind: EntryKind): Ticket {
    const lane = this.#laneOf(key);
    const entry = this.#enter(lane, kind);
    if (kind === "write") crossReads(lane);
    else if (lane.intended.some((other) => other.kind === "write")) entry.crossed = true;
    lane.intended.push(entry);
    return entry;
  }

  /** A write begins whose key only its answer will tell: when that was, for `join`. */
  begin(): number {
    return ++this.#intents;
  }

  /** Takes a place with the answer, for a key that only the answer tells. */
  join(key: string, work: Work, kind: EntryKind, began = Infinity): void {
    const lane = this.#laneOf(key);
    const entry = this.#enter(lane, kind);
    // It was at the primary together with that write; or what was read and written during that visit may hold it, or not.
    if (kind === "write" && (lane.visited || began < (this.#lastEvent.get(key) ?? 0))) entry.overlapped = true;
    if (kind === "write") crossReads(lane);
    this.#answer(entry, work);
  }

  /** The primary accepted: from here on the copy waits for its turn. */
  answered(ticket: Ticket, work: Work): void {
    const entry = entryOf<Work>(ticket);
    if (entry.state !== "intended") return;
    remove(entry.lane.intended, entry);
    this.#answer(entry, work);
  }

  /** Nothing is to be delivered: the primary refused, or nobody knows what it did. */
  withdraw(ticket: Ticket): void {
    const entry = entryOf<Work>(ticket);
    if (entry.state !== "intended") return;
    remove(entry.lane.intended, entry);
    this.#leave(entry);
    this.#advance(entry.lane);
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
      this.#remember(key);
      this.#advance(lane);
    }
  }

  #remember(key: string): void {
    this.#lastEvent.delete(key);
    this.#lastEvent.set(key, ++this.#intents);
    if (this.#lastEvent.size > EVENTS_KEPT) this.#lastEvent.delete(this.#lastEvent.keys().next().value as string);
  }

  /** Work that has not begun to be delivered; the lanes forget it. */
  abandonWaiting(): Work[] {
    const abandoned: Work[] = [];
    for (const lane of this.#lanes.values()) {
      for (const visit of lane.visits.splice(0)) visit.begin(null);
      for (const entry of lane.waiting.splice(0)) {
        abandoned.push(entry.work as Work);
        this.#queued--;
        this.#leave(entry);
      }
      this.#dropIfEmpty(lane);
    }
    this.#tellIdle();
    return abandoned;
  }

  /** Resolves when nothing waits and nothing is being delivered. */
  whenIdle(): Promise<void> {
    if (this.#queued === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
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

  #enter(lane: Lane<Work>, kind: EntryKind): Entry<Work> {
    if (kind === "read") lane.reads++;
    else lane.writes++;
    return {
      key: lane.key,
      kind,
      lane,
      since: this.#options.monotonic(),
      intent: ++this.#intents,
      state: "intended",
      work: null,
      rivals: null,
      overlapped: false,
      crossed: false,
    };
  }

  #answer(entry: Entry<Work>, work: Work): void {
    const { lane } = entry;
    entry.state = "waiting";
    entry.work = work;
    this.#queued++;
    if (entry.kind === "write") {
      this.#remember(lane.key);
      if (entry.rivals !== null) {
        entry.overlapped = true;
        for (const rival of entry.rivals) rival.overlapped = true;
        entry.rivals = null;
      }
      for (const other of lane.intended) {
        if (other.kind !== "write") continue;
        other.rivals ??= [];
        other.rivals.push(entry);
      }
    }
    lane.waiting.push(entry);
    this.#advance(lane);
  }

  #advance(lane: Lane<Work>): void {
    if (lane.delivering) return;
    const next = lane.waiting[0];
    if (next === undefined) {
      this.#admitVisit(lane);
      this.#dropIfEmpty(lane);
      return;
    }
    const holdMs = this.#heldUpFor(lane, next);
    if (holdMs > 0) {
      this.#lookAgainIn(lane, holdMs);
      return;
    }
    lane.waiting.shift();
    lane.delivering = true;
    next.state = "delivering";
    const turn = { work: next.work as Work, overlapped: next.overlapped, crossed: next.crossed };
    const goOn = (): void => {
      lane.delivering = false;
      this.#queued--;
      this.#leave(next);
      this.#advance(lane);
      this.#tellIdle();
    };
    void this.#options.deliver(turn).then(goOn, goOn);
  }

  #admitVisit(lane: Lane<Work>): void {
    if (lane.intended.some((other) => other.kind === "write")) return;
    const visit = lane.visits.shift();
    if (visit === undefined) return;
    lane.delivering = true;
    lane.visited = true;
    visit.begin(lane.writes);
  }

  /** For how long an earlier intent without an answer still holds up `next`, in ms. */
  #heldUpFor(lane: Lane<Work>, next: Entry<Work>): number {
    for (const earlier of lane.intended) {
      if (earlier.intent > next.intent) return 0;
      if (earlier.kind === "write") return earlier.since + this.#options.intentWaitMs - this.#options.monotonic();
    }
    return 0;
  }

  #lookAgainIn(lane: Lane<Work>, ms: number): void {
    if (lane.timer !== null) return;
    lane.timer = setTimeout(() => {
      lane.timer = null;
      this.#advance(lane);
    }, ms + 1);
    lane.timer.unref();
  }

  #leave(entry: Entry<Work>): void {
    entry.state = "gone";
    // Rivals still refer to it: what it held must not live as long as they do.
    entry.work = null;
    entry.rivals = null;
    if (entry.kind === "read") entry.lane.reads--;
    this.#dropIfEmpty(entry.lane);
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
