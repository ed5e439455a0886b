/**
 * Where clients come in while the store is away at a start: what is safe goes to its primary and nowhere else, the rest gets 503. Once
 * the store is there the same listener is handed over: writes that come meanwhile wait, so that none is on its way past the books
 * when they are opened. With workers it is theirs: workers/waiting-crew.ts.
 */
import { HELD } from "../barrier/own-writes.ts";
import type { Settings } from "../config/settings.ts";
import type { Snapshot } from "../exchange.ts";
import type { OpenTunnels } from "../forward/open-tunnels.ts";
import { createFront } from "../life/front.ts";
import { NO_ROUTE } from "../moves/leanings.ts";
import { createListener, type Handlers, type Listener } from "../listen/server.ts";
import { OpenWrites } from "../phase/open-writes.ts";
import { WriteHold } from "../phase/write-hold.ts";
import type { Clock } from "../ports.ts";
import { Pools } from "../upstream/pools.ts";
import { noIntake } from "./no-intake.ts";
import { createAwayFront } from "./away-front.ts";

export interface WaitingDoorParts {
  readonly settings: Settings;
  readonly snapshot: Snapshot;
  /** See `Safe`. */
  readonly refused: ReadonlyMap<string, string>;
  readonly tunnels: OpenTunnels;
  readonly clock: Clock;
  readonly caught: (step: string, error: unknown) => void;
}

/** What there is to wait behind, whichever process clients come to. */
export interface Waiting {
  /** New writes wait from here on. Whether those that were under way have ended within the time (ms). */
  settled(withinMs: number): Promise<boolean>;
  /** Those that wait go on: as they would have, or by way of whom it was handed over to. */
  goOn(): void;
  /** Requests until now that no route takes. */
  unmatched(): number;
  close(): Promise<void>;
}

export interface WaitingDoor extends Waiting {
  readonly kind: "own";
  readonly listener: Listener;
  /** What comes from here on is others', and so is what waits. */
  handOver(handlers: Handlers): Listener;
}

/** @throws CrossfadeError: the address is taken */
export async function openWaitingDoor(parts: WaitingDoorParts): Promise<WaitingDoor> {
  const { settings, snapshot, refused, tunnels, clock, caught } = parts;
  const [pools, hold, openWrites] = [new Pools(), new WriteHold(), new OpenWrites()];
  const routes = settings.routes.map(({ name }) => name);
  let unmatched = 0;
  const front = createFront({
    snapshot: () => snapshot,
    // Nothing could be told of a copy: the gap is told before the first write.
    mirroringEnabled: () => false,
    upstream: (role, service) => pools.for(role, service),
    intake: noIntake(caught),
    clients: { of: () => null, dialled: () => null, fallenBack: () => null },
    // Without the store nobody knows what a write may have touched.
    dial: { mayAsk: () => false, count: () => undefined },
    fallback: { mayAsk: () => false, count: () => undefined, missed: () => undefined },
    hold: { holds: () => false, take: () => () => undefined },
    openWrites,
    tunnels,
    noise: { watch: () => null, sawFailure: () => undefined },
    telemetry: {
      clientRequest: () => undefined,
      serverRequest: (route) => void (unmatched += Number(route === NO_ROUTE)),
      span: () => undefined,
    },
    clock,
    caught,
  });
  const away = createAwayFront({
    ...{ snapshot: () => snapshot, refused: (route) => refused.has(route), hold, front, caught },
    goOn: (request, response, target) => handlers.handle(request, response, target),
  });
  let handlers: Handlers = { ...away, tunnels: (protocol) => settings.tunnels.includes(protocol) };
  const listener = await createListener(settings, {
    handle: (request, response, target) => handlers.handle(request, response, target),
    tunnel: (request, socket, head) => handlers.tunnel(request, socket, head),
    tunnels: (protocol) => handlers.tunnels(protocol),
  });
  return {
    kind: "own",
    listener,
    async settled(withinMs) {
      hold.begin(routes, HELD);
      await openWrites.whenNone(routes, AbortSignal.timeout(withinMs));
      return openWrites.count(routes) === 0;
    },
    goOn: () => hold.release(),
    unmatched: () => unmatched,
    handOver(next) {
      handlers = next;
      hold.release();
      return listener;
    },
    async close() {
      hold.release();
      await listener.close();
      await pools.close("primary");
    },
  };
}
