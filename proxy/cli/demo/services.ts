/** The two services as child processes: json-server 0.17 is legacy, its rewrite 1.0 beta is next. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { CrossfadeError } from "../../errors.ts";
import type { Identity } from "../../exchange.ts";
import type { DataSet } from "./data-set.ts";
import { locateInPackage } from "./packages.ts";
import type { Watch } from "./service-preload.ts";

export interface Service {
  readonly identity: Identity;
  readonly product: string;
  readonly version: string;
  readonly url: string;
  readonly pid: number;
  /** Resolves, in words, when the process ends without having been told to. */
  readonly failed: Promise<string>;
  /** Stops it as it stands: it neither answers nor closes a connection until `resume`. */
  suspend(): void;
  resume(): void;
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>;
  /** Should the demo be killed, this service ends `other`, which may be suspended then. */
  watchOver(other: Service): void;
}

interface Kind {
  /** URL of the package's package.json. */
  readonly manifest: () => string;
  /** Relative to the package. */
  readonly bin: string;
  /** 0.17 logs each request unless told not to; 1.0 beta does not know the flag. */
  readonly flags: readonly string[];
}

const KINDS: Readonly<Record<Identity, Kind>> = {
  legacy: {
    manifest: () => import.meta.resolve("json-server-legacy/package.json"),
    bin: "lib/cli/bin.js",
    flags: ["--quiet"],
  },
  next: { manifest: () => import.meta.resolve("json-server-next/package.json"), bin: "lib/bin.js", flags: [] },
};

const START_TIMEOUT_MS = 15_000;
const PRELOAD = new URL(
  import.meta.url.endsWith(".ts") ? "./service-preload.ts" : "./service-preload.js",
  import.meta.url,
);

/**
 * Rejects with a CrossfadeError where the package is missing or the service does not come up; `ending` ends it at any
 * time, also while it starts.
 */
export async function startService(
  identity: Identity,
  dataSet: DataSet,
  folder: string,
  ending: AbortSignal,
): Promise<Service> {
  const kind = KINDS[identity];
  const manifest = locateInPackage(kind.manifest);
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { readonly version: string };
  const home = join(folder, identity);
  // 1.0 beta fails without a `public` folder when NODE_ENV is production; 0.17 serves its own pages without one.
  mkdirSync(identity === "next" ? join(home, "public") : home, { recursive: true });
  writeFileSync(join(home, "db.json"), JSON.stringify(dataSet));
  const logFile = join(home, "log.txt");
  const log = openSync(logFile, "w");
  const child = fork(
    join(dirname(manifest), kind.bin),
    [...kind.flags, "--host", "127.0.0.1", "--port", "0", "db.json"],
    {
      cwd: home,
      execArgv: ["--import", PRELOAD.href],
      // production: neither of them watches its file for changes by others.
      env: { ...process.env, NODE_ENV: "production" },
      stdio: ["ignore", log, log, "ipc"],
    },
  );
  closeSync(log);
  let told = false;
  const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const killNow = (): void => {
    told = true;
    // Takes effect on a suspended process too.
    child.kill("SIGKILL");
  };
  process.once("exit", killNow);
  ending.addEventListener("abort", killNow);
  const failed = new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(`${identity} could not be started: ${error.message}`));
    child.once("exit", (code, signal) => {
      process.off("exit", killNow);
      ending.removeEventListener("abort", killNow);
      if (told) return;
      resolve(
        signal === null
          ? `${identity} ended by itself (exit ${code}): ${lastWords(logFile)}`
          : `${identity} was ended by ${signal}`,
      );
    });
  });
  const port = await portOf(child, identity, failed, ending).catch((error: unknown) => {
    killNow();
    throw error;
  });
  return {
    identity,
    product: "json-server",
    version,
    url: `http://127.0.0.1:${port}`,
    pid: child.pid as number,
    failed,
    suspend: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
    gone,
    watchOver: (other) => {
      const watch: Watch = { otherPid: other.pid };
      child.send(watch);
    },
  };
}

async function portOf(
  child: ChildProcess,
  identity: Identity,
  failed: Promise<string>,
  ending: AbortSignal,
): Promise<number> {
  const deadline = AbortSignal.timeout(START_TIMEOUT_MS);
  try {
    const heard = await Promise.race([
      once(child, "message", { signal: AbortSignal.any([deadline, ending]) }) as Promise<[{ readonly port: number }]>,
      failed,
    ]);
    if (typeof heard !== "string") return heard[0].port;
    throw new CrossfadeError("internal", heard, { source: "proxy" });
  } catch (cause) {
    if (!deadline.aborted) throw cause;
    const message = `${identity} did not begin to listen within ${START_TIMEOUT_MS} ms`;
    throw new CrossfadeError("internal", message, { source: "proxy", cause });
  }
}

/** The end of what the process wrote: why it ended. */
function lastWords(logFile: string): string {
  try {
    const lines = readFileSync(logFile, "utf8").split("\n");
    return (
      lines.findLast((line) => /error/i.test(line))?.trim() ??
      lines.findLast((line) => line.trim() !== "")?.trim() ??
      "without a word"
    );
  } catch {
    return "without a word";
  }
}
