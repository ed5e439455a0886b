/**
 * A worker: it listens, routes, plans, forwards and answers. All that is kept, ordered and compared is the parent's. It ends
 * when the parent does; signals are the parent's to understand.
 */
import cluster from "node:cluster";
import { Socket } from "node:net";
import { deserialize } from "node:v8";
import { ByteBudget } from "../byte-budget.ts";
import type { Settings } from "../config/settings.ts";
import { CrossfadeError } from "../errors.ts";
import type { Snapshot } from "../exchange.ts";
import { createFront } from "../front.ts";
import { createListener, type Listener } from "../listen/server.ts";
import { compileRouter } from "../route/router.ts";
import { systemClock } from "../system-clock.ts";
import { Pools } from "../upstream/pools.ts";
import { Link } from "./link.ts";
import { type FromWorker, LINK_FD, type ToWorker } from "./messages.ts";
import { RelayedTelemetry } from "./relayed-telemetry.ts";
import { RemoteIntake } from "./remote-intake.ts";
import { RemoteNoise } from "./remote-noise.ts";
import { ofWorker, shareOfQueue } from "./shares.ts";

if (cluster.worker === undefined) throw new TypeError("a worker is started by its parent alone");

/** No route is taken over the barrier while there are workers (phase/cutover.ts). */
const NO_HOLD = {
  holds: () => false,
  take: () => {
    throw new TypeError("no write is held back in a worker");
  },
};
const NOT_COUNTED = { enter: () => undefined, leave: () => undefined };

let snapshot: Snapshot | null = null;
let mirroringEnabled = false;
let listener: Promise<Listener> | null = null;

const link = new Link<FromWorker, ToWorker>(new Socket({ fd: LINK_FD }), take, () => process.exit(0));
const budget = new ByteBudget(0);
const intake = new RemoteIntake(link, budget);
const telemetry = new RelayedTelemetry(link);
const choice = { mirroringEnabled: () => mirroringEnabled, random: Math.random };
const pools = new Pools();

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined);
// Listening for it alone would not end a process that has connections.
process.once("disconnect", () => process.exit(0));

const front = createFront({
  snapshot: current,
  mirroringEnabled: () => mirroringEnabled,
  upstream: (role, service) => pools.for(role, service),
  intake,
  hold: NO_HOLD,
  openWrites: NOT_COUNTED,
  tunnels: { opened: () => undefined },
  noise: new RemoteNoise(link, choice),
  telemetry,
  clock: systemClock,
  caught: (step, error) => link.send({ type: "caught", step, why: wordsOf(error) }),
});

function current(): Snapshot {
  if (snapshot === null) throw new TypeError("a worker serves nobody before it has settings");
  return snapshot;
}

function take(message: ToWorker, bytes: Buffer): void {
  switch (message.type) {
    case "settings":
      mirroringEnabled = message.mirroringEnabled;
      takeSettings(message.revision, deserialize(bytes) as Settings);
      break;
    case "go":
      intake.go(message.exchange);
      break;
    case "not-entered":
      intake.notEntered(message.exchange);
      break;
    case "placed":
      intake.placed(message.exchange);
      break;
    case "close":
      void close();
      break;
    case "cut-off":
      void listener?.then((open) => open.closeAllConnections());
      break;
    default: {
      const _never: never = message;
      throw new TypeError(`no such message: ${JSON.stringify(_never)}`);
    }
  }
}

function takeSettings(revision: number, given: Settings): void {
  const settings = ofWorker(given);
  const before = snapshot?.settings.tls;
  budget.resize(shareOfQueue(given).workerBytes);
  // Copies are the parent's to send, and so is what they say of the epoch.
  snapshot = { revision, settings, router: compileRouter(settings.routes), epochs: new Map() };
  link.send({ type: "took", revision });
  if (listener === null) void listen(settings);
  else if (settings.tls !== null && (before?.cert !== settings.tls.cert || before.key !== settings.tls.key)) {
    const { tls } = settings;
    void listener.then((open) => open.useCertificate(tls));
  }
}

async function listen(settings: Settings): Promise<void> {
  listener = createListener(
    settings,
    { ...front, tunnels: (protocol) => current().settings.tunnels.includes(protocol) },
    { isShared: true },
  );
  try {
    link.send({ type: "ready", address: (await listener).address });
  } catch (error) {
    const code = error instanceof CrossfadeError ? error.code : "internal";
    link.send({ type: "not-listening", code, why: wordsOf(error) });
  }
}

async function close(): Promise<void> {
  await (await listener)?.close();
  telemetry.flush();
  link.send({ type: "closed" });
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
