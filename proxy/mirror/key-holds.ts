/**
 * Holds back clients' writes of a key while an entity is brought over to the service that answers them: what it has not, and nobody
 * writes meanwhile, can be made there without taking the place of anything newer. Bounded: a write that waited for so long is
 * refused where its key is known, and goes on where it only might have been of that key.
 */
import { entityOfKey, foldId, type Reach } from "../reach.ts";

export interface KeyHold {
  /** From now on only writes whose head tells the key. */
  narrow(): void;
  lift(): void;
}

interface Standing {
  readonly name: string;
  readonly entity: string;
  isNarrow: boolean;
  /** Resolves where those that merely might be of the key need not wait any more. */
  readonly narrowed: PromiseWithResolvers<void>;
  readonly lifted: PromiseWithResolvers<void>;
}

/** A client waits no longer. */
const WAIT_MS = 2_000;

export class KeyHolds {
  readonly #standing = new Set<Standing>();

  /** Resolves to whether the write may go on; false: it waited in vain, and was sent nowhere. null: nothing holds it back. */
  held(reach: Reach): Promise<boolean> | null {
    if (this.#standing.size === 0) return null;
    const names = new Set(reach.keys.map(nameOf));
    const isOf = ({ name }: Standing): boolean => names.has(name);
    const mightBe = ({ entity, isNarrow }: Standing): boolean =>
      !isNarrow && (reach.lateOf.includes(entity) || reach.anyOf.includes(entity));
    const own = [...this.#standing].filter(isOf);
    const others = [...this.#standing].filter((one) => !isOf(one) && mightBe(one));
    if (own.length + others.length === 0) return null;
    return within(Promise.all([...own.map(({ lifted }) => lifted.promise), ...others.map(untilNarrow)])).then(
      (inTime) => inTime || !own.some((one) => this.#standing.has(one)),
    );
  }

  begin(key: string): KeyHold {
    const standing: Standing = {
      name: nameOf(key),
      entity: entityOfKey(key),
      isNarrow: false,
      narrowed: Promise.withResolvers(),
      lifted: Promise.withResolvers(),
    };
    this.#standing.add(standing);
    return {
      narrow() {
        standing.isNarrow = true;
        standing.narrowed.resolve();
      },
      lift: () => {
        this.#standing.delete(standing);
        standing.narrowed.resolve();
        standing.lifted.resolve();
      },
    };
  }
}

function nameOf(key: string): string {
  const entity = entityOfKey(key);
  return `${entity}/${foldId(key.slice(entity.length + 1))}`;
}

function untilNarrow({ narrowed }: Standing): Promise<void> {
  return narrowed.promise;
}

function within(all: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, WAIT_MS, false);
    void all.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
