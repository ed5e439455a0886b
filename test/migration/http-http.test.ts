import { tryPair } from "./try-pair.ts";

tryPair("http-http");
