import type { ServiceSettings } from "../config/settings.ts";
import type { Role } from "../exchange.ts";
import type { Upstream } from "../ports.ts";
import type { ConnectionLimits } from "./connections.ts";
import { createDial } from "./dial.ts";
import { createUpstream } from "./upstream.ts";

/**
 * Connections by role and by all that decides how they are made. The two roles never share any: copies that pile up on a
 * slow shadow must not take a connection that a client's request needs, not even where one service is primary here and
 * shadow there. A reload that changes an address, a certificate or a limit begins a new pool; the connections of the one
 * before serve the exchanges that arrived under it, and end when they have been idle.
 */
export class Pools {
  readonly #pools = new Map<string, Upstream>();
  /** By settings object, so that a request costs no more than a look. */
  readonly #found: Readonly<Record<Role, WeakMap<ServiceSettings, Upstream>>> = {
    primary: new WeakMap(),
    shadow: new WeakMap(),
  };

  for(role: Role, service: ServiceSettings): Upstream {
    let pool = this.#found[role].get(service);
    if (pool === undefined) {
      pool = this.#poolOf(role, service);
      this.#found[role].set(service, pool);
    }
    return pool;
  }

  #poolOf(role: Role, service: ServiceSettings): Upstream {
    const { origin, tls } = service;
    const limits = limitsOf(role, service);
    const name = `${role} ${JSON.stringify({ origin, tls, limits })}`;
    let pool = this.#pools.get(name);
    if (pool === undefined) {
      pool = createUpstream(createDial(service), limits);
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

function limitsOf(role: Role, { asPrimary, asShadow }: ServiceSettings): ConnectionLimits {
  // What bounds a shadow's connections is the number of mirrored requests in flight.
  if (role === "shadow") return { connectTimeoutMs: asShadow.connectTimeoutMs, maxConnections: null };
  return { connectTimeoutMs: asPrimary.connectTimeoutMs, maxConnections: asPrimary.maxConnections };
}
