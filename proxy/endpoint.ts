import type { Endpoint } from "./config/settings.ts";

/** What a service's origin (`http://127.0.0.1:3000`, `unix:/run/legacy.sock`) is reached at. */
export function endpointOf(origin: string): Endpoint {
  if (origin.startsWith("unix:")) return { path: origin.slice("unix:".length) };
  const url = new URL(origin);
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  return {
    host: url.hostname
      .replace(/^\[(.*)\]$/, "$1")
      .replace(/\.$/, "")
      .toLowerCase(),
    port,
  };
}

/** As config and logs write it: `127.0.0.1:8080`, `[::1]:8080`, `unix:/run/crossfade.sock`. */
export function spellEndpoint(endpoint: Endpoint): string {
  if ("path" in endpoint) return `unix:${endpoint.path}`;
  const { host, port } = endpoint;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** What a listener at this address is reached at. */
export function urlOf(address: Endpoint, scheme: "http" | "https"): string {
  return "path" in address ? spellEndpoint(address) : `${scheme}://${spellEndpoint(address)}`;
}
