import { tryPair } from "./try-pair.ts";

tryPair("mariadb-postgres");
