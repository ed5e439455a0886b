/**
 * Runs inside each service's process, before the service itself (`--import`): json-server is started as its users start
 * it, and this adds what a child of the demo needs. It tells the port that the system chose, so that no two demos ever
 * race for one; it keeps the service on loopback (1.0 beta has no say in that: it listens on every address); and it
 * ends when the demo does, however that ends.
 */
import { rmSync } from "node:fs";
import { Server as HttpServer } from "node:http";
import { type AddressInfo, Server } from "node:net";
import process from "node:process";

/** Services behind a proxy keep idle connections longer than it does: else both use and end of one may cross. */
const KEEP_ALIVE_MS = 65_000;

/** What the demo tells a service to clear away should the demo die. */
export interface Watch {
  /** The other service: while it is suspended it cannot end itself. */
  readonly pid: number;
  readonly folder: string;
}

let watch: Watch | null = null;

const listen: (this: Server, options: object, listening?: () => void) => Server = Server.prototype.listen;

Server.prototype.listen = function listenOnLoopback(this: Server, ...given: unknown[]): Server {
  if (this instanceof HttpServer) this.keepAliveTimeout = KEEP_ALIVE_MS;
  this.once("listening", () => process.send?.({ port: (this.address() as AddressInfo).port }));
  const listening = given.find((argument): argument is () => void => typeof argument === "function");
  return listen.call(this, { port: 0, host: "127.0.0.1" }, listening);
};

process.on("message", (message: Watch) => {
  watch = message;
});

// Ctrl-C reaches the whole foreground group of a terminal. The demo ends us, after it has drained what is on the way.
process.on("SIGINT", () => {});

// Also closed by the system where the demo was killed with SIGKILL.
process.on("disconnect", () => {
  if (watch !== null) {
    try {
      process.kill(watch.pid, "SIGKILL");
    } catch {
      // It has ended already.
    }
    rmSync(watch.folder, { recursive: true, force: true });
  }
  process.exit();
});
