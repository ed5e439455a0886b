/** The clients that are large: one body up or down, checked byte for byte, at the pace that the test wants. */
import net from "node:net";
import { PatternCheck, pieceAt } from "./pattern.ts";

export interface Transfer {
  /** Resolves when the whole body has passed and was right. */
  readonly done: Promise<void>;
  /** Goes on where it paused. */
  resume(): void;
}

export interface Upload extends Transfer {
  /** Resolves when the bytes before the pause have left. */
  readonly paused: Promise<void>;
}

interface Pace {
  /** It pauses before this byte, until `resume`. */
  readonly pauseAt?: number;
  /** After each so many bytes it goes on when `goOn` resolves. */
  readonly every?: number;
  readonly goOn?: () => Promise<void>;
}

/** Sends a body of so many bytes with `PUT target`; the origin's answer must say that it got them. */
export function upload(url: URL, target: string, bytes: number, pace: Pace = {}): Upload {
  const { pauseAt = bytes, every = Infinity, goOn } = pace;
  const socket = net.connect(Number(url.port), url.hostname);
  let sent = 0;
  let upTo = Math.min(pauseAt, every);
  let answer = "";
  socket.write(
    `PUT ${target} HTTP/1.1\r\nHost: scale.example\r\nConnection: close\r\nContent-Length: ${bytes}\r\n\r\n`,
  );
  const { promise: paused, resolve: reachedPause } = Promise.withResolvers<void>();
  const send = (): void => {
    while (sent < upTo && !socket.destroyed) {
      const piece = pieceAt(sent, Math.min(256 * 1024, upTo - sent));
      sent += piece.length;
      if (!socket.write(piece, sent === pauseAt ? () => reachedPause() : undefined)) break;
    }
    if (sent === upTo && sent < bytes && every < Infinity) void sendMore();
  };
  let isWaiting = false;
  const sendMore = async (): Promise<void> => {
    if (isWaiting) return;
    isWaiting = true;
    await goOn?.();
    isWaiting = false;
    upTo = Math.min(bytes, upTo + every);
    send();
  };
  socket.on("drain", send);
  socket.on("connect", send);
  socket.on("data", (chunk: Buffer) => (answer += chunk.toString("latin1")));
  const done = overThen(socket, () => {
    const wanted = JSON.stringify({ bytes, intact: true });
    if (!answer.startsWith("HTTP/1.1 200 ") || !answer.includes(wanted)) {
      throw new Error(`the upload of ${bytes} bytes was answered ${answer || "with nothing"}`);
    }
  });
  return {
    done,
    paused,
    resume() {
      upTo = bytes;
      send();
    },
  };
}

/** Asks for a body of so many bytes and reads it, at once or only after `resume`. `write`: a PUT of that path has it for its answer. */
export function download(
  url: URL,
  bytes: number,
  { pausedAtFirst = false, write }: { readonly pausedAtFirst?: boolean; readonly write?: string } = {},
): Transfer {
  const socket = net.connect(Number(url.port), url.hostname);
  const check = new PatternCheck();
  let head = "";
  let inBody = false;
  const asked = write === undefined ? `GET /download?${bytes}` : `PUT ${write}?${bytes}`;
  const rest = write === undefined ? "" : "Content-Length: 0\r\n";
  socket.write(`${asked} HTTP/1.1\r\nHost: scale.example\r\nConnection: close\r\n${rest}\r\n`);
  socket.on("data", (chunk: Buffer) => {
    if (inBody) {
      check.take(chunk);
      return;
    }
    const before = head.length;
    head += chunk.toString("latin1");
    const end = head.indexOf("\r\n\r\n");
    if (end === -1) return;
    inBody = true;
    check.take(chunk.subarray(end + 4 - before));
  });
  if (pausedAtFirst) socket.pause();
  const done = overThen(socket, () => {
    if (!head.startsWith("HTTP/1.1 200 ")) throw new Error(`the download was answered ${head.slice(0, 200)}`);
    if (check.length !== bytes || !check.isIntact) throw new Error(`${check.length} of ${bytes} bytes came, or others`);
  });
  return { done, resume: () => void socket.resume() };
}

/** Resolves when the connection is over, to what the check says of it. */
async function overThen(socket: net.Socket, check: () => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.once("close", () => resolve());
  });
  check();
}
