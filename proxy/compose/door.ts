import type { Caught } from "../caught.ts";
import type { ClientMappings } from "../ids/client-mappings.ts";
import type { Switchboard } from "../config/switchboard.ts";
import type { Dial } from "../reads/dial.ts";
import type { DialCounts } from "../reads/dial-counts.ts";
import type { Fallback } from "../reads/fallback.ts";
import type { FallbackCounts } from "../reads/fallback-counts.ts";
import type { OpenTunnels } from "../forward/open-tunnels.ts";
import { createListener, type Handlers, type Listener } from "../listen/server.ts";
import type { PairBook } from "../mirror/values/pair-book.ts";
import type { Noise } from "../noise/noise.ts";
import type { WorkerHolds } from "../barrier/own-writes.ts";
import type { Pipeline } from "../pipeline.ts";
import type { Clock, Telemetry } from "../ports.ts";
import { createCrew, type CrewParts, type CrewState } from "../workers/crew.ts";
import type { WaitingDoors } from "./waiting.ts";

export interface DoorParts {
  readonly acting: Pick<Switchboard, "snapshot" | "mirroringEnabled" | "onChange">;
  readonly pipeline: Pick<Pipeline, "handle" | "tunnel" | "intake">;
  readonly noise: Noise;
  readonly telemetry: Telemetry;
  readonly tunnels: OpenTunnels;
  /** null: nobody listens yet. */
  readonly waiting: Pick<WaitingDoors, "clients" | "leaveAdmin"> | null;
  readonly pairs: PairBook;
  readonly clientMappings: ClientMappings;
  readonly dial: Dial;
  readonly dialCounts: DialCounts;
  readonly fallback: Fallback;
  readonly fallbackCounts: FallbackCounts;
  readonly clock: Clock;
  readonly warn: (line: string) => void;
  readonly caught: Caught;
}

/** Where clients come in: this process's own listener, or its workers. */
export interface Door extends Listener {
  readonly workers: () => CrewState;
  /** null: this process's own front holds writes back. */
  readonly holds: WorkerHolds | null;
  /** Ends the workers, if there are any. */
  end(): Promise<void>;
}

const NO_WORKERS: CrewState = { wanted: 0, running: 0, replaced: 0 };

/** @throws CrossfadeError: the address is taken */
export async function openDoor(parts: DoorParts): Promise<Door> {
  const { acting, pipeline, waiting, ...others } = parts;
  await waiting?.leaveAdmin();
  const clients = waiting?.clients ?? null;
  if (acting.snapshot().settings.workers > 0) {
    const ofCrew: CrewParts = { ...others, acting, intake: pipeline.intake, refused: null };
    const crew = clients?.kind === "workers" ? clients.handOver(ofCrew) : await createCrew(ofCrew);
    return { ...crew, workers: () => crew.state(), holds: crew };
  }
  const handlers: Handlers = {
    handle: pipeline.handle,
    tunnel: pipeline.tunnel,
    tunnels: (protocol) => acting.snapshot().settings.tunnels.includes(protocol),
  };
  const { settings } = acting.snapshot();
  const listener = clients?.kind === "own" ? clients.handOver(handlers) : await createListener(settings, handlers);
  return { ...listener, workers: () => NO_WORKERS, holds: null, end: () => Promise.resolve() };
}
