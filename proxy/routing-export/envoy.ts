/** The routing as a whole static configuration: `crossfade export --format envoy`. Pure. */
import { stringify } from "yaml";
import type { ServiceSettings } from "../config/settings.ts";
import { endpointOf } from "../endpoint.ts";
import type { ExportedRoute, ExportedRouting } from "./exported-routing.ts";

const MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const ROUTER = "envoy.extensions.filters.http.router.v3.Router";
const UPSTREAM_TLS = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
const AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt";

/** `about`: lines for its head, without comment signs. */
export function envoyOf({ routes, services, listen }: ExportedRouting, about: readonly string[]): string {
  const byName = new Map(services.map((service) => [service.name, service]));
  const everythingElse = { match: { prefix: "/" }, route: actionOf(byName.get("legacy"), "legacy") };
  const manager = {
    "@type": `type.googleapis.com/${MANAGER}`,
    stat_prefix: "clients",
    normalize_path: false,
    merge_slashes: false,
    use_remote_address: true,
    upgrade_configs: [{ upgrade_type: "websocket" }],
    stream_idle_timeout: "3600s",
    http_filters: [{ name: "envoy.filters.http.router", typed_config: { "@type": `type.googleapis.com/${ROUTER}` } }],
    route_config: {
      virtual_hosts: [
        {
          name: "crossfade",
          domains: ["*"],
          routes: [...routes.map((route) => routeOf(route, byName.get(route.service))), everythingElse],
        },
      ],
    },
  };
  const config = {
    static_resources: {
      listeners: [
        {
          name: "clients",
          address: addressOf(listen),
          filter_chains: [
            { filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }] },
          ],
        },
      ],
      clusters: services.map(clusterOf),
    },
  };
  return `${about.map((line) => `# ${line}`.trimEnd()).join("\n")}\n${stringify(config, { lineWidth: 0 })}`;
}

function routeOf({ name, match, moved }: ExportedRoute, service: ServiceSettings | undefined) {
  const headers = [
    ...(match.methods === null ? [] : [matchOf(":method", match.methods.map(escaped).join("|"))]),
    ...(match.host === null ? [] : [matchOf(":authority", `(?i)${escaped(match.host)}(?::[0-9]*)?`)]),
    ...match.headers.map(([header, value]) => ({ name: header, string_match: { exact: value } })),
  ];
  const rewrite =
    moved === null
      ? {}
      : {
          regex_rewrite: {
            pattern: { regex: `^${moved.from}$` },
            substitution: moved.to.map((part) => (typeof part === "string" ? part : `\\${part}`)).join(""),
          },
        };
  return {
    name,
    match: { safe_regex: { regex: match.path }, ...(headers.length === 0 ? {} : { headers }) },
    route: { ...actionOf(service, name), ...rewrite },
  };
}

/** The whole of the header's value. */
function matchOf(name: string, regex: string) {
  return { name, string_match: { safe_regex: { regex } } };
}

/** No answer is too late for a stream. */
function actionOf(service: ServiceSettings | undefined, name: string) {
  if (service === undefined) throw new TypeError(`no service for ${name}`);
  const isOwn = service.host === "target" && !service.origin.startsWith("unix:");
  return {
    cluster: service.name,
    timeout: "0s",
    ...(isOwn ? { host_rewrite_literal: new URL(service.origin).host } : {}),
  };
}

function clusterOf({ name, origin, tls }: ServiceSettings) {
  const endpoint = { endpoint: { address: addressOf(endpointOf(origin)) } };
  const secure = {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      "@type": `type.googleapis.com/${UPSTREAM_TLS}`,
      ...(origin.startsWith("https:") ? { sni: tls.serverName ?? new URL(origin).hostname } : {}),
      common_tls_context: tls.verify ? { validation_context: { trusted_ca: { filename: AUTHORITIES } } } : {},
    },
  };
  return {
    name,
    type: origin.startsWith("unix:") ? "STATIC" : "STRICT_DNS",
    connect_timeout: "2s",
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [endpoint] }] },
    ...(origin.startsWith("https:") ? { transport_socket: secure } : {}),
  };
}

function addressOf(endpoint: { readonly path: string } | { readonly host: string; readonly port: number }) {
  if ("path" in endpoint) return { pipe: { path: endpoint.path } };
  return { socket_address: { address: endpoint.host, port_value: endpoint.port } };
}

function escaped(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_ -]/gu, (letter) => `\\x{${letter.codePointAt(0)?.toString(16)}}`);
}
