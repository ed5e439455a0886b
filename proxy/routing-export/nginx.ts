/** The routing as what nginx includes within `http`: `crossfade export --format nginx`. Pure. */
import type { ServiceSettings } from "../config/settings.ts";
import { endpointOf, spellEndpoint } from "../endpoint.ts";
import type { ExportedRoute, ExportedRouting } from "./exported-routing.ts";

/** `about`: lines for its head, without comment signs. */
export function nginxOf({ routes, services, listen }: ExportedRouting, about: readonly string[]): string {
  const checks = headerChecks(routes);
  const isSecure = services.some(({ origin }) => origin.startsWith("https:"));
  const verifies = services.some(({ origin, tls }) => origin.startsWith("https:") && tls.verify);
  return [
    ...about.map((line) => `# ${line}`.trimEnd()),
    "",
    ...services.flatMap(upstreamOf),
    "# The path as the client spells it, without its query.",
    'map $request_uri $crossfade_path { "~^(?<crossfade_spelled>[^?]*)" $crossfade_spelled; }',
    ...checks.map(([header, value], i) => {
      const variable = `$http_${header.replaceAll("-", "_")}`;
      return `map ${variable} $crossfade_header_${i} { default 0; "~^${quoted(escaped(value))}$" 1; }`;
    }),
    "",
    "# The first that matches wins.",
    `map "$request_method $host -${checks.map((_, i) => `$crossfade_header_${i}`).join("")} $crossfade_path" $crossfade_route {`,
    '  default "";',
    ...routes.flatMap((route) => [`  # ${route.why}`, `  "~${quoted(regexOf(route, checks))}" ${route.name};`]),
    "}",
    "map $crossfade_route $crossfade_service {",
    "  default legacy;",
    ...routes
      .filter(({ service }) => service !== "legacy")
      .map(({ name, service }) => `  "~^${escaped(name)}$" ${service};`),
    "}",
    'map "$crossfade_route $crossfade_path" $crossfade_uri {',
    "  default $request_uri;",
    ...routes.flatMap(movedOf),
    "}",
    ...mapOfServices("scheme", services, ({ origin }) => (origin.startsWith("https:") ? "https" : "http")),
    ...mapOfServices("host", services, (service) => (service.host === "preserve" ? "$http_host" : hostOf(service))),
    ...(isSecure ? mapOfServices("tls_name", services, (service) => service.tls.serverName ?? hostOf(service)) : []),
    'map $http_upgrade $crossfade_connection { default upgrade; "" ""; }',
    "",
    "server {",
    `  listen ${"path" in listen ? `unix:${listen.path}` : spellEndpoint(listen)};`,
    "  # Requests go on as clients send them.",
    "  merge_slashes off;",
    "  underscores_in_headers on;",
    "  ignore_invalid_headers off;",
    "  client_max_body_size 0;",
    "  location / {",
    "    proxy_http_version 1.1;",
    "    proxy_set_header Host $crossfade_host;",
    "    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
    "    proxy_set_header X-Forwarded-Proto $scheme;",
    "    proxy_set_header X-Forwarded-Host $http_host;",
    "    proxy_set_header Upgrade $http_upgrade;",
    "    proxy_set_header Connection $crossfade_connection;",
    "    proxy_request_buffering off;",
    "    proxy_buffering off;",
    "    proxy_read_timeout 1h;",
    "    proxy_send_timeout 1h;",
    ...(isSecure ? ["    proxy_ssl_server_name on;", "    proxy_ssl_name $crossfade_tls_name;"] : []),
    ...(verifies
      ? ["    proxy_ssl_verify on;", "    proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;"]
      : []),
    "    proxy_pass $crossfade_scheme://crossfade_$crossfade_service$crossfade_uri;",
    "  }",
    "}",
    "",
  ].join("\n");
}

function upstreamOf({ name, origin }: ServiceSettings): readonly string[] {
  const endpoint = endpointOf(origin);
  const server = "path" in endpoint ? `unix:${endpoint.path}` : spellEndpoint(endpoint);
  // Below what Node keeps a connection (5 s): a request on one that it closes is lost.
  return [`upstream crossfade_${name} {`, `  server ${server};`, "  keepalive 64;", "  keepalive_timeout 4s;", "}"];
}

type HeaderCheck = readonly [name: string, value: string];

function headerChecks(routes: readonly ExportedRoute[]): readonly HeaderCheck[] {
  const all = new Map<string, HeaderCheck>();
  for (const { match } of routes) for (const check of match.headers) all.set(check.join("\n"), check);
  return [...all.values()];
}

function regexOf({ match: { methods, host, headers, path } }: ExportedRoute, checks: readonly HeaderCheck[]): string {
  const wanted = new Set(headers.map((check) => check.join("\n")));
  const flags = checks.map((check) => (wanted.has(check.join("\n")) ? "1" : ".")).join("");
  const method = methods === null ? "[^ ]+" : `(?:${methods.map(escaped).join("|")})`;
  return `^${method} ${host === null ? "[^ ]*" : escaped(host)} -${flags} ${path}$`;
}

function movedOf({ name, moved }: ExportedRoute, index: number): readonly string[] {
  if (moved === null) return [];
  const group = (n: number): string => `crossfade_part_${index}_${n}`;
  let groups = 0;
  const from = moved.from.replaceAll(/\((?!\?)/g, () => `(?<${group(++groups)}>`);
  const to = moved.to.map((part) => (typeof part === "string" ? part : `$\{${group(part)}}`)).join("");
  return [`  "~^${escaped(name)} ${quoted(from)}$" "${to}$is_args$args";`];
}

function mapOfServices(
  what: string,
  services: readonly ServiceSettings[],
  of: (service: ServiceSettings) => string,
): readonly string[] {
  const lines = services.map((service) => `  "~^${escaped(service.name)}$" ${of(service)};`);
  return [`map $crossfade_service $crossfade_${what} {`, ...lines, "}"];
}

/** What a service that wants its own name is told as Host. */
function hostOf({ origin }: ServiceSettings): string {
  return origin.startsWith("unix:") ? "localhost" : new URL(origin).host;
}

/** Within a regular expression, by hexadecimal codes: a backslash or a dollar means something to nginx too. */
function escaped(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_ -]/gu, (letter) => {
    return [...Buffer.from(letter)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
  });
}

/** Within double quotes: what `escaped` has not made harmless is in no pattern. */
function quoted(regex: string): string {
  return regex.replaceAll('"', "\\x22");
}
