import type { Socket } from "node:net";

/** An exchange that wants to know when its client has ended its side of the connection. */
export interface EndsWithClient {
  clientEnded(): void;
}

const current = new WeakMap<Socket, EndsWithClient>();
const followed = new WeakSet<Socket>();

/**
 * Tells the connection's latest exchange when its client sends FIN: that it has nothing more to say, or is gone. A listener
 * per connection and not per request: most connections carry many.
 */
export function followClient(socket: Socket, exchange: EndsWithClient): void {
  current.set(socket, exchange);
  if (followed.has(socket)) return;
  followed.add(socket);
  socket.once("end", () => current.get(socket)?.clientEnded());
}

/** Lets go of an exchange that is over, so that an idle connection does not keep it. */
export function unfollowClient(socket: Socket, exchange: EndsWithClient): void {
  if (current.get(socket) === exchange) current.delete(socket);
}
