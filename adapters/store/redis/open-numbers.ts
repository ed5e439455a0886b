/** One write that this run took in a partition, and that has no end yet. */
export interface OpenNumber {
  /** Goes up with each write that any run takes there. */
  readonly number: number;
  /** By its primary; until then it may come to nothing. */
  isAnswered: boolean;
  leave(): void;
}

interface Node extends OpenNumber {
  earlier: Node | null;
  later: Node | null;
}

/** The writes of this run that have no end yet, in the order in which they were taken: what others may have to wait for. */
export class OpenNumbers {
  #first: Node | null = null;
  #last: Node | null = null;

  /** Numbers come in their order. */
  add(number: number, isAnswered: boolean): OpenNumber {
    let isIn = true;
    const node: Node = {
      number,
      isAnswered,
      earlier: this.#last,
      later: null,
      leave: () => {
        if (isIn) this.#remove(node);
        isIn = false;
      },
    };
    if (this.#last === null) this.#first = node;
    else this.#last.later = node;
    this.#last = node;
    return node;
  }

  /** The lowest number of all, and of those that are answered. What is still at its primary is few. */
  lowest(): readonly [any: number | null, answered: number | null] {
    let answered = this.#first;
    while (answered !== null && !answered.isAnswered) answered = answered.later;
    return [this.#first?.number ?? null, answered?.number ?? null];
  }

  #remove({ earlier, later }: Node): void {
    if (earlier === null) this.#first = later;
    else earlier.later = later;
    if (later === null) this.#last = earlier;
    else later.earlier = earlier;
  }
}
