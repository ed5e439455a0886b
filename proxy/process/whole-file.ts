import { closeSync, fsyncSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Written anew beside itself and renamed: whenever the process dies, or the machine loses its power, it is the old text or the new
 * one, whole. Mode 0600. @throws as the disk does
 */
export function writeWhole(file: string, text: string): void {
  const beside = `${file}.new`;
  withOpen(beside, "w", (descriptor) => {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  });
  renameSync(beside, file);
  // The new name survives once its folder does.
  withOpen(dirname(file), "r", fsyncSync);
}

function withOpen(file: string, flags: "w" | "r", use: (descriptor: number) => void): void {
  const descriptor = openSync(file, flags, 0o600);
  try {
    use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
