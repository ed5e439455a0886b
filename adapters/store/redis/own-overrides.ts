/** What this process has changed of the overrides and Redis may not have yet: it acts here all the same. */
import { changeOverrides, type Override } from "../../../proxy/moves/overrides.ts";
import type { StoreWrite } from "../../../proxy/ports.ts";
import type { BacklogMark } from "../backlog.ts";

type OverrideWrite = Extract<StoreWrite, { type: "pin" | "unpin" }>;

interface Change {
  readonly write: OverrideWrite;
  /** Reached: Redis has it. */
  readonly mark: BacklogMark;
}

export class OwnOverrides {
  /** The last of each thing that is set. */
  readonly #changes = new Map<string, Change>();
  readonly #reached: (mark: BacklogMark) => boolean;
  #count = 0;

  constructor(reached: (mark: BacklogMark) => boolean) {
    this.#reached = reached;
  }

  note(write: OverrideWrite, mark: BacklogMark): void {
    const { route, setting } = write.type === "pin" ? write.override : write;
    this.#count += 1;
    this.#changes.set(JSON.stringify([route, setting]), { write, mark });
  }

  /** What is kept, under those changes. */
  async over(read: () => Promise<readonly Override[]>): Promise<readonly Override[]> {
    for (;;) {
      const count = this.#count;
      for (const [name, { mark }] of this.#changes) if (this.#reached(mark)) this.#changes.delete(name);
      const changes = [...this.#changes.values()];
      const kept = await read();
      // One that came meanwhile may or may not be in what was read.
      if (count !== this.#count) continue;
      return changes.reduce((so, { write }) => {
        return write.type === "pin"
          ? changeOverrides(so, write.override, write.override)
          : changeOverrides(so, write, null);
      }, kept);
    }
  }
}
