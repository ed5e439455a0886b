/** The store that the settings name. */
import type { Settings } from "../../proxy/config/settings.ts";
import { PHASE_ROLES } from "../../proxy/phases.ts";
import type { Clock, Store } from "../../proxy/ports.ts";
import { openMemoryStore } from "./memory.ts";
import { openSqliteStore } from "./sqlite/store.ts";

export interface OpenedStore {
  readonly store: Store;
  /** Sentences that an operator should see. */
  readonly notes: readonly string[];
}

/** @throws CrossfadeError: the store cannot be used */
export async function openStore(settings: Settings, clock: Clock): Promise<OpenedStore> {
  const retention = { keepPairBytes: settings.limits.pairsBytes };
  if (settings.store.kind === "memory") {
    const notes = ["store is memory: counts, divergences and repairs end with this process"];
    return { store: openMemoryStore({ clock, retention }), notes };
  }
  const mirrored = settings.routes.filter(({ phase, mirror }) => PHASE_ROLES[phase].shadow !== null && mirror.writes);
  const routes = mirrored.map((route) => route.name);
  const store = await openSqliteStore({ file: settings.store.file, clock, routes, retention });
  return { store, notes: store.opened.notes };
}
