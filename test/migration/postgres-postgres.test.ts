import { tryPair } from "./try-pair.ts";

tryPair("postgres-postgres");
