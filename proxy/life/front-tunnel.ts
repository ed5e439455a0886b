/** A connection that is to change its protocol: it goes to the route's primary and nowhere else. */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { hostFor, serviceOf } from "../config/settings.ts";
import type { Snapshot } from "../exchange.ts";
import { openTunnel } from "../forward/tunnel.ts";
import { endToEndHeaders } from "../headers.ts";
import type { ClientMapping } from "../ids/client-mapping.ts";
import { readRequestHead } from "../listen/request-head.ts";
import { NO_ROUTE } from "../moves/leanings.ts";
import { PHASE_ROLES, serviceNameFor } from "../moves/phases.ts";
import { guarded } from "./ending.ts";
import type { ForwardingParts } from "./front-forwarding.ts";

export interface TunnelingParts extends ForwardingParts {
  /** The settings that an exchange arriving now will keep. */
  readonly snapshot: () => Snapshot;
  readonly clients: ClientMapping;
}

export function tunnelTo(parts: TunnelingParts, request: IncomingMessage, socket: Socket, bytes: Buffer): void {
  try {
    const snapshot = parts.snapshot();
    const head = readRequestHead(request, request.url ?? "");
    const found = snapshot.router.match(head);
    const primary = found === null ? "legacy" : PHASE_ROLES[found.route.phase].primary;
    const routeName = found === null ? NO_ROUTE : found.route.name;
    const service = serviceOf(snapshot.settings, found === null ? "legacy" : serviceNameFor(primary, found.route));
    const mapping = found === null ? null : parts.clients.of({ snapshot, request: head, found });
    const upstream = parts.upstream("primary", service);
    parts.tunnels.opened({ route: routeName, kind: "tunnel", primary }, socket);
    openTunnel({
      request,
      socket,
      head: bytes,
      upstream: mapping === null ? upstream : mapping(upstream),
      method: head.method,
      target: head.target,
      headers: endToEndHeaders(head, { host: hostFor(service), proto: head.scheme, upgrade: true }),
      headTimeoutMs: service.asPrimary.timeoutMs,
      clock: parts.clock,
      answered: (status, ms) => {
        guarded(parts, "telemetry", () => {
          parts.telemetry.clientRequest("primary", routeName, status, ms);
          parts.telemetry.serverRequest(routeName, head.method, status ?? 502, ms);
        });
      },
    });
  } catch (error) {
    parts.caught("pipeline", error);
    socket.destroy();
  }
}
