/** URLs that are the same by RFC 3986, 6.2.2 and 6.2.3, whatever serves them. */

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: "80", https: "443", ws: "80", wss: "443", ftp: "21" };

/**
 * Scheme and host in lower case, no default port, no percent-encoding of what needs none, the others in upper case, and `/`
 * for no path. Dot segments, query order and fragments stay: servers tell those apart.
 */
export function canonicalUrl(text: string): string {
  const [, scheme, authority, rest] = /^([a-z][a-z0-9+.-]{0,31}):\/\/([^/?#]*)([^]*)$/i.exec(text) ?? [];
  if (scheme === undefined || authority === undefined || rest === undefined) return plainEscapes(text);
  const protocol = scheme.toLowerCase();
  const at = authority.lastIndexOf("@");
  const host = plainEscapes(authority.slice(at + 1)).toLowerCase();
  const colon = /:(\d*)$/.exec(host);
  const usual = colon !== null && (colon[1] === "" || colon[1] === DEFAULT_PORTS[protocol]);
  const named = usual ? host.slice(0, colon.index) : host;
  const path = rest.startsWith("/") || DEFAULT_PORTS[protocol] === undefined ? rest : `/${rest}`;
  return `${protocol}://${plainEscapes(authority.slice(0, at + 1))}${named}${plainEscapes(path)}`;
}

function plainEscapes(text: string): string {
  return text.replace(/%[0-9a-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return /[A-Za-z0-9\-._~]/.test(character) ? character : escape.toUpperCase();
  });
}
