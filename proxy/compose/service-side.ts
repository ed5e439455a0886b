import type { ServiceSettings } from "../config/settings.ts";
import type { Role, Snapshot } from "../exchange.ts";
import { InFlight } from "../mirror/in-flight.ts";
import type { ShadowGate } from "../mirror/shadow-gate.ts";
import { ShadowGates } from "../mirror/shadow-gates.ts";
import type { Clock, Upstream } from "../ports.ts";
import { Pools } from "../upstream/pools.ts";
import { type Reachability, watchReachability } from "../upstream/reachability.ts";

/** Consecutive failures that open a shadow's breaker, and the pause between attempts while it is open. */
const BREAKER_OPENS_AFTER = 5;
const BREAKER_PROBE_EVERY_MS = 1_000;

/** Connections to the services, and what stands between the lanes and the shadows. */
export interface ServiceSide {
  upstream(role: Role, service: ServiceSettings): Upstream;
  readonly inFlight: InFlight;
  gate(service: ServiceSettings): ShadowGate;
  /** Of what a repair reads from a primary. */
  readGate(service: ServiceSettings): ShadowGate;
  readonly reachability: Reachability;
  /** No further attempt at any shadow. */
  closeGates(): void;
  /** Ends the shadow leg's connections; what is on the wire is aborted. */
  closeShadows(): Promise<void>;
  close(): Promise<void>;
}

/** `breakerClosed`: a shadow answers again. */
export function createServiceSide(snapshot: () => Snapshot, clock: Clock, breakerClosed: () => void): ServiceSide {
  const pools = new Pools();
  const inFlight = new InFlight(() => snapshot().settings.limits.inFlight);
  const options = {
    opensAfter: BREAKER_OPENS_AFTER,
    probeEveryMs: BREAKER_PROBE_EVERY_MS,
    inFlight,
    monotonic: () => clock.monotonic(),
  };
  const gates = new ShadowGates((service) => ({
    ...options,
    ratePerSecond: () => (snapshot().settings.services[service.name] ?? service).asShadow.ratePerSecond,
    onClosed: breakerClosed,
  }));
  const readGates = new ShadowGates(() => ({ ...options, ratePerSecond: () => null }));
  const reachability = watchReachability(() => Object.values(snapshot().settings.services));
  return {
    upstream: (role, service) => pools.for(role, service),
    inFlight,
    gate: (service) => gates.of(service),
    readGate: (service) => readGates.of(service),
    reachability,
    closeGates() {
      gates.close();
      readGates.close();
    },
    closeShadows: () => pools.close("shadow"),
    async close() {
      reachability.close();
      await Promise.all([pools.close("primary"), pools.close("shadow")]);
    },
  };
}
