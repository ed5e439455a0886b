import type { Address, Endpoint } from "../config/settings.ts";
import { spellEndpoint } from "../endpoint.ts";
import { CrossfadeError } from "../errors.ts";

/** Says what to do about an address that cannot be listened on. */
export function listenError(listen: Endpoint, cause: NodeJS.ErrnoException): CrossfadeError {
  const words = "path" in listen ? socketWords(listen.path) : portWords(listen);
  const at = spellEndpoint(listen);
  return new CrossfadeError("port-taken", words[cause.code ?? ""] ?? `cannot listen on ${at}: ${cause.message}`, {
    source: "proxy",
    cause,
  });
}

function portWords({ host, port }: Address): Readonly<Record<string, string>> {
  return {
    EADDRINUSE: `port ${port} on ${host} is taken; end what listens there or choose another with --listen or --admin`,
    EACCES: `no permission to listen on ${host}:${port}; ports below 1024 need root or CAP_NET_BIND_SERVICE: choose a higher one`,
    EADDRNOTAVAIL: `${host} is not an address of this machine; 127.0.0.1 and 0.0.0.0 always are`,
    ENOTFOUND: `${host} is not a name that this machine knows; write an IP address`,
  };
}

function socketWords(path: string): Readonly<Record<string, string>> {
  return {
    EADDRINUSE: `${path} is taken: something answers there, or it is a file and no socket; end that, or choose another with --listen`,
    // Node says so too where the folder is missing (libuv).
    EACCES: `${path} cannot be made: its folder does not exist, or the user that runs Crossfade may not write to it`,
  };
}
