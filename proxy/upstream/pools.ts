import type { ServiceSettings } from "../config/settings.ts";
import type { Role } from "../exchange.ts";
import type { Upstream } from "../ports.ts";
import { createDial } from "./dial.ts";
import { createUpstream } from "./upstream.ts";

/**
 * Connections by role and by how a service is reached. The two roles never share any: copies that pile up on a slow shadow
 * must not take a connection that a client's request needs, not even where one service is primary here and shadow there.
 */
export class Pools {
  /** By what tells one pool from another; a reload that changes none of it keeps the connections. */
  readonly #pools: Record<Role, Map<string, Upstream>> = { primary: new Map(), shadow: new Map() };
  /** The same by settings object, which a request has at hand. */
  readonly #known: Record<Role, WeakMap<ServiceSettings, Upstream>> = { primary: new WeakMap(), shadow: new WeakMap() };

  for(role: Role, service: ServiceSettings): Upstream {
    const known = this.#known[role].get(service);
    if (known !== undefined) return known;
    const { origin, tls, asPrimary, asShadow } = service;
    const limits = {
      connectTimeoutMs: role === "primary" ? asPrimary.connectTimeoutMs : asShadow.connectTimeoutMs,
      maxConnections: role === "primary" ? asPrimary.maxConnections : null,
    };
    const name = JSON.stringify([origin, tls, limits]);
    let pool = this.#pools[role].get(name);
    if (pool === undefined) {
      pool = createUpstream(createDial(service), limits);
      this.#pools[role].set(name, pool);
    }
    this.#known[role].set(service, pool);
    return pool;
  }

  /** Ends the connections of one role; what is on the wire is aborted. */
  async close(role: Role): Promise<void> {
    const closing = [...this.#pools[role].values()].map((pool) => pool.close());
    this.#pools[role].clear();
    this.#known[role] = new WeakMap();
    await Promise.all(closing);
  }
}
