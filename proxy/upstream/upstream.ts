import type { Upstream } from "../ports.ts";
import { type ConnectionLimits, Connections } from "./connections.ts";
import type { Dial } from "./dial.ts";

/** The connections to one service in one role. What cannot be written ends as `onError`. */
export function createUpstream(dial: Dial, limits: ConnectionLimits): Upstream {
  const connections = new Connections(dial, limits);
  return {
    send: (request, sink) => connections.send(request, sink),
    close() {
      connections.close();
      return Promise.resolve();
    },
  };
}
