import type { ServiceSettings } from "../config/settings.ts";
import type { Role } from "../exchange.ts";
import type { Upstream } from "../ports.ts";
import { createDial } from "./dial.ts";
import { createUpstream } from "./upstream.ts";

/**
 * Connections by role and origin. The two roles never share any: copies that pile up on a slow shadow must not take a
 * connection that a client's request needs, not even where one service is primary here and shadow there.
 */
export class Pools {
  readonly #pools = new Map<string, Upstream>();

  for(role: Role, service: ServiceSettings): Upstream {
    const name = `${role} ${service.origin}`;
    let pool = this.#pools.get(name);
    if (pool === undefined) {
      pool = createUpstream(createDial(service.origin), { connectTimeoutMs: 10_000, maxConnections: null });
      this.#pools.set(name, pool);
    }
    return pool;
  }

  /** Ends the connections of one role; what is on the wire is aborted. */
  async close(role: Role): Promise<void> {
    const closing: Promise<void>[] = [];
    for (const [name, pool] of this.#pools) {
      if (!name.startsWith(`${role} `)) continue;
      this.#pools.delete(name);
      closing.push(pool.close());
    }
    await Promise.all(closing);
  }
}
