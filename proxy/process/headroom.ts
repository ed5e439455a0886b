/** A rate is judged over this span; shorter ones jump with every burst. */
const SPAN_MS = 10_000;

/**
 * How long the queue can go on growing as it does: the seconds until writes drop. Fed with what is held now and then;
 * null while the queue does not grow.
 */
export class Headroom {
  readonly #seen: { readonly at: number; readonly bytes: number }[] = [];

  observe(atMonotonic: number, bytes: number): void {
    this.#seen.push({ at: atMonotonic, bytes });
    while (this.#seen.length > 2 && atMonotonic - (this.#seen[0] as { at: number }).at > SPAN_MS) this.#seen.shift();
  }

  secondsLeft(limitBytes: number): number | null {
    const first = this.#seen[0];
    const last = this.#seen[this.#seen.length - 1];
    if (first === undefined || last === undefined || last.at - first.at < 500) return null;
    const growth = (last.bytes - first.bytes) / (last.at - first.at);
    if (growth <= 0) return null;
    return Math.max(0, (limitBytes - last.bytes) / growth / 1000);
  }
}
