import type { Socket } from "node:net";
import type { HostileAnswer } from "./attacks/answers.ts";
import type { Recorder } from "./recorder.ts";

/** How far a misbehaviour has got. */
export interface Misbehaviour {
  /** Writes what comes once the client has its answer. */
  later(): void;
  /** Resolves when every connection that was misbehaved on is closed; rejects when the proxy keeps one. */
  cutOff(): Promise<void>;
}

/** Well below the time after which an idle connection would be closed anyway. */
const CUT_OFF_WITHIN_MS = 2_500;
/** More than any bound of the proxy; what it takes of it is all it will ever take. */
const ENDLESS_BYTES = 64 * 1024 * 1024;

/** The service answers requests with this nonce as `answer` says. */
export function misbehave(service: Recorder, answer: HostileAnswer, own: string, foreign: string): Misbehaviour {
  const sockets: Socket[] = [];
  service.behave(own, (socket) => {
    sockets.push(socket);
    const bytes = answer.write(own, foreign);
    if (bytes !== "") socket.write(bytes, "latin1");
    if (answer.afterwards === "fin") socket.end();
    else if (answer.afterwards === "reset") setImmediate(() => socket.resetAndDestroy());
    else if (answer.afterwards === "endless")
      writeOn(socket, bytes.includes("\r\n\r\n") ? bytes : "x-more: of this\r\n");
  });
  return {
    later: () => void sockets.at(-1)?.write(answer.later?.(foreign) ?? "", "latin1"),
    async cutOff() {
      await Promise.all(sockets.map((socket) => closed(socket)));
    },
  };
}

function writeOn(socket: Socket, piece: string): void {
  const block = piece.repeat(Math.ceil((16 * 1024) / piece.length));
  let left = ENDLESS_BYTES;
  const more = (): void => {
    while (left > 0 && !socket.destroyed) {
      left -= block.length;
      if (!socket.write(block, "latin1")) return;
    }
  };
  socket.on("drain", more);
  more();
}

function closed(socket: Socket): Promise<void> {
  if (socket.closed) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`the connection is still there after ${CUT_OFF_WITHIN_MS} ms`)),
      CUT_OFF_WITHIN_MS,
    );
    socket.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
