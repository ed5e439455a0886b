import net from "node:net";

/** A client that writes bytes and reads bytes. */
export interface Wire {
  readonly socket: net.Socket;
  write(bytes: string | Buffer): void;
  /** Everything received so far, latin1. */
  received(): string;
  /** Resolves with what was received once it holds `text`. */
  until(text: string): Promise<string>;
  /** Resolves when the other side has closed. */
  ended(): Promise<string>;
  close(): void;
}

export async function connectTo(url: string): Promise<Wire> {
  const { hostname, port } = new URL(url);
  const socket = net.connect(Number(port), hostname);
  let text = "";
  let over = false;
  const looks = new Set<() => void>();
  const lookAll = (): void => {
    for (const look of [...looks]) look();
  };
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
    lookAll();
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    over = true;
    lookAll();
  });
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  const when = (ready: () => boolean): Promise<string> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!ready()) return;
        looks.delete(look);
        resolve(text);
      };
      looks.add(look);
      look();
    });
  return {
    socket,
    write: (bytes) => void socket.write(bytes),
    received: () => text,
    until: (wanted) => when(() => text.includes(wanted) || over),
    ended: () => when(() => over),
    close: () => socket.destroy(),
  };
}
