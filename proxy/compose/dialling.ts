import type { Switchboard } from "../config/switchboard.ts";
import { bysOf, createDial, type Dial, type DialParts, specOf } from "../dial.ts";
import { createDialCounts, type DialCounts } from "../dial-counts.ts";
import { createDialRests } from "../dial-rests.ts";
import type { Snapshot } from "../exchange.ts";
import type { Journal } from "../journal.ts";
import type { Members } from "../members.ts";
import { Pins } from "../mirror/pins.ts";
import type { SharedPins } from "../pins.ts";
import type { Clock, Store, Telemetry } from "../ports.ts";

export interface DiallingParts extends Pick<DialParts, "mirroringEnabled" | "isBroken"> {
  readonly snapshot: () => Snapshot;
  readonly onChange: Switchboard["onChange"];
  readonly shared: SharedPins | null;
  readonly store: Store;
  readonly journal: Journal;
  readonly members: Pick<Members, "list">;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

/** What of reads next may answer, and what has to be kept from it for that. */
export interface Dialling {
  readonly dial: Dial;
  readonly counts: DialCounts;
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
  const rests = createDialRests({
    ...{ store, members, pins, settings },
    waiting: () => journal.waiting(),
    earlierSettled: () => shared?.settledEarlierLives(),
    monotonic: () => clock.monotonic(),
  });
  let hasBegun = false;

  function follow(): void {
    pins.pinFor(specOf(settings()), bysOf(settings()));
    if (pins.isNeeded && hasBegun) rests.begin();
  }

  parts.onChange(follow);
  follow();
  return {
    dial: createDial({ ...parts, pins, rests }, counts),
    counts,
    pins,
    begin() {
      hasBegun = true;
      follow();
    },
    end: () => rests.end(),
  };
}
