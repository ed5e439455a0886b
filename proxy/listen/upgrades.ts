/**
 * Requests with `Upgrade`. Node hands them over with the bare connection, whatever they ask for. Configured protocols
 * (WebSocket) become tunnels; any other is an ordinary request whose wish is not granted (RFC 9110, 7.8), as Java's
 * HttpClient sends one with `h2c`: it is put back in front of the connection without its `Upgrade` and read again.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Turns } from "./turns.ts";

export interface UpgradeTakers {
  readonly turns: Turns;
  /** Whether this protocol is tunnelled, named in lower case without its version: `websocket`. */
  readonly tunnels: (protocol: string) => boolean;
  readonly tunnel: (request: IncomingMessage, socket: Socket, head: Buffer) => void;
  /** The event by which the server takes connections: `connection`, or `secureConnection` with TLS. */
  readonly connectionEvent: "connection" | "secureConnection";
}

export function takeUpgrades(server: Server, { turns, tunnels, tunnel, connectionEvent }: UpgradeTakers): void {
  server.on("upgrade", (request: IncomingMessage, stream, head: Buffer) => {
    const socket = stream as Socket;
    // Node has taken its own listeners away, also the one that lets the answer before this go on being written.
    const ignore = (): void => {};
    const drained = (): void => void answerUnderWay(socket)?.emit("drain");
    socket.on("error", ignore);
    socket.on("drain", drained);
    turns.whenFree(socket, () => {
      socket.off("drain", drained);
      // Behind an answer that ends the connection nothing is carried out (RFC 9112, 9.6).
      if (socket.destroyed || socket.writableEnded) return;
      if (tunnels(protocolOf(request))) {
        tunnel(request, socket, head);
        return;
      }
      socket.unshift(Buffer.concat([headWithoutUpgrade(request), head]));
      socket.off("error", ignore);
      server.emit(connectionEvent, socket);
      // It was paused where the answer before this was read more slowly than it came.
      socket.resume();
    });
  });
}

/** Node's own note (24.21) of the answer that a connection carries. */
function answerUnderWay(socket: Socket & { readonly _httpMessage?: ServerResponse | null }): ServerResponse | null {
  return socket._httpMessage ?? null;
}

/** The first that is asked for: which of several it is to be is for the service to say, and we pass all of them on. */
function protocolOf({ headers }: IncomingMessage): string {
  const first = (headers.upgrade ?? "").split(",", 1)[0] ?? "";
  return (first.split("/", 1)[0] ?? "").trim().toLowerCase();
}

function headWithoutUpgrade(request: IncomingMessage): Buffer {
  const { method = "GET", url = "/", httpVersion, rawHeaders } = request;
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    const value = rawHeaders[i + 1] as string;
    if (name.toLowerCase() !== "upgrade") text += `${name}: ${value}\r\n`;
  }
  return Buffer.from(`${text}\r\n`, "latin1");
}
