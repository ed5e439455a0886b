import net from "node:net";

export interface Dial {
  (options: { readonly onread: net.OnReadOpts }): {
    readonly socket: net.Socket;
    readonly readyEvent: "connect" | "secureConnect";
  };
}

export function createDial(origin: string): Dial {
  const url = new URL(origin);
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = Number(url.port || 80);
  return ({ onread }) => ({
    socket: net.connect({ host, port, onread, allowHalfOpen: true, noDelay: true }),
    readyEvent: "connect",
  });
}
