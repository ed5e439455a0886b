/** Listen addresses and service origins: how they are written, and when two of them are the same socket. */
import { isIP } from "node:net";
import { posix } from "node:path";
import type { Address, Endpoint, SocketPath } from "./settings.ts";
import type { Parsed } from "./units.ts";

const HOST_NAME = /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;

export function isHostName(text: string): boolean {
  return HOST_NAME.test(text);
}

/** Where to listen: host:port, or `unix:/path`. */
export function parseEndpoint(text: string): Parsed<Endpoint> {
  return text.startsWith("unix:") ? parseSocketPath(text) : parseAddress(text);
}

/** `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`; port 0 lets the system choose. */
export function parseAddress(text: string): Parsed<Address> {
  const shown = JSON.stringify(text);
  if (/^\d+$/.test(text)) return { ok: false, error: `is ${shown}, which has no host; write 127.0.0.1:${text}` };
  if (text.includes("://")) return { ok: false, error: `is ${shown}, a URL; write host:port, as in 127.0.0.1:8080` };
  const colon = text.lastIndexOf(":");
  const host = colon === -1 ? text : text.slice(0, colon);
  const port = colon === -1 ? "" : text.slice(colon + 1);
  if (isIP(text) === 6 && !text.startsWith("[")) {
    return { ok: false, error: `is ${shown}, an IPv6 address without port; write [${text}]:8080` };
  }
  if (host === "" || host === "*") {
    return { ok: false, error: `is ${shown}, which has no host; write 0.0.0.0:${port || 8080} for every interface` };
  }
  if (port === "") return { ok: false, error: `is ${shown}, which has no port; write ${host}:8080` };
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) {
    return { ok: false, error: `is ${shown}, whose port is none of 0 to 65535; write ${host}:8080` };
  }
  const bracketed = /^\[(.*)\]$/.exec(host)?.[1];
  if (bracketed !== undefined) {
    if (isIP(bracketed) !== 6)
      return { ok: false, error: `is ${shown}, and ${host} is no IPv6 address; write [::1]:${port}` };
    return { ok: true, value: { host: bracketed.toLowerCase(), port: Number(port) } };
  }
  // All digits and dots, but no address: `127.0.0.256` would pass as a host name.
  if (/^[\d.]+$/.test(host) ? isIP(host) !== 4 : !HOST_NAME.test(host)) {
    return { ok: false, error: `is ${shown}, and ${JSON.stringify(host)} is no host; write 127.0.0.1:${port}` };
  }
  return { ok: true, value: { host: host.toLowerCase(), port: Number(port) } };
}

/** Linux keeps 108 bytes for it, macOS 104, both with a zero at the end. */
const SOCKET_PATH_MAX_BYTES = 103;

/** `unix:/run/legacy.sock`, also with three slashes, as others write it. */
export function parseSocketPath(text: string): Parsed<SocketPath> {
  const shown = JSON.stringify(text);
  const written = text.slice("unix:".length);
  if (!written.startsWith("/") || /^\/\/[^/]/.test(written)) {
    const instead = `unix:/${written.replace(/^[./@]+/, "") || "run/legacy.sock"}`;
    return { ok: false, error: `is ${shown}; a Unix socket is named by its whole path: write ${instead}` };
  }
  const path = posix.normalize(written).replace(/^\/+/, "/");
  if (path.endsWith("/")) {
    return { ok: false, error: `is ${shown}, a folder; name the socket in it, as in unix:${path}legacy.sock` };
  }
  if (path.includes("\0")) return { ok: false, error: "holds a zero byte, and no path can" };
  const length = Buffer.byteLength(path);
  if (length > SOCKET_PATH_MAX_BYTES) {
    const bound = `of ${length} bytes; systems take ${SOCKET_PATH_MAX_BYTES} for a Unix socket`;
    return { ok: false, error: `is a path ${bound}: put it into a shorter one, as in unix:/run/legacy.sock` };
  }
  return { ok: true, value: { path } };
}

/** A service's URL, as its origin: `http://127.0.0.1:3000`, `unix:/run/legacy.sock`. */
export function parseOrigin(text: string): Parsed<string> {
  if (text.startsWith("unix:")) {
    const socket = parseSocketPath(text);
    return socket.ok ? { ok: true, value: `unix:${socket.value.path}` } : socket;
  }
  const shown = JSON.stringify(text.replace(/\/\/[^/@]*@/, "//***@"));
  const otherwise = /^(?:(?:https?(?:\+unix)?|unix):\/\/(?:unix:)?)?(\/.+\.sock(?:et)?)$/i.exec(text)?.[1];
  if (otherwise !== undefined) return { ok: false, error: `is ${shown}; a Unix socket is written unix:${otherwise}` };
  const url = URL.parse(text);
  if (url === null || !text.includes("://")) {
    const guess = URL.parse(`http://${text}`);
    const instead = guess === null || guess.hostname === "" ? "http://127.0.0.1:3000" : guess.origin;
    return { ok: false, error: `is ${shown}, which is no URL; write ${instead}` };
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    return { ok: false, error: `is ${shown}, whose scheme is ${url.protocol.slice(0, -1)}; write http:// or https://` };
  }
  if (url.username !== "" || url.password !== "") {
    return {
      ok: false,
      error: `is ${shown}, which holds credentials; the client's own are forwarded: write ${url.origin}`,
    };
  }
  if (url.search !== "" || url.hash !== "" || /[?#]/.test(text)) {
    return { ok: false, error: `is ${shown}, which has a query or fragment; write ${url.origin}` };
  }
  if (url.pathname !== "/") {
    const base = `has the path ${url.pathname}; a base path is not supported yet`;
    return {
      ok: false,
      error: `is ${shown}, which ${base}: write ${url.origin}, and the path in each route's match.path`,
    };
  }
  if (url.port === "0") return { ok: false, error: `is ${shown}, and nothing can be reached at port 0` };
  return { ok: true, value: url.origin };
}

/** Whether what is sent there never leaves this machine. */
export function staysHere(endpoint: Endpoint): boolean {
  return "path" in endpoint || isLoopback(endpoint.host);
}

/** Whether both are one socket, which is what two services must never be. */
export function sameEndpoint(one: Endpoint, other: Endpoint): boolean {
  if ("path" in one || "path" in other) return "path" in one && "path" in other && one.path === other.path;
  return one.port === other.port && sameHost(one.host, other.host);
}

/** localhost, 127.0.0.0/8, ::1 (also as ::ffff:127.…): what never leaves this machine. */
export function isLoopback(host: string): boolean {
  if (host === "localhost" || host.endsWith(".localhost") || host === "::1") return true;
  if (isIP(host) === 4) return host.startsWith("127.");
  // URL and Node spell the mapped form both ways: ::ffff:127.0.0.1 and ::ffff:7f00:1.
  return isIP(host) === 6 && /^::ffff:(?:127\.|7f[0-9a-f]{2}:)/.test(host);
}

/** Whether connecting to `target` would reach what listens at `listening`. */
export function reaches(target: Endpoint, listening: Endpoint): boolean {
  if ("path" in target || "path" in listening) return sameEndpoint(target, listening);
  if (target.port !== listening.port || listening.port === 0) return false;
  if (isWildcard(listening.host)) return isLoopback(target.host) || isWildcard(target.host);
  return sameHost(target.host, listening.host) || (isWildcard(target.host) && isLoopback(listening.host));
}

/** Two listeners that cannot both have their port. */
export function collide(one: Endpoint, other: Endpoint): boolean {
  if ("path" in one || "path" in other) return sameEndpoint(one, other);
  if (one.port !== other.port || one.port === 0) return false;
  return isWildcard(one.host) || isWildcard(other.host) || sameHost(one.host, other.host);
}

/** `localhost` stands for both loopback addresses; 127.0.0.1 and 127.0.0.2 are two hosts. */
function sameHost(one: string, other: string): boolean {
  return canonicalHost(one) === canonicalHost(other);
}

function canonicalHost(host: string): string {
  return host === "localhost" || host === "::1" ? "127.0.0.1" : host;
}

function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}
