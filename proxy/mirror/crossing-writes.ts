/**
 * Writes to a database that both services use (`sharedDatabase`), by what they change. They are not mirrored and have no lane, and
 * what one of them changes both sides see at once: two answers to a read that it crosses are of two states.
 *
 *   began ── ended (its keys are known) ── (may land no more)
 */
import { entityOfKey, namesEntity, type Reach } from "../reach.ts";

interface Write {
  readonly since: number;
  readonly reach: Reach;
  /** Resolves once it has ended: all that it changes is known then. */
  readonly over: Promise<void>;
  readonly end: () => void;
}

/** Keys whose last write is remembered; past it the one that was written longest ago is forgotten. */
const REMEMBERED = 10_000;
/** How long after its begin a write is waited for whose key its body or answer tells; past it, it is taken to be of another one. */
const LATE_KEY_WAIT_MS = 1_000;

export class CrossingWrites {
  readonly #monotonic: () => number;
  readonly #open = new Map<string, Write>();
  /** By key, and by entity: until when something was written there. In the order in which that was noted. */
  readonly #written = new Map<string, number>();
  #forgottenUpTo = Number.NEGATIVE_INFINITY;

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /** Before the primary is called. */
  began(id: string, reach: Reach): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#open.set(id, { since: this.#monotonic(), reach, over: promise, end: resolve });
  }

  /**
   * It changes nothing from now on; `landsForMs`: but for what nobody heard the end of, which may come so long after. `reach`: all
   * that it concerns; null: no more than was known.
   */
  ended(id: string, reach: Reach | null, landsForMs = 0): void {
    const write = this.#open.get(id);
    if (write === undefined) return;
    this.#open.delete(id);
    const { keys, anyOf } = reach ?? write.reach;
    const until = this.#monotonic() + landsForMs;
    for (const place of new Set([...keys, ...keys.map(entityOfKey), ...anyOf.map(anyKeyOf), ...anyOf]))
      this.#note(place, until);
    write.end();
  }

  /**
   * Whether a write of these keys was under way within the last `ms`. A key that names no entity is that of a list, which any write
   * of the entity changes.
   */
  async crossed(keys: readonly string[], ms: number): Promise<boolean> {
    const since = this.#monotonic() - ms;
    await this.#lateKnown(new Set(keys.map(entityOfKey)));
    return keys.some((key) => this.#isWritten(key, since));
  }

  /** Writes that are under way now and have yet to tell which of these they are of. */
  async #lateKnown(entities: ReadonlySet<string>): Promise<void> {
    for (const { since, reach, over } of [...this.#open.values()]) {
      if (!reach.lateOf.some((entity) => entities.has(entity))) continue;
      const leftMs = since + LATE_KEY_WAIT_MS - this.#monotonic();
      if (leftMs > 0) await within(over, leftMs);
    }
  }

  #isWritten(key: string, since: number): boolean {
    const entity = entityOfKey(key);
    const isList = !namesEntity(key);
    const places = isList ? [key, entity] : [key, anyKeyOf(entity)];
    if (this.#forgottenUpTo >= since) return true;
    if (places.some((place) => (this.#written.get(place) ?? Number.NEGATIVE_INFINITY) >= since)) return true;
    for (const { reach } of this.#open.values()) {
      if (reach.keys.includes(key) || reach.anyOf.includes(entity)) return true;
      if (isList && (reach.lateOf.includes(entity) || reach.keys.some((each) => entityOfKey(each) === entity)))
        return true;
    }
    return false;
  }

  #note(place: string, until: number): void {
    const before = this.#written.get(place) ?? until;
    this.#written.delete(place);
    this.#written.set(place, Math.max(before, until));
    if (this.#written.size <= REMEMBERED) return;
    const [oldest] = this.#written;
    if (oldest === undefined) return;
    this.#written.delete(oldest[0]);
    this.#forgottenUpTo = Math.max(this.#forgottenUpTo, oldest[1]);
  }
}

/** No key of an entity: it stands for each of them. */
function anyKeyOf(entity: string): string {
  return `${entity}:*`;
}

async function within(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
