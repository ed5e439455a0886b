import { chmodSync, lstatSync, rmSync } from "node:fs";
import net from "node:net";

/**
 * Removes the socket file that a process left behind when it died: one that nobody answers at. A file that is no socket
 * stays, and so does a socket that is answered; listening then fails with EADDRINUSE.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  if (!isSocket(path)) return;
  if (await refuses(path)) rmSync(path, { force: true });
}

/**
 * Who may connect is whoever may write to the file. Between its making and this call the umask decides, which lets nobody
 * in but the owner unless it was opened up on purpose.
 */
export function setSocketMode(path: string, mode: number): void {
  chmodSync(path, mode);
}

function isSocket(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
}

function refuses(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ path });
    const end = (refused: boolean): void => {
      socket.destroy();
      resolve(refused);
    };
    socket.once("connect", () => end(false));
    socket.once("error", ({ code }: NodeJS.ErrnoException) => end(code === "ECONNREFUSED"));
  });
}
