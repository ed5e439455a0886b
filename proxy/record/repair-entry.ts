/** What the repair list is told of a settled write: its key as it may be shown, and where its entity stands, sealed. */
import { serviceOf } from "../config/settings.ts";
import type { RepairReason } from "../evidence.ts";
import { headerOf, type Settled } from "../exchange.ts";
import { serviceNameFor } from "../phases.ts";
import type { StoreWrite } from "../ports.ts";
import { type EntityPlace, goesToPart } from "../read-back.ts";
import type { Sealer } from "../sealed.ts";

/** `shownKey` null: the entry stands for the whole collection. `now`: epoch ms. */
export function repairEntry(
  settled: Settled,
  reason: RepairReason,
  shownKey: string | null,
  sealer: Pick<Sealer, "seal">,
  now: number,
): StoreWrite {
  const { exchange, key } = settled;
  const { request, route } = exchange;
  let place = null;
  if (shownKey !== null && key !== null) {
    const exact: EntityPlace = {
      key,
      method: request.method,
      path: request.path,
      host: headerOf(request.headers, "host"),
    };
    place = { sealed: sealer.seal(JSON.stringify(exact)), part: goesToPart(exact) };
  }
  const workMs = mayStillWorkMs(settled, reason);
  return {
    type: "repair",
    route: route.name,
    key: shownKey,
    reason,
    exchangeId: exchange.id,
    at: new Date(exchange.arrivedAt).toISOString(),
    notBefore: workMs === 0 ? null : new Date(now + workMs).toISOString(),
    place,
  };
}

/** For how long a service may still work on what it was sent of this write. */
function mayStillWorkMs({ exchange, failure }: Settled, reason: RepairReason): number {
  const { plan, route, snapshot } = exchange;
  const of = (identity: "legacy" | "next"): number =>
    serviceOf(snapshot.settings, serviceNameFor(identity, route)).asShadow.maxWorkMs;
  switch (reason) {
    case "unknown":
      return of(plan.primary);
    case "late-attempt":
    case "shadow-timeout":
      return of(plan.shadow ?? "next");
    case "shadow-error":
      // No connection, nothing sent.
      return failure === "connect-failed" || failure === "connect-timeout" ? 0 : of(plan.shadow ?? "next");
    case "body-too-large":
    case "shadow-refused":
    case "dropped":
    case "overlap":
      return 0;
    default: {
      const never: never = reason;
      throw new TypeError(`no such reason: ${String(never)}`);
    }
  }
}
