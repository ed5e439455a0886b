/** Workers that clients come to while the store is away at a start: the same processes go on once it is there (store-away/waiting-door.ts). */
import { HELD } from "../barrier/own-writes.ts";
import type { Switchboard } from "../config/switchboard.ts";
import { NO_ROUTE } from "../moves/leanings.ts";
import { noIntake } from "../store-away/no-intake.ts";
import type { Waiting, WaitingDoorParts } from "../store-away/waiting-door.ts";
import { createCrew, type Crew, type CrewParts } from "./crew.ts";

export interface WaitingCrew extends Waiting {
  readonly kind: "workers";
  readonly listener: Crew;
  /** What they tell from here on goes into these books; what waits goes on under these settings. */
  handOver(parts: CrewParts): Crew;
}

export interface WaitingCrewParts extends WaitingDoorParts {
  readonly warn: (line: string) => void;
}

/** @throws CrossfadeError as a listener of this process would */
export async function openWaitingCrew(parts: WaitingCrewParts): Promise<WaitingCrew> {
  const { settings, snapshot, refused, tunnels, clock, caught, warn } = parts;
  const routes = settings.routes.map(({ name }) => name);
  let unmatched = 0;
  const acting: Pick<Switchboard, "snapshot" | "mirroringEnabled" | "onChange"> = {
    snapshot: () => snapshot,
    // Nothing could be told of a copy: the gap is told before the first write.
    mirroringEnabled: () => false,
    onChange: () => undefined,
  };
  const crew = await createCrew({
    ...{ acting, tunnels, clock, caught, warn },
    refused: [...refused.keys()],
    intake: noIntake(caught),
    noise: { watchChosen: () => null, sawFailure: () => undefined },
    telemetry: {
      clientRequest: () => undefined,
      serverRequest: (route) => void (unmatched += Number(route === NO_ROUTE)),
      span: () => undefined,
      spansLost: () => undefined,
    },
    pairs: { look: () => Promise.resolve(), pairOf: () => "unknown" },
    clientMappings: { count: () => undefined },
    // Without the store nobody knows what a write may have touched.
    dial: { mayAsk: () => false },
    dialCounts: { count: () => undefined },
    fallback: { mayAsk: () => false, missed: () => undefined },
    fallbackCounts: { count: () => undefined },
  });
  return {
    kind: "workers",
    listener: crew,
    async settled(withinMs) {
      const { promise: late, resolve } = Promise.withResolvers<string>();
      const timer = setTimeout(() => resolve("late"), withinMs);
      const why = await Promise.race([crew.holdWrites(routes, HELD), late]);
      clearTimeout(timer);
      return why === null;
    },
    goOn: () => crew.releaseWrites(),
    unmatched: () => unmatched,
    handOver(next) {
      crew.serve(next);
      crew.releaseWrites();
      return crew;
    },
    async close() {
      crew.releaseWrites();
      await crew.close();
      await crew.end();
    },
  };
}
