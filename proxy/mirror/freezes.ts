/**
 * Holds back copies of rows that a backfill is about to write, for as long as that takes: the shadow's half of these writes
 * alone, never a client's. A freeze has a deadline and lifts itself: a job that was killed stops no mirroring.
 */
import { entityOfKey, foldId, type Reach } from "../reach.ts";

export interface Freeze {
  readonly entity: string;
  /** Folded. null: all of the entity. */
  readonly ids: ReadonlySet<string> | null;
}

interface Standing extends Freeze {
  timer: NodeJS.Timeout;
  readonly lifted: Promise<void>;
  readonly lift: () => void;
}

export class Freezes {
  readonly #standing = new Map<number, Standing>();
  #last = 0;

  /** Resolves when nothing that the write may change is held back any more; null: nothing is. */
  held(reach: Reach | null): Promise<unknown> | null {
    if (this.#standing.size === 0 || reach === null) return null;
    const holding = [...this.#standing.values()].filter((freeze) => meets(freeze, reach));
    return holding.length === 0 ? null : Promise.all(holding.map(({ lifted }) => lifted));
  }

  /** `onLifted`: called once, by whatever it ended. Returns its number. */
  begin(freeze: Freeze, forMs: number, onLifted: () => void): number {
    const id = ++this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    const lift = (): void => {
      if (!this.#standing.delete(id)) return;
      clearTimeout(standing.timer);
      resolve();
      onLifted();
    };
    const standing: Standing = { ...freeze, timer: setTimeout(lift, forMs), lifted: promise, lift };
    this.#standing.set(id, standing);
    return id;
  }

  /** It has held without a break, and holds for so long from now. false: it was lifted. */
  extend(id: number, forMs: number): boolean {
    const standing = this.#standing.get(id);
    if (standing === undefined) return false;
    clearTimeout(standing.timer);
    standing.timer = setTimeout(standing.lift, forMs);
    return true;
  }

  lift(id: number): void {
    this.#standing.get(id)?.lift();
  }

  liftAll(): void {
    for (const { lift } of [...this.#standing.values()]) lift();
  }

  /** Resolves when no row of the entity is held back; null: none is. */
  whenNone(entity: string): Promise<unknown> | null {
    return this.held({ keys: [], lateOf: [], anyOf: [entity] });
  }
}

function meets({ entity, ids }: Freeze, { keys, anyOf }: Reach): boolean {
  if (anyOf.includes(entity)) return true;
  return keys.some((key) => {
    if (entityOfKey(key) !== entity) return false;
    return ids === null || ids.has(foldId(key.slice(entity.length + 1)));
  });
}
