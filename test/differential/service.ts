import net, { type AddressInfo } from "node:net";
import { type Message, MessageReader } from "./message.ts";

/** One connection to the service. */
export interface Line {
  readonly socket: net.Socket;
  readonly reader: MessageReader;
  /** Scripts of one connection are played one after the other, as answers go out in the order of requests. */
  turn: Promise<void>;
  /** Of them, how many are not played to their end. */
  scripts: number;
  /** The other side has ended its half, or all of it. */
  ended: boolean;
  closed: boolean;
}

/** Who plays the service at present. */
export interface Player {
  requestBegan(message: Message, line: Line): void;
  /** Something was received or ended. */
  changed(): void;
}

/** A service on a raw socket: reads requests, and leaves what is answered to its present player. */
export class ScriptedService {
  readonly #server: net.Server;
  readonly #lines = new Set<Line>();
  player: Player | null = null;

  private constructor() {
    this.#server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  static async start(): Promise<ScriptedService> {
    const service = new ScriptedService();
    await new Promise<void>((resolve) => service.#server.listen(0, "127.0.0.1", resolve));
    return service;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get lines(): ReadonlySet<Line> {
    return this.#lines;
  }

  #accept(socket: net.Socket): void {
    const line: Line = {
      socket,
      reader: new MessageReader("request"),
      turn: Promise.resolve(),
      scripts: 0,
      ended: false,
      closed: false,
    };
    this.#lines.add(line);
    let begun = 0;
    socket.on("data", (bytes) => {
      line.reader.feed(bytes);
      for (const message of line.reader.messages.slice(begun)) {
        begun++;
        this.player?.requestBegan(message, line);
      }
      this.player?.changed();
    });
    const ended = (clean: boolean): void => {
      if (line.ended) return;
      line.ended = true;
      line.reader.end(clean);
      if (line.scripts === 0) socket.end();
      this.player?.changed();
    };
    socket.on("end", () => ended(true));
    socket.on("error", () => ended(false));
    socket.on("close", () => {
      ended(false);
      line.closed = true;
      this.#lines.delete(line);
      this.player?.changed();
    });
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const { socket } of this.#lines) socket.destroy();
    await closed;
  }
}
