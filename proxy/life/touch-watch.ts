/**
 * Writes that change an entity beside the one whose lane they are in (`touches`). A repair takes the turn of its key, and does not keep
 * these away: what it has read may hold such a write whose copy is yet to come, which would then be done twice. So it asks here
 * whether one was under way since before it read, at this member or another.
 */
import type { Snapshot } from "../exchange.ts";
import type { MemberCalls } from "../members/member-calls.ts";
import type { ChangeLog } from "../mirror/change-log.ts";
import type { Clock } from "../ports.ts";
import { entityOfKey, foldId } from "../reach.ts";

export interface TouchWatch {
  /** Whether a write that changes the entity was under way at any time since this began, or may have been. */
  crossed(): Promise<boolean>;
  end(): void;
}

export interface TouchWatches {
  /** `own`: what the asker's own writes are called in the log of changes. null: no route's writes touch the entity. */
  begin(key: string, own: string): Promise<TouchWatch> | null;
  /** What another member is told. */
  answer(order: TouchOrder): TouchReply;
}

/** What a member asks of all others. */
export interface TouchOrder {
  readonly what: "touches";
  /** The life of who asks. */
  readonly asker: string;
  readonly begin: readonly number[];
  readonly look: readonly {
    readonly watch: number;
    readonly key: string;
    /** By the life of the process that told it when the watch began. */
    readonly since: Readonly<Record<string, number>>;
  }[];
  readonly over: readonly number[];
}

export interface TouchReply {
  /** By the watch that begins: the position here. */
  readonly at: Readonly<Record<number, number>>;
  /** Watches whose entity something was done to, or may have been. */
  readonly crossed: readonly number[];
}

export interface TouchWatchParts {
  readonly snapshot: () => Snapshot;
  readonly changes: Pick<ChangeLog, "openWindow" | "closeWindow" | "mark" | "look">;
  readonly clock: Pick<Clock, "now">;
  /** null: nobody shares the store. */
  readonly members: { readonly calls: Pick<MemberCalls, "ask">; readonly life: string } | null;
}

/** As a repair's turn waits for other members. */
const ANSWER_WITHIN_MS = 2_000;
/** Longer than a turn lasts: of who asks no more nothing is kept. */
const KEPT_MS = 60_000;

export function createTouchWatches(parts: TouchWatchParts): TouchWatches {
  const { changes, members } = parts;
  const line = members === null ? null : new AskingLine(members);
  let watches = 0;

  function isTouched(entity: string): boolean {
    return parts.snapshot().settings.routes.some(({ touches }) => touches.some((touch) => touch.entity === entity));
  }

  function isCrossed(key: string, since: number, own: string | null): boolean {
    const entity = entityOfKey(key);
    const id = foldId(key.slice(entity.length + 1));
    const looked = changes.look({ entity, since, read: changes.mark(), own }, new Set([id]), parts.clock.now());
    return looked.kind !== "known" || looked.touched.has(id);
  }

  async function begin(key: string, own: string): Promise<TouchWatch> {
    const watch = ++watches;
    const reader = `touch ${watch}`;
    const since = changes.openWindow(reader);
    const elsewhere = (await line?.begin(watch)) ?? null;
    return {
      async crossed() {
        if (isCrossed(key, since, own)) return true;
        return line === null ? false : elsewhere === null || (await line.look(watch, key, elsewhere));
      },
      end() {
        changes.closeWindow(reader);
        line?.end(watch);
      },
    };
  }

  return {
    begin: (key, own) => (isTouched(entityOfKey(key)) ? begin(key, own) : null),
    answer({ asker, begin: begun, look, over }) {
      const readerOf = (watch: number): string => `touch ${watch} of ${asker}`;
      for (const watch of over) changes.closeWindow(readerOf(watch));
      const at = begun.map((watch) => {
        setTimeout(() => changes.closeWindow(readerOf(watch)), KEPT_MS).unref();
        return [watch, changes.openWindow(readerOf(watch))] as const;
      });
      const crossed = look.filter(({ key, since }) => {
        const from = since[members?.life ?? ""];
        return from === undefined || isCrossed(key, from, null);
      });
      return { at: Object.fromEntries(at), crossed: crossed.map(({ watch }) => watch) };
    },
  };
}

type Positions = Readonly<Record<string, number>>;

interface Asked {
  readonly begin: number[];
  readonly look: TouchOrder["look"][number][];
  readonly answered: Promise<ReadonlyMap<string, TouchReply> | null>;
  readonly tell: (replies: ReadonlyMap<string, TouchReply> | null) => void;
}

/** One question at a time, for all that want to know something by then. */
class AskingLine {
  readonly #members: NonNullable<TouchWatchParts["members"]>;
  #next: Asked = newAsked();
  #over: number[] = [];
  #isAsking = false;

  constructor(members: NonNullable<TouchWatchParts["members"]>) {
    this.#members = members;
  }

  /** Where each other member stands; null: not all have said so. */
  async begin(watch: number): Promise<Positions | null> {
    this.#next.begin.push(watch);
    const replies = await this.#ask();
    if (replies === null) return null;
    return Object.fromEntries([...replies].map(([life, { at }]) => [life, at[watch] ?? -1]));
  }

  async look(watch: number, key: string, since: Positions): Promise<boolean> {
    this.#next.look.push({ watch, key, since });
    const replies = await this.#ask();
    // Of a process that has ended, or has come since, nobody knows what it did.
    if (replies === null || replies.size !== Object.keys(since).length) return true;
    return [...replies.values()].some(({ crossed }) => crossed.includes(watch));
  }

  /** The others are told with the next question. */
  end(watch: number): void {
    this.#over.push(watch);
  }

  #ask(): Asked["answered"] {
    const { answered } = this.#next;
    if (!this.#isAsking) void this.#goOn();
    return answered;
  }

  async #goOn(): Promise<void> {
    const { calls, life } = this.#members;
    this.#isAsking = true;
    while (this.#next.begin.length + this.#next.look.length > 0) {
      const { begin, look, tell } = this.#next;
      const order: TouchOrder = { what: "touches", asker: life, begin, look, over: this.#over.splice(0) };
      this.#next = newAsked();
      const { answers, missing } = await calls.ask(`touches of ${life}`, JSON.stringify(order), ANSWER_WITHIN_MS);
      const replies = [...answers].map(([of, text]) => [of, JSON.parse(text) as TouchReply] as const);
      tell(missing === null ? new Map(replies) : null);
    }
    this.#isAsking = false;
  }
}

function newAsked(): Asked {
  const { promise, resolve } = Promise.withResolvers<ReadonlyMap<string, TouchReply> | null>();
  return { begin: [], look: [], answered: promise, tell: resolve };
}
