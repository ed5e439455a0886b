/** Which routes may have their reads answered by another service than their primary, at check and when that is switched on while the proxy runs. */
import { PHASE_ROLES } from "../moves/phases.ts";
import type { Findings } from "./findings.ts";
import type { Places } from "./places.ts";
import { pathOf, type Resolved } from "./resolve.ts";
import { serviceOf, type RouteSettings, type Settings } from "./settings.ts";
import { spellShare } from "./units.ts";

export function checkDials(input: Resolved, places: Places, findings: Findings): void {
  const { settings } = input;
  for (const [i, route] of settings.routes.entries()) {
    const { dialShare, by } = route.reads;
    if (dialShare === 0) {
      if (by === null || input.origins[i]?.["reads.by"] !== "route") continue;
      const why = "says whose reads stay on one side, and reads.dial is 0%: nobody looks before somebody dials";
      findings.advice.push(places.at(pathOf(input, i, "reads.by"), why));
      continue;
    }
    const path = pathOf(input, i, "reads.dial");
    if (PHASE_ROLES[route.phase].shadow === null && route.phase === "legacy-only") {
      const why = `is ${spellShare(dialShare)}, and in phase legacy-only nobody answers but legacy`;
      findings.warnings.push(places.at(path, `${why}; write phase: dual-write, or take it out`));
      continue;
    }
    const why = whyNotDialled(settings, route);
    if (why !== null) findings.errors.push(places.at(path, `is ${spellShare(dialShare)}, and ${why}`));
  }
}

/** Routes that ask legacy for what next has not: what would bring back rows that clients have deleted, and what does nothing. */
export function checkFallbacks(input: Resolved, places: Places, findings: Findings): void {
  const { settings } = input;
  for (const [i, route] of settings.routes.entries()) {
    if (!route.reads.fallback) continue;
    const path = pathOf(input, i, "reads.fallback");
    if (route.sharedDatabase) {
      const why = "is true, and both services use one database (sharedDatabase): legacy has nothing that next has not";
      if (input.origins[i]?.["reads.fallback"] === "route")
        findings.errors.push(places.at(path, `${why}; take it out`));
      continue;
    }
    const deaf = unmirrored(settings, route);
    if (deaf !== null) {
      const why = `writes of ${deaf.name} are not mirrored (mirror.writes: false): legacy would bring back what they deleted`;
      findings.errors.push(places.at(path, `is true, and ${why}; mirror them, or write fallback: false`));
    }
    if (settings.services["legacy"]?.asShadow.credentials === "strip") {
      const why =
        "legacy is not to see clients' credentials (asShadow.credentials: strip), without which it cannot answer for next";
      findings.errors.push(places.at(path, `is true, and ${why}; write forward, or fallback: false`));
    }
    if (PHASE_ROLES[route.phase].primary === "next" && PHASE_ROLES[route.phase].shadow === null) {
      const why = `is true, and in phase ${route.phase} nobody asks legacy`;
      findings.warnings.push(places.at(path, `${why}; take it out`));
    }
  }
}

/** Why next may not answer any of its reads while legacy is the primary, and the way out; null: it may. */
export function whyNotDialled(settings: Settings, route: RouteSettings): string | null {
  const { [route.next]: next } = settings.services;
  if (next !== undefined && serviceOf(settings, route.next).asShadow.credentials === "strip") {
    return `${route.next} is not to see clients' credentials (asShadow.credentials: strip), without which it cannot answer for them; write forward, or dial: 0%`;
  }
  const deaf = unmirrored(settings, route);
  if (deaf !== null) {
    return `writes of ${deaf.name} do not reach ${route.next} (mirror.writes: false): it would answer with what was; mirror them, or write dial: 0%`;
  }
  return whyEtagsCross(route) ?? whyCursorsCross(route);
}

/** A route about the same rows whose writes the shadow never sees. */
function unmirrored({ routes }: Settings, route: RouteSettings): RouteSettings | null {
  if (route.sharedDatabase) return null;
  const kin = routes.filter(
    (one) => one === route || one.name === route.name || (one.entity !== null && one.entity === route.entity),
  );
  return (
    kin.find(({ mirror, match, treatAs }) => !mirror.writes && treatAs !== "read" && takesWrites(match.methods)) ?? null
  );
}

function takesWrites(methods: readonly string[] | null): boolean {
  return methods === null || methods.some((method) => method !== "GET" && method !== "HEAD" && method !== "OPTIONS");
}

const RULE_KINDS = ["ignore", "normalise", "tolerance", "equivalent", "shapes", "unordered"] as const;

/** A client that holds one side's ETag hands it to the other, in if-match or if-none-match. */
function whyEtagsCross({ compare, values }: RouteSettings): string | null {
  const way = "have both services make the same ETags, or none";
  if (values.learn.some(({ at }) => at.source === "answer-header" && at.name === "etag")) {
    return `ETags differ between the services (values.learn): pairs of them are learnt from writes alone, so that one of a dialled read would be sent to legacy as it is; ${way}, or write dial: 0%`;
  }
  const excused = RULE_KINDS.some((kind) => compare[kind].some(({ at }) => at === "header:etag"));
  if (excused) {
    return `a rule of compare excuses header:etag: clients would send one service's ETags to the other; ${way}, and take the rule out, or write dial: 0%`;
  }
  if (compare.headers.includes("etag")) return null;
  return `nobody compares ETags, which clients would send from one service to the other; write compare: { headers: [content-type, location, etag] } (services without ETags pass), or dial: 0%`;
}

const CURSOR = /(?:cursor|continuation|page_?token|next_?(?:page|token|link)|scroll_?id)$/i;

/** Where a list goes on is told by one side, and asked of the other. */
function whyCursorsCross({ compare, values }: RouteSettings): string | null {
  const excused = [
    ...compare.ignore.map(({ at }) => ["compare.ignore excuses", at] as const),
    ...values.learn
      .filter(({ at }) => at.source === "answer")
      .map(({ at }) => ["values.learn takes for another value on either side", at.name] as const),
  ].find(([, at]) => CURSOR.test(at) || at === "header:link");
  if (excused === undefined) return null;
  return `${excused[0]} ${excused[1]}, a cursor: clients would go on at one service with what the other made; have next take legacy's cursors and take the rule out, or write dial: 0%`;
}
