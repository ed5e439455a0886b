/**
 * Runs inside each service's process, before the service itself (`--import`): json-server is started as its users start
 * it, and this adds what a child of the demo needs. It tells the port that the system chose, so that no two demos ever
 * race for one; it keeps the service on loopback (1.0 beta has no say in that: it listens on every address); and it
 * ends when the demo does, however that ends.
 */
import { rmSync } from "node:fs";
import { Server as HttpServer } from "node:http";
import { type AddressInfo, Server } from "node:net";
import { dirname } from "node:path";

/** Services behind a proxy keep idle connections longer than it does: else both use and end of one may cross. */
const KEEP_ALIVE_MS = 65_000;

/** What the demo tells each service about the other, which cannot end itself while it is suspended. */
export interface Watch {
  readonly otherPid: number;
}

/** Each service runs in a folder of its own below the demo's. */
const demoFolder = dirname(process.cwd());
let watch: Watch | null = null;

type Listen = (this: Server, options: object, listening?: () => void) => Server;
const listen = Reflect.get(Server.prototype, "listen") as Listen;

Server.prototype.listen = function listenOnLoopback(this: Server, ...given: unknown[]): Server {
  if (this instanceof HttpServer) this.keepAliveTimeout = KEEP_ALIVE_MS;
  this.once("listening", () => process.send?.({ port: (this.address() as AddressInfo).port }));
  const listening = given.find((argument): argument is () => void => typeof argument === "function");
  return listen.call(this, { port: 0, host: "127.0.0.1" }, listening);
};

process.on("message", (message: Watch) => {
  watch = message;
});

// Ctrl-C and the end of a terminal reach its whole foreground group. The demo ends us after it has drained.
for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => {});

// The system closes the channel where the demo was killed with SIGKILL.
process.on("disconnect", () => {
  try {
    if (watch !== null) process.kill(watch.otherPid, "SIGKILL");
  } catch {
    // It has ended already.
  }
  try {
    rmSync(demoFolder, { recursive: true, force: true, maxRetries: 3 });
  } finally {
    process.exit();
  }
});
