import { join } from "node:path";
import { openMemoryStore } from "../../adapters/store/memory.ts";
import { openSqliteStore } from "../../adapters/store/sqlite/store.ts";
import { evidenceFolder } from "../support/evidence.ts";
import { storeContract } from "./store.ts";

storeContract("memory", async (_t, setup) => openMemoryStore(setup));
storeContract("sqlite", (t, setup) => openSqliteStore({ ...setup, file: join(evidenceFolder(t), "crossfade.db") }));
