/** Keeps connections to so many that one who opens many, and says nothing or little on them, keeps nobody else out. */
import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * At most `most` connections: a further one takes the place of the one that has waited longest without an answer to
 * somebody who may ask. Where all have such an answer under way, the new one is closed.
 */
export class Connections {
  private open = 0;
  /** Without such an answer, the longest first. */
  private readonly idle = new Set<Socket>();
  private readonly answers = new WeakMap<Socket, number>();

  constructor(server: Server, most: number) {
    server.on("connection", (socket: Socket) => {
      this.open++;
      this.idle.add(socket);
      socket.once("close", () => {
        this.open--;
        this.idle.delete(socket);
      });
      if (this.open <= most) return;
      const [oldest] = this.idle;
      oldest?.destroy();
    });
  }

  /** Somebody who may ask gets an answer: the connection keeps its place until that one ends. */
  keepFor(socket: Socket, response: ServerResponse): void {
    this.idle.delete(socket);
    this.answers.set(socket, (this.answers.get(socket) ?? 0) + 1);
    response.once("close", () => {
      const left = (this.answers.get(socket) ?? 1) - 1;
      this.answers.set(socket, left);
      if (left === 0 && !socket.destroyed) this.idle.add(socket);
    });
  }
}
