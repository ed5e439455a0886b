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
  /** Where the store is shared: the secret that all who share it redact under. null: it is this process's own affair. */
  readonly secretKey: Buffer | null;
}

/** @throws CrossfadeError: the store cannot be used */
export async function openStore(settings: Settings, clock: Clock): Promise<OpenedStore> {
  const { store: wanted } = settings;
  const retention = { keepPairBytes: settings.limits.pairsBytes };
  const mirrored = settings.routes.filter(({ phase, mirror }) => PHASE_ROLES[phase].shadow !== null && mirror.writes);
  const routes = mirrored.map((route) => route.name);
  switch (wanted.kind) {
    case "memory": {
      const notes = ["store is memory: counts, divergences and repairs end with this process"];
      return { store: openMemoryStore({ clock, retention }), notes, secretKey: null };
    }
    case "redis": {
      // Nobody else waits for its client to load.
      const { openRedisStore } = await import("./redis/store.ts");
      const store = await openRedisStore({ redis: wanted, clock, routes, retention });
      return { store, notes: store.notes, secretKey: store.secretKey };
    }
    case "sqlite": {
      const store = await openSqliteStore({ file: wanted.file, clock, routes, retention });
      return { store, notes: store.opened.notes, secretKey: null };
    }
    default: {
      const never: never = wanted;
      throw new TypeError(`no such store: ${JSON.stringify(never)}`);
    }
  }
}
