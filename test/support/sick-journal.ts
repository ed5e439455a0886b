/**
 * Makes the journal's disk sick while a real Crossfade process runs: load it with `node --import`, and send the process a
 * `JournalFault` over its IPC channel. Nothing of Crossfade knows.
 */
import fs from "node:fs";
import { isMainThread } from "node:worker_threads";

export type JournalFault = "none" | "hanging" | "full";

if (isMainThread) {
  let fault: JournalFault = "none";
  const held: (() => void)[] = [];
  const writev = fs.writev;
  type Done = (error: NodeJS.ErrnoException | null, written: number, buffers: NodeJS.ArrayBufferView[]) => void;
  const sick = (fd: number, buffers: NodeJS.ArrayBufferView[], position: number, done: Done): void => {
    const go = (): void => writev(fd, buffers, position, done as never);
    if (fault === "hanging") {
      held.push(go);
    } else if (fault === "full") {
      // As a disk does that has room for a part: what was begun stays, cut off.
      const [first = Buffer.alloc(0)] = buffers;
      fs.write(fd, first, 0, first.byteLength >> 1, position, () => {
        done(Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" }), 0, buffers);
      });
    } else {
      go();
    }
  };
  fs.writev = sick as typeof fs.writev;
  process.on("message", (message: JournalFault) => {
    fault = message;
    if (fault !== "hanging") for (const go of held.splice(0)) go();
    process.send?.({ applied: fault });
  });
}
