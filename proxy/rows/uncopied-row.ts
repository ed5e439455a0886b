/** A row that a backfill leaves to repair, as the exchange that the repair list would know it from. Pure. */
import type { RouteSettings } from "../config/settings.ts";
import type { Settled, Snapshot } from "../exchange.ts";
import { skipped } from "../outcome.ts";
import { parsePattern } from "../pattern.ts";
import { PHASE_ROLES } from "../moves/phases.ts";
import { entityOfKey } from "../reach.ts";

/** `key`: `users/42`. `now`: epoch ms. */
export function uncopiedRow(
  route: RouteSettings,
  snapshot: Snapshot,
  { key, jobId, now }: { readonly key: string; readonly jobId: string; readonly now: number },
): Settled {
  const path = pathOf(route, key.slice(entityOfKey(key).length + 1));
  const { host, headers } = route.match;
  const { primary, shadow } = PHASE_ROLES[route.phase];
  const request = {
    method: "PUT",
    target: path,
    path,
    query: "",
    headers: [...(host === null ? [] : ["host", host]), ...headers.flat()],
    remoteAddress: "",
    scheme: "http",
  } as const;
  return {
    exchange: {
      id: jobId,
      arrivedAt: now,
      snapshot,
      request,
      route,
      params: snapshot.router.match(request)?.params ?? { named: {}, rest: [] },
      plan: { mirror: true, primary, shadow: shadow ?? "next", requestClass: "write" },
      traceId: "",
      trace: null,
    },
    requestBody: null,
    key,
    moreKeys: [],
    outcome: skipped("not-copied"),
    primary: { status: null, ms: null, bytes: null },
    shadow: null,
    differences: [],
    moreDifferences: 0,
    build: null,
    taintedBy: null,
    error: null,
    failure: null,
    repair: "not-copied",
    notBefore: null,
    uncreated: false,
    answers: null,
  };
}

/** Where the entity is, if it is where most are: its id below what the route's pattern begins with. */
function pathOf(route: RouteSettings, id: string): string {
  const parsed = parsePattern(route.match.path);
  const fixed: string[] = [];
  for (const segment of parsed.ok ? parsed.pattern.segments : []) {
    if (segment.kind !== "literal") break;
    fixed.push(encodeURIComponent(segment.text));
  }
  return `/${[...fixed, encodeURIComponent(id)].join("/")}`;
}
