import type { Address } from "./config/settings.ts";
import { CrossfadeError } from "./errors.ts";

/** Says what to do about an address that cannot be listened on. */
export function listenError(listen: Address, cause: NodeJS.ErrnoException): CrossfadeError {
  const at = `${listen.host}:${listen.port}`;
  const words: Record<string, string> = {
    EADDRINUSE: `port ${listen.port} on ${listen.host} is taken; end what listens there or choose another with --listen or --admin`,
    EACCES: `no permission to listen on ${at}; ports below 1024 need root or CAP_NET_BIND_SERVICE: choose a higher one`,
    EADDRNOTAVAIL: `${listen.host} is not an address of this machine; 127.0.0.1 and 0.0.0.0 always are`,
    ENOTFOUND: `${listen.host} is not a name that this machine knows; write an IP address`,
  };
  return new CrossfadeError("port-taken", words[cause.code ?? ""] ?? `cannot listen on ${at}: ${cause.message}`, {
    source: "proxy",
    cause,
  });
}
