/** A client that writes frames of HTTP/2 by hand (RFC 9113), to say what Node's client never would. */
import { once } from "node:events";
import tls from "node:tls";

export const FRAME = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const END_STREAM = 0x1;
export const END_HEADERS = 0x4;
const ACK = 0x1;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export interface FrameClient {
  readonly socket: tls.TLSSocket;
  readonly frames: readonly Frame[];
  send(type: number, flags: number, stream: number, payload?: Buffer): void;
  /** Headers of a new stream, `:scheme`, `:authority` and what is given. */
  open(stream: number, flags: number, headers: Readonly<Record<string, string>>): void;
  /** Resolves with the first frame that `wanted` says yes to, or null when the connection has ended without one. */
  until(wanted: (frame: Frame) => boolean): Promise<Frame | null>;
}

export async function connectFrames(url: string, ca: string): Promise<FrameClient> {
  const { hostname, port } = new URL(url);
  const socket = tls.connect({ host: hostname, port: Number(port), ca, ALPNProtocols: ["h2"] });
  const frames: Frame[] = [];
  let rest: Buffer = Buffer.alloc(0);
  let over = false;
  const looks = new Set<() => void>();
  const lookAll = (): void => {
    for (const look of [...looks]) look();
  };
  const client: FrameClient = {
    socket,
    frames,
    send(type, flags, stream, payload = Buffer.alloc(0)) {
      const head = Buffer.alloc(9);
      head.writeUIntBE(payload.length, 0, 3);
      head.writeUInt8(type, 3);
      head.writeUInt8(flags, 4);
      head.writeUInt32BE(stream, 5);
      if (!socket.destroyed) socket.write(Buffer.concat([head, payload]));
    },
    open(stream, flags, headers) {
      const all = { ":scheme": "https", ":authority": "h2.test", ...headers };
      client.send(FRAME.headers, flags, stream, literalHeaders(all));
    },
    until: (wanted) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = frames.find(wanted);
          if (found === undefined && !over) return;
          looks.delete(look);
          resolve(found ?? null);
        };
        looks.add(look);
        look();
      }),
  };
  socket.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const length = rest.readUIntBE(0, 3);
      const frame = {
        type: rest.readUInt8(3),
        flags: rest.readUInt8(4),
        stream: rest.readUInt32BE(5) & 0x7fffffff,
        payload: rest.subarray(9, 9 + length),
      };
      rest = rest.subarray(9 + length);
      frames.push(frame);
      if (frame.type === FRAME.settings && (frame.flags & ACK) === 0) client.send(FRAME.settings, ACK, 0);
    }
    lookAll();
  });
  socket.on("error", () => {});
  socket.once("close", () => {
    over = true;
    lookAll();
  });
  await once(socket, "secureConnect");
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  client.send(FRAME.settings, 0, 0);
  return client;
}

/** HPACK without its tables and without Huffman: each field a literal that is not indexed (RFC 7541, 6.2.2). */
export function literalHeaders(headers: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(
    Object.entries(headers).flatMap(([name, value]) => [Buffer.of(0), literal(name), literal(value)]),
  );
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  const size: number[] = [];
  if (bytes.length < 0x7f) size.push(bytes.length);
  else {
    size.push(0x7f);
    let left = bytes.length - 0x7f;
    for (; left >= 0x80; left >>>= 7) size.push((left & 0x7f) | 0x80);
    size.push(left);
  }
  return Buffer.concat([Buffer.from(size), bytes]);
}
