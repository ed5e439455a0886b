import type { Socket } from "node:net";

/**
 * Breaks a connection off so that the other side cannot take it for an orderly end. Only TCP has a reset; TLS is ended
 * without its farewell (close_notify), which says the same, and a Unix socket's other side sees what it was sent and no more.
 */
export function resetSocket(socket: Socket): void {
  if (socket.destroyed) return;
  try {
    socket.resetAndDestroy();
  } catch {
    socket.destroy();
  }
}
