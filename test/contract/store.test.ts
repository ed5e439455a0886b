import { join } from "node:path";
import { openMemoryStore } from "../../adapters/store/memory.ts";
import { openSqliteStore } from "../../adapters/store/sqlite/store.ts";
import { evidenceFolder } from "../support/evidence.ts";
import { pairsContract } from "./pairs.ts";
import { type OpenStore, storeContract } from "./store.ts";
import { valuesContract } from "./values.ts";

const STORES: Readonly<Record<string, OpenStore>> = {
  memory: async (_t, setup) => openMemoryStore(setup),
  sqlite: (t, setup) => openSqliteStore({ ...setup, file: join(evidenceFolder(t), "crossfade.db") }),
};

for (const [name, open] of Object.entries(STORES)) {
  storeContract(name, open);
  pairsContract(name, open);
  valuesContract(name, open);
}
