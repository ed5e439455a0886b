/**
 * What becomes of clients' requests while the store is away at a start, in whichever process they come: of routes that only the store
 * could tell the right service of nothing is sent anywhere; writes wait while it is about to be taken into use.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Snapshot } from "../exchange.ts";
import { type Refusal, refuse } from "../forward/refusal.ts";
import type { Front } from "../life/front.ts";
import { readRequestHead } from "../listen/request-head.ts";
import { holdBack, type WriteHold } from "../phase/write-hold.ts";
import { classifyRequest, methodOverride } from "../route/plan.ts";

export interface AwayFrontParts {
  readonly snapshot: () => Snapshot;
  readonly refused: (route: string) => boolean;
  readonly hold: Pick<WriteHold, "holds" | "take">;
  /** Takes what is safe. */
  readonly front: Front;
  /** Whoever takes requests by the time that a write may go on. */
  readonly goOn: Front["handle"];
  readonly caught: (step: string, error: unknown) => void;
}

const AWAY: Refusal = {
  status: 503,
  title: "This proxy cannot tell now which service is the right one",
  detail: "store-unavailable",
  retryAfterSeconds: 1,
};

export function createAwayFront({ snapshot, refused, hold, front, goOn, caught }: AwayFrontParts): Front {
  function begin(request: IncomingMessage, response: ServerResponse, target: string): void {
    const head = readRequestHead(request, target);
    const route = snapshot().router.match(head)?.route ?? null;
    if (route === null) front.handle(request, response, target);
    else if (refused(route.name)) refuse(response, AWAY, request.complete);
    else if (hold.holds(route.name) && classifyRequest(head.method, route.treatAs, methodOverride(head)) === "write")
      holdBack(hold, response, {
        goOn: () => goOn(request, response, target),
        refuse: () => refuse(response, AWAY, request.complete),
      });
    else front.handle(request, response, target);
  }

  return {
    handle(request, response, target) {
      try {
        begin(request, response, target);
      } catch (error) {
        caught("pipeline", error);
        response.destroy();
      }
    },
    tunnel(request, socket, head) {
      const route = snapshot().router.match(readRequestHead(request, request.url ?? ""))?.route;
      if (route !== undefined && refused(route.name)) {
        socket.end(
          "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        );
      } else front.tunnel(request, socket, head);
    },
  };
}
