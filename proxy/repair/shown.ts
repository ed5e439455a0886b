/** What may be shown of an attempt: path, reason and differences, redacted as evidence of the route is. */
import type { Difference } from "../evidence/evidence.ts";
import { headerOf, type Snapshot } from "../exchange.ts";
import { UNKNOWN } from "../outcome.ts";
import type { Redactor } from "../record/redaction.ts";
import type { ReadyEntry } from "./entry.ts";
import type { Seen } from "./mend.ts";

export interface Shown {
  readonly path: string;
  readonly why: string | null;
  readonly differences: readonly Difference[];
}

/** More tell no more. */
const DIFFERENCES_SHOWN = 5;

export function showAttempt(
  redactor: Pick<Redactor, "redact">,
  snapshot: Snapshot,
  entry: ReadyEntry,
  seen: Seen | null,
  why: string | null,
): Shown {
  const { route, primary, shadow, place, paths } = entry;
  const entity = seen?.entity ?? null;
  const body = entity?.body.kind === "memory" ? entity.body.bytes : null;
  const type = entity === null ? null : headerOf(entity.headers, "content-type");
  const headers = [...primary.own.headers, ...shadow.own.headers, ...route.match.headers].flat();
  const request = {
    method: "GET",
    target: paths.path,
    path: paths.path,
    query: "",
    headers: type === null ? headers : [...headers, "content-type", type],
    remoteAddress: "",
    scheme: "http",
  } as const;
  const { path, error, differences } = redactor.redact({
    exchange: {
      id: "",
      arrivedAt: 0,
      snapshot,
      request,
      route,
      params: snapshot.router.match(request)?.params ?? { named: {}, rest: [] },
      plan: { mirror: false, why: "no-route", primary: "legacy", shadow: null, requestClass: "read" },
      traceId: "",
      trace: null,
    },
    // What is secret in it is secret in what is said of it.
    requestBody: body,
    key: place.key,
    moreKeys: [],
    outcome: UNKNOWN,
    primary: { status: null, ms: null, bytes: null },
    shadow: null,
    differences: (seen?.differences ?? []).slice(0, DIFFERENCES_SHOWN),
    moreDifferences: 0,
    build: null,
    taintedBy: null,
    error: why,
    failure: null,
    repair: null,
    notBefore: null,
    uncreated: false,
    answers: null,
  });
  return { path, why: error, differences };
}
