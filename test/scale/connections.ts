/** The clients that are many: idle connections, event streams, tunnels. Raw sockets, and as little state as can be. */
import net from "node:net";

/** Connecting all at once would only test the listen backlog. */
const AT_ONCE = 250;

/** Runs a step for each number below `count`, some at a time; the first failure ends it. */
export async function forEach(count: number, step: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) await step(next++);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, work));
}

/** One client's connection: what it has received since it last asked, and how it waits for more. */
class Client {
  readonly #socket: net.Socket;
  #text = "";
  #ended: string | null = null;
  #look: (() => void) | null = null;

  constructor(url: URL) {
    this.#socket = net.connect(Number(url.port), url.hostname);
    this.#socket.setEncoding("latin1");
    this.#socket.on("data", (text: string) => {
      this.#text += text;
      this.#look?.();
    });
    this.#socket.on("error", (error) => this.#over(error.message));
    this.#socket.on("close", () => this.#over("closed by the proxy"));
  }

  #over(why: string): void {
    this.#ended ??= why;
    this.#look?.();
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  /** Resolves to what has come once it holds `text`, and forgets it. */
  until(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const at = this.#text.indexOf(text);
        if (at !== -1) {
          const found = this.#text.slice(0, at + text.length);
          this.#text = this.#text.slice(at + text.length);
          this.#look = null;
          resolve(found);
        } else if (this.#ended !== null) {
          this.#look = null;
          reject(new Error(`${this.#ended} before ${JSON.stringify(text)} came; last: ${this.#text.slice(-200)}`));
        }
      };
      this.#look = look;
      look();
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Connections that have had an answer and say nothing more, until they are asked whether they still live. */
export class IdleConnections {
  readonly #clients: Client[] = [];
  #round = 0;

  async open(url: URL, count: number): Promise<void> {
    await forEach(count, async (index) => {
      const client = new Client(url);
      this.#clients[index] = client;
      await this.#ask(client, index);
    });
  }

  /** Each of them asks once more, and gets its own answer. */
  async askAll(): Promise<void> {
    this.#round++;
    await forEach(this.#clients.length, async (index) => await this.#ask(this.#clients[index] as Client, index));
  }

  async #ask(client: Client, index: number): Promise<void> {
    const target = `/small?idle=${index}.${this.#round}`;
    client.write(`GET ${target} HTTP/1.1\r\nHost: scale.example\r\n\r\n`);
    const answer = await client.until(`<${target}>`);
    if (!answer.startsWith("HTTP/1.1 200 ")) throw new Error(`an idle connection was answered ${answer}`);
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}

/** Event streams, each of which must get each event. */
export class EventStreams {
  readonly #clients: Client[] = [];

  async open(url: URL, count: number): Promise<void> {
    await forEach(count, async (index) => {
      const client = new Client(url);
      this.#clients[index] = client;
      client.write("GET /events HTTP/1.1\r\nHost: scale.example\r\nAccept: text/event-stream\r\n\r\n");
      await client.until("\r\n\r\n");
    });
  }

  /** Resolves when every stream has got event `number`, and nothing but it since the one before. */
  async gotAll(number: number): Promise<void> {
    const event = `data: ${number}\n\n`;
    await Promise.all(
      this.#clients.map(async (client) => {
        const text = await client.until(event);
        if (text.indexOf("data:") !== text.length - event.length) throw new Error(`expected ${event}, got ${text}`);
      }),
    );
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}

/** Upgraded connections whose other end says everything back. */
export class Tunnels {
  readonly #clients: Client[] = [];
  #round = 0;

  async open(url: URL, count: number): Promise<void> {
    await forEach(count, async (index) => {
      const client = new Client(url);
      this.#clients[index] = client;
      client.write(
        "GET /tunnel HTTP/1.1\r\nHost: scale.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      );
      const head = await client.until("\r\n\r\n");
      if (!head.startsWith("HTTP/1.1 101 ")) throw new Error(`a tunnel was answered ${head}`);
    });
  }

  async echoAll(): Promise<void> {
    this.#round++;
    await forEach(this.#clients.length, async (index) => {
      const client = this.#clients[index] as Client;
      const words = `<tunnel ${index}.${this.#round}>`;
      client.write(words);
      if ((await client.until(words)) !== words) throw new Error(`a tunnel said something else than ${words}`);
    });
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}
