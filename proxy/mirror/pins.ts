/**
 * Writes that the shadow has not confirmed, as names that reads find them by: held from before the primary is called until the
 * shadow has answered and nothing is left in doubt. A write that left something to repair stays pinned until whoever dials reads
 * sees that on the repair list (dial-rests.ts).
 */
import type { Locator } from "../config/terms.ts";
import type { SharedPins } from "../members/pins.ts";

interface Held {
  names: readonly string[];
  readonly era: number;
  /** Resolves once other members can see them; null: they can. */
  told: Promise<void> | null;
}

/** Names of a write that ended in doubt. */
export interface Doubtful {
  readonly names: readonly string[];
  readonly unsureForMs: number;
}

export class Pins {
  readonly #shared: SharedPins | null;
  readonly #open = new Map<string, Held>();
  /** How many hold each. */
  readonly #held = new Map<string, number>();
  /** Names of writes that ended in doubt since the last `takeDoubtful`. */
  #doubtful: Doubtful[] = [];
  bys: readonly Locator[] = [];
  #latest: { readonly id: string; readonly told: Promise<void> | null } | null = null;
  #spec: string | null = null;
  #era = 0;
  /** Writes that began before what is pinned now was. */
  #earlier = 0;
  /** So did some that wait in the journal alone. */
  #isBehind = false;

  constructor(shared: SharedPins | null) {
    this.#shared = shared;
  }

  /**
   * What is pinned from now on, and by what askers; null: nothing, since nobody dials. `isBehind`: accepted writes wait in the
   * journal alone, until `caughtUp`.
   */
  pinFor(spec: string | null, bys: readonly Locator[], isBehind = false): void {
    this.bys = bys;
    if (spec === this.#spec) return;
    this.#spec = spec;
    this.#era += 1;
    this.#earlier = this.#open.size;
    this.#isBehind = isBehind;
    this.#say();
  }

  /** Nothing waits in the journal alone. */
  caughtUp(): void {
    if (!this.#isBehind) return;
    this.#isBehind = false;
    this.#say();
  }

  get isNeeded(): boolean {
    return this.#spec !== null;
  }

  /** Whether other members read by what is pinned here. */
  get areShared(): boolean {
    return this.#shared !== null && this.#spec !== null;
  }

  /** Whether every write that is under way is pinned. */
  get isWhole(): boolean {
    return this.#spec !== null && this.#isAll;
  }

  /** Before the primary is called. */
  began(id: string, names: readonly string[]): void {
    if (this.#open.has(id)) this.changed(id, names);
    else this.#open.set(id, { names, era: this.#era, told: this.#hold(names) });
  }

  /** It is known by now what it is about. */
  changed(id: string, names: readonly string[]): void {
    const held = this.#open.get(id);
    if (held === undefined) return;
    const before = held.names;
    held.names = names;
    held.told = this.#hold(names);
    this.#latest = { id, told: held.told };
    this.#release(before);
  }

  /** Also of the write that changed last and ended since. To be waited for before the answer's last byte leaves. It takes no longer than others rely on this member. */
  told(id: string): Promise<void> | null {
    const { told } = this.#open.get(id) ?? (this.#latest?.id === id ? this.#latest : { told: null });
    return told;
  }

  /** It waits in the journal alone from now on: what pins something goes on to, and of another one nothing is kept. */
  postponed(id: string): void {
    const held = this.#open.get(id);
    if (held?.names.length === 0 && held.era === this.#era) this.#open.delete(id);
  }

  /**
   * `unsureForMs` null: the shadow has it, or it changed nothing. Otherwise what is in doubt is kept in the store, and for so long
   * something may be that is not.
   */
  ended(id: string, unsureForMs: number | null): void {
    const held = this.#open.get(id);
    if (held === undefined) return;
    this.#open.delete(id);
    if (held.era !== this.#era) {
      this.#earlier -= 1;
      if (this.#earlier === 0) this.#say();
    }
    if (unsureForMs === null || held.names.length === 0) this.#release(held.names);
    else this.#doubtful.push({ names: held.names, unsureForMs });
  }

  /** Those that ended in doubt: whoever takes them gives them back to `letGo`. */
  takeDoubtful(): readonly Doubtful[] {
    return this.#doubtful.splice(0);
  }

  letGo(names: readonly string[]): void {
    this.#release(names);
  }

  holdsAny(names: readonly string[]): boolean {
    return names.some((name) => this.#held.has(name));
  }

  #say(): void {
    this.#shared?.say(this.#isAll ? this.#spec : null);
  }

  get #isAll(): boolean {
    return this.#earlier === 0 && !this.#isBehind;
  }

  #hold(names: readonly string[]): Promise<void> | null {
    for (const name of names) this.#held.set(name, (this.#held.get(name) ?? 0) + 1);
    return names.length === 0 ? null : (this.#shared?.hold(names) ?? null);
  }

  #release(names: readonly string[]): void {
    const free: string[] = [];
    for (const name of names) {
      const count = (this.#held.get(name) ?? 0) - 1;
      if (count > 0) this.#held.set(name, count);
      else {
        this.#held.delete(name);
        free.push(name);
      }
    }
    if (free.length > 0) this.#shared?.release(free);
  }
}
