import type { Journal } from "../journal.ts";

/**
 * Writes that have begun and not ended, by route: mirrored ones until they have their outcome, others until the primary is done.
 * Those that wait in the journal alone are counted there.
 */
export class OpenWrites {
  readonly #journal: Pick<Journal, "waiting" | "waitingSince"> | null;
  /** In the order of their coming. */
  readonly #open = new Map<string, { readonly route: string; readonly what: string; readonly since: number }>();
  readonly #counts = new Map<string, number>();
  readonly #waiters = new Set<{ readonly routes: readonly string[]; readonly resolve: () => void }>();

  constructor(journal: Pick<Journal, "waiting" | "waitingSince"> | null = null) {
    this.#journal = journal;
  }

  /** `id`: of the exchange, or of whatever else writes; entered twice it counts once. `what`: in words. */
  enter(id: string, route: string, what = "a write"): void {
    if (this.#open.has(id)) return;
    this.#open.set(id, { route, what, since: performance.now() });
    this.#counts.set(route, (this.#counts.get(route) ?? 0) + 1);
  }

  /** It ended, or waits in the journal alone; nothing where it was never entered. */
  leave(id: string): void {
    const route = this.#open.get(id)?.route;
    if (route === undefined) return;
    this.#open.delete(id);
    const left = (this.#counts.get(route) as number) - 1;
    if (left > 0) {
      this.#counts.set(route, left);
      return;
    }
    this.#counts.delete(route);
    for (const waiter of [...this.#waiters]) {
      if (this.count(waiter.routes) > 0) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  count(routes: readonly string[]): number {
    return routes.reduce((sum, route) => sum + (this.#counts.get(route) ?? 0) + this.#waiting(route), 0);
  }

  /** The one that has been under way for longest; null: none is. */
  oldest(routes: readonly string[]): { readonly what: string; readonly ms: number } | null {
    const waitMs = routes.flatMap((route) => {
      const answeredAt = this.#journal?.waitingSince(route) ?? null;
      return answeredAt === null ? [] : [Date.now() - answeredAt];
    });
    const waiting = waitMs.length === 0 ? null : { what: "a write", ms: Math.max(...waitMs) };
    for (const { route, what, since } of this.#open.values()) {
      if (!routes.includes(route)) continue;
      const ms = performance.now() - since;
      return waiting !== null && waiting.ms > ms ? waiting : { what, ms };
    }
    return waiting;
  }

  /** Resolves when none of these routes has any; at once where none has. `signal`: then nobody waits any more. */
  async whenNone(routes: readonly string[], signal: AbortSignal): Promise<void> {
    if (this.count(routes) === 0 || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter = { routes, resolve };
    this.#waiters.add(waiter);
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    this.#waiters.delete(waiter);
  }

  #waiting(route: string): number {
    return this.#journal?.waiting(route) ?? 0;
  }
}
