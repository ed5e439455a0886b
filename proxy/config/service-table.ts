/** How each service is reached and how long it is waited for, as `crossfade check` and `explain` print it. */
import { alignColumns } from "./columns.ts";
import type { ServiceSettings, Settings } from "./settings.ts";
import { spellDuration } from "./units.ts";

export interface ServiceRow {
  readonly name: string;
  /** `https://legacy.internal`, `unix:/run/legacy.sock` */
  readonly origin: string;
  /** `plain`, or what is special about its TLS: `verified`, `verified as api.internal, own authorities`. */
  readonly tls: string;
  readonly asPrimary: string;
  readonly asShadow: string;
}

export function serviceRow({ name, origin, tls, asPrimary, asShadow }: ServiceSettings): ServiceRow {
  const primary = [
    `connect ${spellDuration(asPrimary.connectTimeoutMs)}`,
    `head ${spellDuration(asPrimary.timeoutMs)}`,
    `idle ${spellOrOff(asPrimary.idleTimeoutMs)}`,
    `total ${spellOrOff(asPrimary.totalTimeoutMs)}`,
    `connections ${asPrimary.maxConnections ?? "unlimited"}`,
  ];
  const shadow = [`connect ${spellDuration(asShadow.connectTimeoutMs)}`, `whole ${spellDuration(asShadow.timeoutMs)}`];
  return {
    name,
    origin,
    tls: origin.startsWith("https:") ? tlsWords(tls) : "plain",
    asPrimary: primary.join(", "),
    asShadow: shadow.join(", "),
  };
}

function tlsWords({ ca, client, serverName, verify }: ServiceSettings["tls"]): string {
  const name = serverName === null ? "" : ` as ${serverName}`;
  return [
    verify ? `verified${name}` : `NOT VERIFIED${name}`,
    ...(ca === null ? [] : ["own authorities"]),
    ...(client === null ? [] : ["client certificate"]),
  ].join(", ");
}

function spellOrOff(ms: number | null): string {
  return ms === null ? "off" : spellDuration(ms);
}

export function serviceRows({ services }: Settings): readonly ServiceRow[] {
  return Object.values(services).map(serviceRow);
}

/** Lines: a heading and one line a service. */
export function formatServiceTable(settings: Settings, width?: number): readonly string[] {
  const rows = serviceRows(settings).map(({ name, origin, tls, asPrimary, asShadow }) => [
    name,
    origin,
    tls,
    asPrimary,
    asShadow,
  ]);
  return alignColumns([["service", "url", "TLS", "as primary", "as shadow"], ...rows], width);
}
