import { serviceOf, type ServiceSettings } from "../config/settings.ts";
import type { About, BodyCopy, Exchange } from "../exchange.ts";
import type { PrimaryAnswered } from "../forward/forwarder.ts";
import type { Waiting } from "../mirror/backlog.ts";
import type { Place } from "../mirror/unsettled.ts";
import type { Teaching } from "../mirror/values/teaching.ts";
import { serviceNameFor } from "../moves/phases.ts";

/** An accepted exchange that waits in its lanes for the shadow. */
export interface Copy {
  readonly exchange: Exchange;
  readonly about: About;
  readonly primary: PrimaryAnswered;
  readonly body: BodyCopy;
  readonly order: string;
  /** Attempts of an earlier process that may have reached the shadow. */
  readonly earlierAttempts: number;
  /** Held of the budget while the copy waits, beside its bodies. */
  readonly costBytes: number;
  readonly answeredAt: number;
  readonly waiting: Waiting;
  /** Among what the shadow is not done with; null for a read. */
  readonly place: Place | null;
  /** null: its route has no values that differ between the services. */
  readonly teaching: Teaching | null;
}

export function shadowOf({ exchange }: Copy): ServiceSettings {
  const identity = exchange.plan.mirror ? exchange.plan.shadow : "next";
  return serviceOf(exchange.snapshot.settings, serviceNameFor(identity, exchange.route));
}
