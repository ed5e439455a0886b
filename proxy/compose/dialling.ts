import type { Switchboard } from "../config/switchboard.ts";
import { bysOf, createDial, type Dial, type DialParts, fallsBack, specOf } from "../reads/dial.ts";
import { createDialCounts, type DialCounts } from "../reads/dial-counts.ts";
import { createDialRests } from "../reads/dial-rests.ts";
import type { Snapshot } from "../exchange.ts";
import { createFallback, type Fallback, type FallbackParts } from "../reads/fallback.ts";
import { createFallbackCounts, type FallbackCounts } from "../reads/fallback-counts.ts";
import { createFallbackEnds } from "../reads/fallback-ends.ts";
import type { Journal } from "../journal.ts";
import type { Members } from "../members/members.ts";
import { Pins } from "../mirror/pins.ts";
import type { SharedPins } from "../members/pins.ts";
import type { Clock, Store, Telemetry } from "../ports.ts";

export interface DiallingParts extends Pick<DialParts, "mirroringEnabled" | "isBroken">, Pick<FallbackParts, "missed"> {
  readonly snapshot: () => Snapshot;
  readonly onChange: Switchboard["onChange"];
  readonly shared: SharedPins | null;
  readonly store: Store;
  readonly journal: Journal;
  readonly members: Pick<Members, "list">;
  /** See `FallbackEnds`. */
  readonly cutOverAt: (route: string) => number | null;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

/** What of reads another service than their primary may answer, and what has to be kept from it for that. */
export interface Dialling {
  readonly dial: Dial;
  readonly counts: DialCounts;
  readonly fallback: Fallback;
  readonly fallbackCounts: FallbackCounts;
  readonly pins: Pins;
  /** Once what an earlier process left is in the books. */
  begin(): void;
  end(): void;
}

export function createDialling(parts: DiallingParts): Dialling {
  const { shared, snapshot, clock, store, journal, members } = parts;
  const settings = () => snapshot().settings;
  const pins = new Pins(shared);
  const counts = createDialCounts(parts.telemetry);
  const fallbackCounts = createFallbackCounts(parts.telemetry);
  const rests = createDialRests({
    ...{ store, members, pins, settings },
    waiting: () => journal.waiting(),
    earlierSettled: () => shared?.settledEarlierLives(),
    monotonic: () => clock.monotonic(),
  });
  const ends = createFallbackEnds({ store, settings, cutOverAt: parts.cutOverAt });
  let hasBegun = false;

  function follow(): void {
    pins.pinFor(specOf(settings()), bysOf(settings()), journal.waiting() > 0);
    if (!pins.isNeeded || !hasBegun) return;
    rests.begin();
    if (settings().routes.some(fallsBack)) ends.begin();
  }

  parts.onChange(follow);
  follow();
  return {
    dial: createDial({ ...parts, pins, rests }, counts),
    counts,
    fallback: createFallback({ ...parts, pins, rests, ends, counts: fallbackCounts }),
    fallbackCounts,
    pins,
    begin() {
      hasBegun = true;
      follow();
    },
    end() {
      rests.end();
      ends.end();
    },
  };
}
