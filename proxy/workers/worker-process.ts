/**
 * A worker: it listens, routes, plans, forwards and answers. All that is kept, ordered and compared is the parent's. It ends
 * when the parent does; signals are the parent's to understand.
 */
import cluster from "node:cluster";
import { Socket } from "node:net";
import { deserialize } from "node:v8";
import { ByteBudget } from "../process/byte-budget.ts";
import type { OfRequest } from "../caught.ts";
import { createClientMapping } from "../ids/client-mapping.ts";
import type { Settings } from "../config/settings.ts";
import type { DialResult } from "../reads/dial-results.ts";
import { CrossfadeError } from "../errors.ts";
import type { FallbackResult } from "../reads/fallback-results.ts";
import type { Snapshot } from "../exchange.ts";
import { createFront, type Front } from "../life/front.ts";
import { ClientValues } from "../mirror/values/client-values.ts";
import { OpenTunnels } from "../forward/open-tunnels.ts";
import { streamPrimaries } from "../moves/phases.ts";
import { OpenWrites } from "../phase/open-writes.ts";
import { WriteHold } from "../phase/write-hold.ts";
import { createAwayFront } from "../store-away/away-front.ts";
import { createListener, type Listener } from "../listen/server.ts";
import { compileRouter } from "../route/router.ts";
import { systemClock } from "../process/system-clock.ts";
import { createTransforms } from "../transform/transforms.ts";
import { readBodyForValues } from "../ids/value-bodies.ts";
import { Pools } from "../upstream/pools.ts";
import { Link } from "./link.ts";
import { type FromWorker, LINK_FD, type ToWorker } from "./messages.ts";
import { RelayedMappings } from "./relayed-mappings.ts";
import { RelayedTelemetry } from "./relayed-telemetry.ts";
import { RemoteIntake } from "./remote-intake.ts";
import { RemoteNoise } from "./remote-noise.ts";
import { RemotePairs } from "./remote-pairs.ts";
import { RemoteReads } from "./remote-reads.ts";
import { ofWorker, shareOfQueue } from "./shares.ts";

if (cluster.worker === undefined) throw new TypeError("a worker is started by its parent alone");

/** How often the parent is told how many writes are held back, while any are. */
const TELL_EVERY_MS = 20;

let snapshot: Snapshot | null = null;
let mirroringEnabled = false;
/** Routes that are answered 503 since the store is away; null: it is there. */
let refused: ReadonlySet<string> | null = null;
let listener: Promise<Listener> | null = null;

const link = new Link<FromWorker, ToWorker>(new Socket({ fd: LINK_FD }), take, () => process.exit(0));
const budget = new ByteBudget(0);
const intake = new RemoteIntake(link, budget, caught);
const telemetry = new RelayedTelemetry(link);
const pairs = new RemotePairs(link, systemClock);
const mappings = new RelayedMappings((counts) => link.send({ type: "mapped-for-clients", counts }));
const dial = new RemoteReads<DialResult>(link, "dial", (counts) => link.send({ type: "dialled", counts }));
const missed = new RemoteReads<FallbackResult>(link, "fallback", (counts) => link.send({ type: "fell-back", counts }));
const choice = { mirroringEnabled: () => mirroringEnabled, random: Math.random };
const pools = new Pools();
const hold = new WriteHold();
const tunnels = new OpenTunnels();
/** Those that are mirrored are in the parent's books. */
const openWrites = new OpenWrites();
/** The parent's number of the hold; its counts are told now and then. */
let holding: { readonly hold: number; readonly telling: NodeJS.Timeout } | null = null;

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined);
// Listening for it alone would not end a process that has connections.
process.once("disconnect", () => process.exit(0));

const front = createFront({
  snapshot: current,
  mirroringEnabled: () => mirroringEnabled,
  upstream: (role, service) => pools.for(role, service),
  intake,
  hold,
  openWrites,
  clients: createClientMapping({
    values: new ClientValues({ book: pairs, readBody: readBodyForValues }),
    transforms: createTransforms(caught),
    counted: mappings,
    caught,
  }),
  dial,
  fallback: {
    mayAsk: (question) => missed.mayAsk(question),
    count: (route, result) => missed.count(route, result),
    missed: (miss) => link.send({ type: "missed", miss }),
  },
  tunnels: {
    opened(lasting, held) {
      const { route, kind } = lasting;
      tunnels.opened(lasting, held);
      link.send({ type: "lasting", route, kind, more: 1 });
      held.once("close", () => link.send({ type: "lasting", route, kind, more: -1 }));
    },
  },
  noise: new RemoteNoise(link, choice),
  telemetry,
  clock: systemClock,
  caught,
});

const away = createAwayFront({
  snapshot: current,
  refused: (route) => refused?.has(route) === true,
  ...{ hold, front, goOn: handle, caught },
});

function handle(...arrived: Parameters<Front["handle"]>): void {
  (refused === null ? front : away).handle(...arrived);
}

function caught(step: string, error: unknown, request?: OfRequest): void {
  link.send({ type: "caught", step, why: wordsOf(error), request: request ?? null });
}

function current(): Snapshot {
  if (snapshot === null) throw new TypeError("a worker serves nobody before it has settings");
  return snapshot;
}

function take(message: ToWorker, bytes: Buffer): void {
  switch (message.type) {
    case "settings":
      mirroringEnabled = message.mirroringEnabled;
      refused = message.refused === null ? null : new Set(message.refused);
      takeSettings(message, deserialize(bytes) as Settings);
      break;
    case "go":
      intake.go(message.exchange, message.isHeld);
      break;
    case "not-entered":
      intake.notEntered(message.exchange, message.isRefused);
      break;
    case "placed":
      intake.placed(message.exchange);
      break;
    case "hold":
      void holdBack(message);
      break;
    case "release":
      letGo(message.hold);
      break;
    case "values":
      pairs.told(message);
      break;
    case "dial":
      dial.told(message);
      break;
    case "fallback":
      missed.told(message);
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

function takeSettings({ revision, epochs }: Extract<ToWorker, { type: "settings" }>, given: Settings): void {
  const settings = ofWorker(given);
  const before = snapshot?.settings.tls;
  budget.resize(shareOfQueue(given).workerBytes);
  snapshot = { revision, settings, router: compileRouter(settings.routes), epochs: new Map(epochs) };
  pairs.settingsChanged();
  tunnels.follow(streamPrimaries(settings), Math.random);
  link.send({ type: "took", revision });
  if (listener === null) void listen(settings);
  else if (settings.tls !== null && (before?.cert !== settings.tls.cert || before.key !== settings.tls.key)) {
    const { tls } = settings;
    void listener.then((open) => open.useCertificate(tls));
  }
}

async function holdBack({ hold: number, routes, bounds }: Extract<ToWorker, { type: "hold" }>): Promise<void> {
  hold.begin(routes, bounds);
  holding = { hold: number, telling: setInterval(() => tellHeld(number), TELL_EVERY_MS) };
  // For as long as it takes: where that is too long, the parent releases.
  await openWrites.whenNone(routes, AbortSignal.timeout(bounds.forMs));
  if (holding?.hold === number && openWrites.count(routes) === 0) link.send({ type: "quiet", hold: number });
}

function letGo(number: number): void {
  if (holding?.hold !== number) return;
  clearInterval(holding.telling);
  tellHeld(number);
  holding = null;
  hold.release();
}

function tellHeld(number: number): void {
  link.send({ type: "holding", hold: number, held: hold.held, refused: hold.refused });
}

async function listen(settings: Settings): Promise<void> {
  listener = createListener(
    settings,
    {
      handle,
      tunnel: (...arrived) => (refused === null ? front : away).tunnel(...arrived),
      tunnels: (protocol) => current().settings.tunnels.includes(protocol),
    },
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
  mappings.flush();
  dial.flush();
  missed.flush();
  link.send({ type: "closed" });
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
