const PAGE_BITS = 65_536;

/** A set of positions: a bit for each, in pages, since those that a log holds lie close together. */
export class Positions {
  readonly #pages = new Map<number, Uint8Array>();

  add(position: number): void {
    const page = Math.floor(position / PAGE_BITS);
    let bits = this.#pages.get(page);
    if (bits === undefined) this.#pages.set(page, (bits = new Uint8Array(PAGE_BITS / 8)));
    const at = position % PAGE_BITS;
    bits[at >> 3] = (bits[at >> 3] as number) | (1 << (at & 7));
  }

  has(position: number): boolean {
    const bits = this.#pages.get(Math.floor(position / PAGE_BITS));
    const at = position % PAGE_BITS;
    return bits !== undefined && ((bits[at >> 3] as number) & (1 << (at & 7))) !== 0;
  }
}
