/** What the repair list is told of a settled write: its key as it may be shown, and where its entity stands, sealed. */
import type { RepairReason } from "../evidence/evidence.ts";
import { headerOf, type Settled } from "../exchange.ts";
import type { StoreWrite } from "../ports.ts";
import { type EntityPlace, goesToPart, isCreate } from "../read-back.ts";
import type { Sealer } from "../sealed.ts";

export type RepairMark = Extract<StoreWrite, { type: "repair" }>;

/** `shownKey` null: the entry stands for the whole collection. */
export function repairEntry(
  settled: Settled,
  reason: RepairReason,
  shownKey: string | null,
  sealer: Pick<Sealer, "seal">,
): RepairMark {
  const { exchange, key, notBefore } = settled;
  const { request, route } = exchange;
  let place = null;
  if (shownKey !== null && key !== null) {
    const exact: EntityPlace = {
      key,
      method: request.method,
      path: request.path,
      host: headerOf(request.headers, "host"),
    };
    const sealed = sealer.seal(JSON.stringify(exact));
    const uncreated = settled.uncreated && isCreate(exact) ? ({ uncreated: true } as const) : {};
    place = { sealed, part: goesToPart(exact), ...uncreated };
  }
  return {
    type: "repair",
    route: route.name,
    key: shownKey,
    reason,
    exchangeId: exchange.id,
    at: new Date(exchange.arrivedAt).toISOString(),
    notBefore: notBefore === null ? null : new Date(notBefore).toISOString(),
    place,
    misses: exchange.plan.shadow,
  };
}
