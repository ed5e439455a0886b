/** Whether a file can be a store at all: its folder, its file system, its permissions. Creates it with mode 0600. */
import { closeSync, openSync } from "node:fs";
import { access, chmod, constants, stat, statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { CrossfadeError } from "../../../proxy/errors.ts";

/**
 * File systems whose locks do not hold between machines, or whose writes may come late (`f_type` of statfs(2) on Linux,
 * linux/magic.h). FUSE is among them because sshfs, s3fs and the like are FUSE, and it cannot be told which.
 */
const NETWORK_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB 2"],
  [0x65735546, "FUSE"],
  [0x01021997, "9P"],
  [0x00c36400, "Ceph"],
  [0x0bd00bd0, "Lustre"],
  [0x5346414f, "AFS"],
  [0x6b414653, "AFS"],
  [0x73757245, "Coda"],
  [0x47504653, "GPFS"],
]);

export function networkFileSystem(statfsType: number): string | null {
  return NETWORK_FILE_SYSTEMS.get(statfsType >>> 0) ?? null;
}

function unusable(message: string, cause?: unknown): CrossfadeError {
  return new CrossfadeError("store-unavailable", message, { source: "store", cause });
}

function errnoOf(thrown: unknown): string {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string" ? thrown.code : String(thrown);
}

/**
 * The absolute path of `file`, which exists afterwards (perhaps empty) and can be written.
 * @throws CrossfadeError `store-unavailable` that names the path and the way out.
 */
export async function prepareStoreFile(file: string): Promise<string> {
  const path = resolve(file);
  // better-sqlite3 trims the name, and would open another file than the one that was made here.
  if (path !== path.trim()) throw unusable(`store ${JSON.stringify(path)} ends in a space; name a file that does not`);
  const folder = dirname(path);
  const found = await stat(folder).catch((thrown: unknown) => errnoOf(thrown));
  if (typeof found === "string") {
    throw unusable(`store ${path}: its folder ${folder} cannot be used (${found}); create it: mkdir -p ${folder}`);
  }
  if (!found.isDirectory()) throw unusable(`store ${path}: ${folder} is not a folder; name a file in one`);
  if (process.platform === "linux") {
    const network = networkFileSystem((await statfs(folder)).type);
    if (network !== null) {
      throw unusable(
        `store ${path}: ${folder} is on ${network}, where SQLite's lock cannot be trusted; put the store on a local disk`,
      );
    }
  }
  try {
    createStoreFile(path);
    await access(path, constants.R_OK | constants.W_OK);
  } catch (thrown) {
    const way = `give this user read and write access to it and to ${folder}, or name another file with --store sqlite:FILE`;
    throw unusable(`store ${path}: cannot be opened for writing (${errnoOf(thrown)}); ${way}`, thrown);
  }
  const created = await stat(path);
  if (!created.isFile()) throw unusable(`store ${path} is not a regular file; name another with --store sqlite:FILE`);
  // Evidence is the owner's alone, also in a file that was copied here. Not ours to change: then it stays as it is.
  if ((created.mode & 0o077) !== 0) await chmod(path, created.mode & 0o700).catch(() => undefined);
  return path;
}

/**
 * Creates the file with mode 0600 where there is none (SQLite would use the umask's; its -wal takes the file's). One
 * that exists is never opened here: closing any descriptor of a file drops every POSIX lock that this process has on
 * it (fcntl(2)), SQLite's among them.
 */
export function createStoreFile(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (thrown) {
    if (errnoOf(thrown) !== "EEXIST") throw thrown;
  }
}
