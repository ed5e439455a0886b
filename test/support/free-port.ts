/** Ports for servers that cannot be asked for any port (0), or that are to come back on the one they had. */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Below those that Linux gives to outgoing connections (32768 and up), one of which might take the port while its server is down.
 * The bus of a Redis cluster is 10,000 above.
 */
const FIRST = 10_000;
const COUNT = 10_000;
const given = new Set<number>();

/** A port of 127.0.0.1 that nobody listens on, and that nobody else in this process was given. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + randomInt(COUNT);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
    server.close();
    await once(server, "close");
    return true;
  } catch {
    return false;
  }
}
