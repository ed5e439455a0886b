/** The client: one Redis, the master that sentinels name, or a cluster, behind the few things the store needs of them. */
import { Cluster, Redis } from "ioredis";
import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";
import type { RedisSettings } from "../../../proxy/config/settings.ts";

export type Client = Redis | Cluster;

/** Nothing may wait for a connection that is not there: the store tries again by itself, and says why it has to. */
const NEVER_WAIT = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
} as const;
const CONNECT_MS = 3_000;
/** A server that is stopped does not end its side: then the socket is destroyed. */
const DISCONNECT_MS = 100;

export function connect(settings: RedisSettings): Client {
  const { topology, nodes, master, sentinelLogin, db, tls } = settings;
  const options = optionsOf(settings);
  const [first] = nodes;
  if (first === undefined) throw new TypeError("a Redis store without a node");
  if (topology === "cluster") {
    return new WholeSlots([...nodes], {
      redisOptions: options,
      enableOfflineQueue: false,
      // Whether it is ready is what the first commands tell, with the reason.
      enableReadyCheck: false,
      scaleReads: "master",
      slotsRefreshTimeout: CONNECT_MS,
      slotsRefreshInterval: 5_000,
      maxRedirections: 4,
      retryDelayOnFailover: 200,
      retryDelayOnClusterDown: 200,
      clusterRetryStrategy: pauseMs,
      ...(tls === null ? {} : { dnsLookup: (address, callback) => callback(null, address) }),
    });
  }
  if (topology === "sentinel") {
    return new Redis({
      ...options,
      db,
      sentinels: [...nodes],
      name: master ?? "",
      role: "master",
      failoverDetector: false,
      sentinelRetryStrategy: pauseMs,
      ...(sentinelLogin.username === null ? {} : { sentinelUsername: sentinelLogin.username }),
      ...(sentinelLogin.password === null ? {} : { sentinelPassword: sentinelLogin.password }),
      ...(tls === null ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tlsOptions(tls, first.host) }),
    });
  }
  return new Redis({ ...options, ...first, db });
}

/**
 * While a slot moves, its keys are at two nodes. A script must see all of them or none: sent on to where the slot is going (ASK), it
 * would find nothing there and begin anew, beside what is still to come. So it waits until the slot has moved.
 */
class WholeSlots extends Cluster {
  override handleError(...[error, ttl, handlers]: Parameters<Cluster["handleError"]>): void {
    super.handleError(error.message.startsWith("ASK ") ? new Error(`TRYAGAIN ${error.message}`) : error, ttl, handlers);
  }
}

function optionsOf({ username, password, tls, nodes }: RedisSettings) {
  return {
    ...NEVER_WAIT,
    protocol: 2 as const,
    enableReadyCheck: false,
    connectTimeout: CONNECT_MS,
    disconnectTimeout: DISCONNECT_MS,
    connectionName: "crossfade",
    disableClientInfo: true,
    retryStrategy: pauseMs,
    ...(username === null ? {} : { username }),
    ...(password === null ? {} : { password }),
    ...(tls === null ? {} : { tls: tlsOptions(tls, nodes[0]?.host ?? "") }),
  };
}

/** SNI takes no addresses (RFC 6066, 3); certificates may hold them, and then Node checks them by itself. */
function tlsOptions(tls: NonNullable<RedisSettings["tls"]>, host: string): ConnectionOptions {
  const name = tls.serverName ?? (isIP(host) === 0 ? host : null);
  return {
    rejectUnauthorized: tls.verify,
    ...(name === null ? {} : { servername: name }),
    ...(tls.ca === null ? {} : { ca: tls.ca }),
    ...(tls.client === null ? {} : tls.client),
  };
}

function pauseMs(times: number): number {
  return Math.min(50 * 2 ** Math.min(times, 10), 1_000);
}

/** One for each master: what INFO and CONFIG are asked of. */
export function mastersOf(client: Client): readonly Redis[] {
  return client instanceof Cluster ? client.nodes("master") : [client];
}
