/**
 * Who is about to teach a value: an exchange that the primary has answered, whose answer says a value that the shadow's is
 * still to name its own for. A copy that needs the value waits for it (docs/ids-and-tokens.md, "Waiting for a value").
 *
 *   begun ── ended "taught" ──→ gone: the pair is known
 *     └───── ended "not-taught" ──→ gone: the value is remembered as one that the shadow does not have
 *
 * Everybody has a position, in the order of the primary's answers, and waits only for those before it: whoever is first of
 * all that wait or are under way waits for nobody, so that something can always go on.
 */
interface Named {
  readonly kind: string;
  /** As the primary says it. */
  readonly text: string;
}

/** One accepted exchange, from the primary's answer until it has taught what it can. */
export interface Teaching {
  readonly position: number;
  readonly values: readonly Named[];
  readonly ended: Promise<void>;
}

interface Open extends Teaching {
  readonly end: () => void;
  isOpen: boolean;
}

/** Of values that nobody taught; past it the oldest is forgotten, and is then treated as any that is unknown. */
const REMEMBERED = 10_000;

export type Teacher =
  | { readonly found: "teaching"; readonly teaching: Teaching }
  /** It was made at the primary, and the shadow did not say what it is there. */
  | { readonly found: "not-taught" }
  | { readonly found: "nobody" };

export class Teachings {
  #positions = 0;
  readonly #byValue = new Map<string, Open[]>();
  readonly #notTaught = new Set<string>();

  /** In the order of the primary's answers. `values`: those that nobody can have known before this answer. */
  begin(values: readonly Named[]): Teaching {
    const { promise, resolve } = Promise.withResolvers<void>();
    const open: Open = { position: ++this.#positions, values, ended: promise, end: resolve, isOpen: true };
    for (const value of values) {
      const name = nameOf(value);
      const others = this.#byValue.get(name);
      if (others === undefined) this.#byValue.set(name, [open]);
      else others.push(open);
    }
    return open;
  }

  /** The first of those before `position` who may teach it. */
  teacherOf(value: Named, position: number): Teacher {
    const name = nameOf(value);
    const teaching = this.#byValue.get(name)?.find((each) => each.position < position);
    if (teaching !== undefined) return { found: "teaching", teaching };
    return { found: this.#notTaught.has(name) ? "not-taught" : "nobody" };
  }

  /** Whatever became of it; later calls change nothing. `isKnown`: of one of its values. */
  end(teaching: Teaching, isKnown: (value: Named) => boolean): void {
    const open = teaching as Open;
    if (!open.isOpen) return;
    open.isOpen = false;
    for (const value of open.values) {
      const name = nameOf(value);
      const left = this.#byValue.get(name)?.filter((each) => each !== open) ?? [];
      if (left.length === 0) this.#byValue.delete(name);
      else this.#byValue.set(name, left);
      this.#notTaught.delete(name);
      if (!isKnown(value)) this.#remember(name);
    }
    open.end();
  }

  #remember(name: string): void {
    if (this.#notTaught.size >= REMEMBERED) {
      const [oldest] = this.#notTaught;
      if (oldest !== undefined) this.#notTaught.delete(oldest);
    }
    this.#notTaught.add(name);
  }
}

function nameOf({ kind, text }: Named): string {
  return `${kind}\0${text}`;
}
