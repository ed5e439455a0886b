/** In which partition of a store a write belongs: that of its route. */
import type { StoreWrite } from "../../../proxy/ports.ts";
import { partitionOf } from "./keys.ts";

/** null: in each of them. */
export function homeOf(write: StoreWrite, partitions: number): number | null {
  if (isOfAllPartitions(write)) return null;
  const route = routeOf(write);
  return route === null ? 0 : partitionOf(route, partitions);
}

export function routesOf(partition: number, partitions: number, routes: readonly string[] = []): readonly string[] {
  return routes.filter((route) => partitionOf(route, partitions) === partition);
}

/** Which route a gap was opened for, its end does not say; a mark stands for what came before it in any of them. */
type OfAllPartitions = Extract<StoreWrite, { type: "gap-closed" | "gap-withdrawn" | "journal-mark" }>;

function isOfAllPartitions(write: StoreWrite): write is OfAllPartitions {
  return write.type === "gap-closed" || write.type === "gap-withdrawn" || write.type === "journal-mark";
}

/** null: it is of the store as a whole. */
function routeOf(write: Exclude<StoreWrite, OfAllPartitions>): string | null {
  switch (write.type) {
    case "divergence":
      return write.record.route;
    case "pin":
    case "unpin":
    case "audit":
    case "places":
    case "gate-evidence":
    case "row-job":
      return null;
    case "leaned":
      return write.leaning.route;
    case "count":
    case "eligible":
    case "compared-read":
    case "pair":
    case "repair":
    case "gap-opened":
    case "shadow":
      return write.route;
    default: {
      const never: never = write;
      throw new TypeError(`no such write: ${JSON.stringify(never)}`);
    }
  }
}
