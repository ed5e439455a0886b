/**
 * Which entities writes have changed, or may be changing, since a moment that a backfill names: mirrored writes from before
 * their primary is called until the shadow is done with them, and repairs. Everything gets a position, one for all:
 *
 *   began ── answered (its keys are known) ── ended ── (landed)
 *
 * A row that was read within a window may be written if nothing that may concern it was under way at any time of it. Of a write
 * that waits in the journal alone nothing is kept here, however many do: while any does, everything may be about to change.
 * Pure: times come in.
 */
import { entityOfKey, foldId, type Reach } from "../reach.ts";

interface Change {
  /** Of people: what it was a write of. */
  readonly route: string;
  readonly reach: Reach;
  /** Its position. */
  readonly began: number;
}

interface Ended extends Change {
  readonly end: number;
}

/** What was read of a table, and when. */
export interface ReadWindow {
  readonly entity: string;
  /** Nothing was read before this position. */
  readonly since: number;
  /** All had been read at this one. */
  readonly read: number;
  /** A change of the reader's own, which is not looked at. */
  readonly own?: string | null;
}

export type Looked =
  /** `touched`: of the ids that were asked about, folded. */
  | { readonly kind: "known"; readonly touched: ReadonlySet<string> }
  /** Any row may have been changed. */
  | { readonly kind: "dirty"; readonly why: string }
  /** A write that is in what was read has yet to tell what it is about. */
  | { readonly kind: "later"; readonly why: string };

/** Ends that are remembered for windows, and late attempts that may yet land. */
const REMEMBERED = 50_000;

export class ChangeLog {
  #at = 0;
  readonly #open = new Map<string, Change>();
  /** In the order of their ends. */
  #ended: Ended[] = [];
  /** The shadow, or the primary, may still apply them. `until`: epoch ms. */
  #landing: (Change & { readonly until: number })[] = [];
  /** By whoever reads: where their window began. */
  readonly #windows = new Map<string, number>();
  /** All ends after this one are remembered. */
  #rememberedFrom = 0;
  /** Epoch ms: until then something that is not remembered may land. */
  #unknownUntil = 0;
  readonly #waiting: () => number;

  /** `waiting`: accepted writes that nothing but the journal holds. */
  constructor(waiting: () => number = () => 0) {
    this.#waiting = waiting;
  }

  /** Before the primary is called. Of a write that is under way already only what is known of it changes. */
  began(id: string, route: string, reach: Reach): void {
    const before = this.#open.get(id);
    this.#open.set(id, { route, reach, began: before?.began ?? this.#next() });
  }

  /** All that it concerns is known. */
  answered(id: string, reach: Reach): void {
    const change = this.#open.get(id);
    if (change !== undefined) this.#open.set(id, { ...change, reach });
  }

  /** It waits in the journal alone from now on. It begins again, in the turn in which it is taken from there. */
  postponed(id: string): void {
    this.#open.delete(id);
  }

  /** What it concerns, as far as is known. null: it is not under way. */
  reachOf(id: string): Reach | null {
    return this.#open.get(id)?.reach ?? null;
  }

  /** Whether anything that is under way may change the entity of this key. */
  mayChange(key: string): boolean {
    if (this.#waiting() > 0) return true;
    const entity = entityOfKey(key);
    const id = foldId(key.slice(entity.length + 1));
    return [...this.#open.values()].some(
      ({ reach }) =>
        reach.lateOf.includes(entity) ||
        reach.anyOf.includes(entity) ||
        reach.keys.some((one) => entityOfKey(one) === entity && foldId(one.slice(entity.length + 1)) === id),
    );
  }

  /** Whether something is under way, or may yet land, that may change any row of it. `now`: epoch ms. */
  mayChangeAny(entity: string, now: number): boolean {
    this.#settleLanded(now);
    const isOfAny = ({ reach }: Change): boolean => reach.anyOf.includes(entity);
    return this.#landing.some(isOfAny) || [...this.#open.values()].some(isOfAny);
  }

  /** Nothing of it is on its way any more; `until` (epoch ms): but for an attempt that nobody heard the end of. */
  ended(id: string, until: number | null): void {
    const change = this.#open.get(id);
    if (change === undefined) return;
    this.#open.delete(id);
    if (until === null) {
      this.#remember(change);
      return;
    }
    this.#landing.push({ ...change, until });
    if (this.#landing.length <= REMEMBERED) return;
    const forgotten = this.#landing.shift();
    this.#unknownUntil = Math.max(this.#unknownUntil, forgotten?.until ?? 0);
  }

  /** From here on everything is known to whoever reads. Of a window that they had before nothing is kept. */
  openWindow(reader: string): number {
    const since = this.#next();
    this.#windows.set(reader, since);
    this.#forget();
    return since;
  }

  closeWindow(reader: string): void {
    this.#windows.delete(reader);
    this.#forget();
  }

  /** The position of now. */
  mark(): number {
    return this.#next();
  }

  /** What has happened, or may have, to the rows of these ids (folded) since the window was opened. `now`: epoch ms. */
  look({ entity, since, read, own = null }: ReadWindow, ids: ReadonlySet<string>, now: number): Looked {
    this.#settleLanded(now);
    if (this.#waiting() > 0) return { kind: "dirty", why: "accepted writes wait in the journal" };
    if (since < this.#rememberedFrom || now < this.#unknownUntil) {
      return { kind: "dirty", why: "more was written meanwhile than is remembered" };
    }
    const touched = new Set<string>();
    let late: string | null = null;
    const meets = ({ reach, route }: Change): Looked | null => {
      if (reach.anyOf.includes(entity)) return { kind: "dirty", why: `nothing says what a write of ${route} changes` };
      for (const key of reach.keys) {
        if (entityOfKey(key) !== entity) continue;
        const id = foldId(key.slice(entity.length + 1));
        if (ids.has(id)) touched.add(id);
      }
      return null;
    };
    for (const change of this.#concerned(since, own)) {
      const dirty = meets(change);
      if (dirty !== null) return dirty;
    }
    for (const change of this.#openBut(own)) {
      // One that began after all was read is not in it, and what it writes to the shadow waits for the freeze to end.
      if (change.began <= read && change.reach.lateOf.includes(entity)) late = change.route;
    }
    if (late === null) return { kind: "known", touched };
    return { kind: "later", why: `the primary has not answered a write of ${late} that tells its key with its answer` };
  }

  *#concerned(since: number, own: string | null): Generator<Change> {
    for (let i = this.#ended.length - 1; i >= 0; i--) {
      const change = this.#ended[i] as Ended;
      if (change.end <= since) break;
      yield change;
    }
    yield* this.#landing;
    yield* this.#openBut(own);
  }

  *#openBut(own: string | null): Generator<Change> {
    for (const [id, change] of this.#open) if (id !== own) yield change;
  }

  #next(): number {
    this.#at += 1;
    return this.#at;
  }

  #settleLanded(now: number): void {
    const landed = this.#landing.filter(({ until }) => until <= now);
    if (landed.length === 0) return;
    this.#landing = this.#landing.filter(({ until }) => until > now);
    // It may have landed just now.
    for (const change of landed) this.#remember(change);
  }

  #remember(change: Change): void {
    const end = this.#next();
    if (this.#windows.size === 0) {
      this.#rememberedFrom = end;
      return;
    }
    this.#ended.push({ ...change, end });
    if (this.#ended.length <= 2 * REMEMBERED) return;
    const [forgotten] = this.#ended.splice(0, REMEMBERED).slice(-1);
    this.#rememberedFrom = forgotten?.end ?? this.#at;
  }

  /** Of what no window asks for any more. */
  #forget(): void {
    this.#rememberedFrom = Math.max(this.#rememberedFrom, Math.min(this.#at, ...this.#windows.values()));
    this.#ended = this.#ended.filter(({ end }) => end > this.#rememberedFrom);
  }
}
