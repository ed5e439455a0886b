/** How the writes of each mirrored route are verified and repaired, as `crossfade check` prints it. */
import { METHODS } from "node:http";
import { parsePattern } from "../pattern.ts";
import { PHASE_ROLES } from "../moves/phases.ts";
import { type ReadBack, type ReadBackSteps, readBackOfRequest } from "../read-back.ts";
import { splitPath } from "../target.ts";
import { alignColumns } from "./columns.ts";
import type { RouteSettings, Settings } from "./settings.ts";

export interface RepairRow {
  readonly route: string;
  /** A write of the route, made up: `PUT /users/42`. */
  readonly example: string;
  /** `GET /users/42`; null: its key cannot be repaired. */
  readonly readBack: string | null;
  readonly how: "declared" | "derived" | null;
  readonly why: string | null;
  readonly write: RouteSettings["repair"]["write"];
  readonly automatic: boolean;
  /** `20/s` */
  readonly rate: string;
}

/** Of routes whose writes are mirrored. */
export function repairRows({ routes }: Settings, steps: ReadBackSteps): readonly RepairRow[] {
  const mirrored = routes.filter(({ phase, mirror }) => PHASE_ROLES[phase].shadow !== null && mirror.writes);
  return mirrored.map((route) => {
    const { method, path } = exampleOf(route);
    const found = readBackOfRequest(route, { method, path, host: route.match.host }, steps);
    return {
      route: route.name,
      example: `${method} ${path}`,
      ...spellReadBack(found),
      write: route.repair.write,
      automatic: route.repair.automatic,
      rate: `${route.repair.ratePerSecond}/s`,
    };
  });
}

export function spellReadBack(found: ReadBack): Pick<RepairRow, "readBack" | "how" | "why"> {
  if (!found.readable) return { readBack: null, how: null, why: found.why };
  return { readBack: `GET ${found.path}`, how: found.how, why: null };
}

/** Lines: a heading and one line a route, then why some cannot be repaired; none where nothing is mirrored. */
export function formatRepairTable(rows: readonly RepairRow[], width?: number): readonly string[] {
  if (rows.length === 0) return [];
  const cells = rows.map(({ route, example, readBack, how, write, automatic, rate }) => [
    route,
    example,
    readBack === null ? "impossible" : `${readBack} (${how})`,
    readBack === null ? "-" : `${write}, ${automatic ? "automatic" : "on command"}, ${rate}`,
  ]);
  const reasons = rows.flatMap(({ route, why }) => (why === null ? [] : [`${route}: no repair by state: ${why}`]));
  const table = alignColumns([["route", "a write like", "is read back by", "repaired"], ...cells], width);
  return [...table, ...reasons, ""];
}

const SAFE = ["GET", "HEAD", "OPTIONS", "TRACE"];

function exampleOf({ match, treatAs }: RouteSettings): { readonly method: string; readonly path: string } {
  const parsed = parsePattern(match.path);
  const parts = splitPath(match.path) ?? [];
  const segments = parsed.ok ? parsed.pattern.segments : [];
  const path = segments.map((segment, i) => (segment.kind === "literal" ? (parts[i] ?? "") : "42"));
  // A route for everything takes collection and id from the path.
  if (!segments.some((segment) => segment.kind === "literal")) path.unshift("things");
  const methods = match.methods ?? METHODS;
  const writes = methods.filter((method) => treatAs === "write" || !SAFE.includes(method));
  const method = ["PUT", "POST", "PATCH", "DELETE"].find((usual) => writes.includes(usual)) ?? writes[0] ?? "PUT";
  return { method, path: `/${path.join("/")}` };
}
