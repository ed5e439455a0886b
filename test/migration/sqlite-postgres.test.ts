import { tryPair } from "./try-pair.ts";

tryPair("sqlite-postgres");
