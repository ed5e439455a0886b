import type { Caught } from "../caught.ts";
import type { ServiceSettings } from "../config/settings.ts";
import type { BodyTakers } from "../forward/capture.ts";
import type { PrimaryEnding } from "../forward/forwarder.ts";
import type { CrossingWrite, Entered, Intake } from "./intake.ts";
import type { Watched } from "../noise/noise.ts";
import type { Clock } from "../ports.ts";
import { NO_ROUTE } from "../moves/leanings.ts";
import { type Asked, type EndedSpan, primarySpan } from "../tracing/spans.ts";
import type { Trace } from "../tracing/trace.ts";

/** Who is to hear of a forwarded request what. */
export interface Watch {
  /** null: nobody needs a copy. */
  readonly takers: BodyTakers | null;
  readonly settleWrite: boolean;
  /** See `ForwardJob`. */
  readonly ended: (ending: PrimaryEnding) => Promise<void> | null;
  readonly closed: (() => void) | null;
  /** null, as for most: nobody records it. */
  readonly traced: Traced | null;
  /** Where that is not the one that is asked. */
  readonly answeredBy?: () => ServiceSettings;
}

/** A request that is traced, and what its spans say of it. */
export interface Traced {
  readonly trace: Trace;
  readonly asked: Asked;
}

export const NOT_FORWARDED: PrimaryEnding = { end: "unreached", why: "it could not be forwarded" };

/** A request that fails while it is forwarded may have been ended already, or end once more when its client is cut off. */
export function toldOnce(watched: Watched): Watched {
  let [hasEnded, isClosed] = [false, false];
  return {
    takers: watched.takers,
    ended(ending) {
      if (hasEnded) return;
      hasEnded = true;
      watched.ended(ending);
    },
    closed() {
      if (isClosed) return;
      isClosed = true;
      watched.closed();
    },
  };
}

export const UNWATCHED: Watch = {
  takers: null,
  settleWrite: false,
  ended: () => null,
  closed: null,
  traced: null,
};

/** `service`: who answered in the end. */
export function spanOfPrimary(
  { trace, asked }: Traced,
  ending: PrimaryEnding,
  service: ServiceSettings,
  clock: Pick<Clock, "monotonic">,
): EndedSpan {
  return primarySpan(trace, {
    method: asked.method,
    route: asked.route?.name ?? NO_ROUTE,
    endedAt: clock.monotonic(),
    ms: ending.end === "unreached" ? 0 : ending.ms,
    status: ending.end === "unreached" ? null : ending.status,
    errorType: ending.end === "answered" ? null : ending.end,
    service: service.name,
    origin: service.origin,
  });
}

/** A write to a database that both services use: whoever compares reads of it hears of the write. */
export function crossingWatch(
  { intake, caught }: { readonly intake: Pick<Intake, "cross">; readonly caught: Caught },
  watch: Watch,
  write: CrossingWrite,
): Watch {
  let entered: Entered;
  try {
    entered = intake.cross(write);
  } catch (error) {
    caught("crossing", error);
    return watch;
  }
  return {
    ...watch,
    takers: watch.takers ?? entered.takers(),
    ended: (ending) => {
      void entered.ended(ending);
      return watch.ended(ending);
    },
  };
}
