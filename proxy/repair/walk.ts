/** Goes through the repair list once, at a rate, a few entries at a time; where it stood is in the list itself. */
import { setTimeout as sleep } from "node:timers/promises";
import type { RepairWork } from "../evidence/evidence.ts";
import type { Clock, RepairWorkQuery, Store } from "../ports.ts";
import { Pacer } from "../process/pacer.ts";
import type { RepairFinding } from "../repair-job.ts";

export interface WalkOrder {
  readonly query: Pick<RepairWorkQuery, "route" | "dueAt" | "reasons">;
  /** Keys of this route a second that are begun. */
  readonly rateOf: (route: string) => number;
  /** How often entries that live writes came in between are taken up again before they are left. */
  readonly rounds: number;
  readonly signal: AbortSignal;
  /** `isLast`: it is not taken up again, although there were rounds for that. */
  readonly repair: (work: RepairWork, isLast: boolean) => Promise<RepairFinding>;
  /** Each entry once, with what became of it last. */
  readonly told: (work: RepairWork, finding: RepairFinding) => void;
}

export interface WalkParts {
  readonly store: Pick<Store, "repairWork">;
  readonly clock: Clock;
}

const PAGE = 100;
/** Slow services do not hold up the rate, and a fast rate does not flood them. */
const AT_ONCE = 8;
const ROUND_PAUSE_MS = 500;

/** Entries that come on the list meanwhile are left to the next walk. @throws CrossfadeError of the store */
export async function walkRepairs(parts: WalkParts, order: WalkOrder): Promise<void> {
  const begunAt = new Date(parts.clock.now()).toISOString();
  const paced = new Paced(parts.clock, order);
  let again = await paced.all(listed(parts.store, order, begunAt), order.rounds === 0);
  for (let round = 1; round <= order.rounds && again.length > 0 && !order.signal.aborted; round++) {
    await pause(ROUND_PAUSE_MS, order.signal);
    again = await paced.all(asTheyAre(parts.store, again), round === order.rounds);
  }
}

async function* listed(store: WalkParts["store"], order: WalkOrder, begunAt: string): AsyncGenerator<RepairWork> {
  for (let after = 0; ;) {
    const page = await store.repairWork({ ...order.query, after, limit: PAGE });
    const known = page.filter(({ since }) => since <= begunAt);
    if (known.length === 0) return;
    yield* known;
    after = page.at(-1)?.id ?? after;
  }
}

/** Those of them that are still on the list, in their present revision. */
async function* asTheyAre(store: WalkParts["store"], works: readonly RepairWork[]): AsyncGenerator<RepairWork> {
  for (const { id } of works) {
    const [found] = await store.repairWork({ after: id - 1, dueAt: null, limit: 1 });
    if (found?.id === id) yield found;
  }
}

class Paced {
  readonly #order: WalkOrder;
  readonly #pacer: Pacer;

  constructor(clock: Clock, order: WalkOrder) {
    this.#order = order;
    this.#pacer = new Pacer(clock);
  }

  /** Returns those that were busy, unless these are told as they are too. */
  async all(works: AsyncIterable<RepairWork>, tellBusy: boolean): Promise<readonly RepairWork[]> {
    const { signal, repair, told } = this.#order;
    const running = new Set<Promise<void>>();
    const busy: RepairWork[] = [];
    /** The store's, or a mistake of our own: no further entry is begun. */
    const failures: unknown[] = [];
    const begin = async (work: RepairWork): Promise<void> => {
      try {
        const finding = await repair(work, tellBusy && this.#order.rounds > 0);
        if (finding.result === "busy" && !tellBusy && !signal.aborted) busy.push(work);
        else told(work, finding);
      } catch (error) {
        failures.push(error);
      }
    };
    try {
      for await (const work of works) {
        await this.#pacer.turn(work.route, this.#order.rateOf(work.route), signal);
        if (running.size >= AT_ONCE) await Promise.race(running);
        if (signal.aborted || failures.length > 0) break;
        const one = begin(work).finally(() => running.delete(one));
        running.add(one);
      }
    } finally {
      await Promise.all(running);
    }
    if (failures.length > 0) throw failures[0];
    return busy;
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
