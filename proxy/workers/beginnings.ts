/**
 * What is to come behind all that was told before it, by whichever worker. An event loop reads of the sockets that it found ready when it
 * looked: what one worker told first can lie unread while what another told after it is read, if the loop was busy in between. By the
 * time something is read, all that was told before it can be read too; so it waits until the loop has looked at all sockets once more.
 */
export class Beginnings {
  /** Read since the last look. */
  #fresh: (() => void)[] = [];
  /** Read before it. */
  #waiting: (() => void)[] = [];
  #isLooking = false;

  /** `work` must not throw. It is done in the order in which it came here. */
  add(work: () => void): void {
    this.#fresh.push(work);
    if (this.#isLooking) return;
    this.#isLooking = true;
    setImmediate(() => this.#looked());
  }

  #looked(): void {
    const due = this.#waiting;
    this.#waiting = this.#fresh;
    this.#fresh = [];
    for (const work of due) work();
    this.#isLooking = this.#waiting.length > 0 || this.#fresh.length > 0;
    if (this.#isLooking) setImmediate(() => this.#looked());
  }
}
