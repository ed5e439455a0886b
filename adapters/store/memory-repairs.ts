/** The repair list of the memory store. */
import { bothMissing, type RepairEnd, type RepairWork } from "../../proxy/evidence/evidence.ts";
import type { StoreWrite } from "../../proxy/ports.ts";
import { laterOf } from "./later-of.ts";
import { newerPlace } from "./newer-place.ts";

type Mark = Omit<Extract<StoreWrite, { type: "repair" }>, "type">;

export class MemoryRepairs {
  readonly #keysPerRoute: number;
  readonly #byName = new Map<string, RepairWork>();
  readonly #keys = new Map<string, number>();
  readonly #nameOfId = new Map<number, string>();
  #ids = 0;

  constructor(keysPerRoute: number) {
    this.#keysPerRoute = keysPerRoute;
  }

  all(): readonly RepairWork[] {
    return [...this.#byName.values()];
  }

  add({ route, key, reason, exchangeId, at, notBefore, place, misses = null, times = 1 }: Mark): void {
    const name = nameOf(route, key);
    const known = this.#byName.get(name);
    if (known !== undefined) {
      this.#byName.set(name, {
        ...known,
        ...NOT_TRIED,
        reason,
        exchangeId,
        times: known.times + times,
        revision: known.revision + times,
        notBefore: laterOf(known.notBefore, notBefore),
        misses: bothMissing(known.misses, misses),
        place: newerPlace(known.place, place),
      });
      return;
    }
    const keys = this.#keys.get(route) ?? 0;
    // The list is never evicted, so past its bound it becomes coarser instead of longer.
    if (key !== null && keys >= this.#keysPerRoute) {
      this.add({ route, key: null, reason, exchangeId, at, notBefore, place: null, misses, times });
      return;
    }
    this.#keys.set(route, keys + 1);
    const id = ++this.#ids;
    const first = { id, route, key, reason, exchangeId, since: at, times, revision: times, notBefore, place, misses };
    this.#byName.set(name, { ...first, ...NOT_TRIED });
    this.#nameOfId.set(id, name);
  }

  end(id: number, revision: number, end: RepairEnd): "done" | "changed" {
    const name = this.#nameOfId.get(id) ?? "";
    const known = this.#byName.get(name);
    if (known === undefined || known.revision !== revision) return "changed";
    if (end.kind === "equal") {
      this.#byName.delete(name);
      this.#nameOfId.delete(id);
      this.#keys.set(known.route, (this.#keys.get(known.route) ?? 1) - 1);
      return "done";
    }
    const { kind: _, ...tried } = end;
    this.#byName.set(name, { ...known, ...tried });
    return "done";
  }
}

/** What is known of attempts at a revision that is new. */
const NOT_TRIED = { state: "open", attempts: 0, nextTry: null, lastError: null, evidence: null } as const;

function nameOf(route: string, key: string | null): string {
  return JSON.stringify([route, key]);
}
