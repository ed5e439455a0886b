/** What this member may rely on, should it start while the store is away, kept up to date (standing.ts). */
import type { Standing, StandingFile } from "../members/standing.ts";

/** Of this process. Each call is durable when it returns, and throws as the disk does; what is so already is not written again. */
export class OwnStanding {
  readonly #file: StandingFile | null;
  /** null: the file says what the process before has left. */
  #written: Standing | null = null;

  /** null: it has no identity that lasts. */
  constructor(file: StandingFile | null) {
    this.#file = file;
  }

  get isInDoubt(): boolean {
    return this.#written !== null && this.#written.inDoubt.length > 0;
  }

  registered(inDoubt: readonly string[]): void {
    this.#write({ isRegistered: true, inDoubt });
  }

  agrees(routes: readonly string[]): void {
    this.#write({ isRegistered: this.#written?.isRegistered === true, inDoubt: routes });
  }

  left(): void {
    this.#write({ isRegistered: false, inDoubt: this.#written?.inDoubt ?? [] });
  }

  #write(standing: Standing): void {
    const isSame =
      standing.isRegistered === this.#written?.isRegistered &&
      standing.inDoubt.join("\n") === this.#written.inDoubt.join("\n");
    if (isSame) return;
    this.#file?.write(standing);
    this.#written = standing;
  }
}
