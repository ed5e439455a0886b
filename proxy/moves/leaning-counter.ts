/**
 * Counts what leans on legacy or on Crossfade (leanings.ts), for the store: what came within a second is one row. A process that is
 * killed loses that second.
 */
import { addLeaning, type Leaning, type LeaningKind, leaningName, NO_ROUTE } from "./leanings.ts";
import type { Clock, Store, Telemetry } from "../ports.ts";

export interface LeaningCounter {
  lean(route: string, on: LeaningKind, times?: number): void;
  /** From now on these are counted: of a route that leans on nothing, its zero is worth something from then on. */
  watch(routes: readonly string[]): void;
  /** The same telemetry; what it is told is counted here too. */
  heard(telemetry: Telemetry): Telemetry;
  /** Hands over what has not reached the store yet. */
  flush(): void;
  close(): void;
}

const KEPT_EVERY_MS = 1_000;
/** A store that was emptied meanwhile is told again since when. */
const WATCHED_EVERY_MS = 60 * 60 * 1_000;

export function createLeaningCounter(parts: {
  readonly store: Pick<Store, "append">;
  readonly clock: Pick<Clock, "now">;
}): LeaningCounter {
  const waiting = new Map<string, Leaning>();
  let timer: NodeJS.Timeout | null = null;
  const watched = new Map<string, number>();
  const watching = setInterval(tellWatched, WATCHED_EVERY_MS).unref();

  function add(leaning: Leaning): void {
    const name = leaningName(leaning);
    waiting.set(name, addLeaning(waiting.get(name), leaning));
    timer ??= setTimeout(flush, KEPT_EVERY_MS).unref();
  }

  function lean(route: string, on: LeaningKind, times = 1): void {
    const now = parts.clock.now();
    add({ route, on, times, first: now, last: now });
  }

  function tellWatched(): void {
    const now = parts.clock.now();
    for (const [route, since] of watched) add({ route, on: "watched", times: 0, first: since, last: now });
  }

  function flush(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const rows = [...waiting.values()];
    waiting.clear();
    if (rows.length > 0) parts.store.append(rows.map((leaning) => ({ type: "leaned", leaning })));
  }

  return {
    lean,
    watch(routes) {
      const now = parts.clock.now();
      const isSame = routes.length === watched.size && routes.every((route) => watched.has(route));
      if (isSame) return;
      const before = new Map(watched);
      watched.clear();
      for (const route of routes) watched.set(route, before.get(route) ?? now);
      tellWatched();
    },
    heard: (telemetry) => ({
      ...telemetry,
      serverRequest(route, method, status, ms) {
        telemetry.serverRequest(route, method, status, ms);
        if (route === NO_ROUTE) lean(NO_ROUTE, "unmatched");
      },
      mappedForClient(route, of, result, times) {
        telemetry.mappedForClient(route, of, result, times);
        // Answers are the primary's own: what clients still say is what cannot be taken from them.
        if (of === "request") lean(route, "translation", times);
      },
      fallbackRead(route, result, times) {
        telemetry.fallbackRead(route, result, times);
        if (result === "legacy") lean(route, "fallback", times);
      },
    }),
    flush,
    close() {
      clearInterval(watching);
      flush();
    },
  };
}
