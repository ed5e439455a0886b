/** What a case is played through: nothing, Crossfade, or a relay of bytes that can be told to break something. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadSettings } from "../../proxy/config/load.ts";
import { startCrossfade } from "../../proxy/main.ts";
import type { Player } from "./service.ts";
import { ScriptedService } from "./service.ts";

export interface Front {
  readonly port: number;
  close(): Promise<void>;
}

/** What becomes of the copies of writes. */
export type Next = "well" | "hanging" | "resetting" | "gone";

/** Crossfade before the service as legacy, mirroring writes to next. */
export async function startCrossfadeBefore(service: ScriptedService, state: Next = "well"): Promise<Front> {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-differential-"));
  const next = await ScriptedService.start();
  const nextPort = next.port;
  if (state === "gone") await next.close();
  else next.player = playerOf(state, next);
  const file = join(folder, "crossfade.yaml");
  writeFileSync(
    file,
    `
listen: 127.0.0.1:0
admin: { listen: "127.0.0.1:0" }
store: "memory:"
divergenceLog: { file: "${join(folder, "divergences.ndjson")}" }
services:
  legacy: { url: "http://127.0.0.1:${service.port}" }
  next: { url: "http://127.0.0.1:${nextPort}", effects: suppressed }
`,
  );
  const loaded = loadSettings({ file, flags: {}, env: process.env });
  if (!loaded.ok) throw new Error(loaded.errors.map((error) => error.text).join("\n"));
  const crossfade = await startCrossfade({ settings: loaded.settings, logLevel: "silent" });
  return {
    port: Number(new URL(crossfade.proxyUrl).port),
    async close() {
      await crossfade.stop(200);
      if (state !== "gone") await next.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function playerOf(state: Exclude<Next, "gone">, next: ScriptedService): Player {
  if (state === "well") return agreeable(next);
  return {
    requestBegan(_message, { socket }) {
      if (state === "resetting") socket.resetAndDestroy();
    },
    changed() {},
  };
}

/** Answers each request once it is whole. */
function agreeable(next: ScriptedService): Player {
  const answered = new WeakSet<object>();
  return {
    requestBegan() {},
    changed() {
      for (const { reader, socket } of next.lines) {
        for (const message of reader.messages) {
          if (message.state !== "complete" || answered.has(message)) continue;
          answered.add(message);
          socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
      }
    },
  };
}

/** What a relay does to a packet on its way; an empty one is left out. */
export interface Faults {
  readonly toService?: (bytes: Buffer) => Buffer;
  readonly toClient?: (bytes: Buffer) => Buffer;
  /** A reset connection looks like one that has ended. */
  readonly hidesResets?: boolean;
}

/** Hands on packets as they come, both ways, and the ends of connections. */
export async function startRelayBefore(service: ScriptedService, faults: Faults): Promise<Front> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const upstream = net.connect({ port: service.port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    const join = (from: net.Socket, to: net.Socket, change: (bytes: Buffer) => Buffer): void => {
      sockets.add(from);
      from.on("data", (bytes) => void to.write(change(bytes)));
      from.on("end", () => void to.end());
      from.on("error", () => void (faults.hidesResets === true ? to.end() : to.resetAndDestroy()));
      from.on("close", (failed) => {
        sockets.delete(from);
        if (!failed && !from.readableEnded) to.destroy();
      });
    };
    join(client, upstream, faults.toService ?? unchanged);
    join(upstream, client, faults.toClient ?? unchanged);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function unchanged(bytes: Buffer): Buffer {
  return bytes;
}
