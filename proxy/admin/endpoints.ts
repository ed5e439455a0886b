/** What the admin listener answers, but for the page and the event stream: one table for routing and the OpenAPI document. */
import type { GroupState } from "../evidence/evidence.ts";
import type { Page, Store } from "../ports.ts";
import { nearestName } from "../config/nearest.ts";
import type { History } from "./history.ts";
import { readGroupChange } from "./group-change.ts";
import { readRouteChange } from "./override-change.ts";
import { viewMember } from "./member-view.ts";
import type { AdminParts } from "./parts.ts";
import type { Patience } from "./patience.ts";
import { Problem } from "./problem.ts";
import { type JobChange, readJobChange } from "./repair-request.ts";
import type { JobRecord } from "../repair-job.ts";
import type { RunningJobRecord } from "../rows/running-job.ts";
import { DEFAULT_LIMIT, type ParameterName, type QueryValues } from "./query.ts";
import { type RouteView, viewRoute } from "./route-view.ts";
import { withOwnDisagreements } from "./own-disagreements.ts";
import type { SchemaName } from "./schemas.ts";
import { buildStatusView, type StatusView } from "./status-view.ts";
import { PAIR_OUTCOMES } from "../evidence/stored-pair.ts";

export interface Call {
  readonly parts: AdminParts;
  readonly patience: Patience;
  readonly history: History;
  /** The item's id or name, decoded; "" where the path has none. */
  readonly id: string;
  readonly query: QueryValues;
  /** False only on open endpoints, where tokens are configured and none was given: no details then. */
  readonly trusted: boolean;
}

export interface Reply {
  readonly status?: number;
  readonly type?: string;
  /** Sent as it is where it is a string, else as JSON. */
  readonly body: unknown;
}

/** A change that was asked for by someone who may. */
export interface ChangeCall extends Call {
  /** The body's text. */
  readonly body: string;
  /** Who asks. */
  readonly by: string;
}

export interface Endpoint {
  /** As OpenAPI writes it: `{id}` is one segment. */
  readonly path: string;
  readonly summary: string;
  /** Answers without a token too. */
  readonly open?: true;
  /** Shows whole requests and answers: needs the role bodies (or operate). */
  readonly bodies?: true;
  readonly parameters?: readonly ParameterName[];
  /** The schema of the answer, or its content type where it is not JSON. */
  readonly answers: { readonly json: SchemaName; readonly list?: true } | { readonly type: string };
  readonly reply: (call: Call) => Promise<Reply> | Reply;
  /** What `PATCH` does here: needs the role operate. */
  readonly change?: {
    readonly summary: string;
    readonly takes: SchemaName;
    readonly answers: SchemaName;
    readonly reply: (call: ChangeCall) => Promise<Reply>;
  };
}

const PAGE: readonly ParameterName[] = ["limit", "cursor"];
export const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export const ENDPOINTS: readonly Endpoint[] = [
  {
    path: "/healthz",
    summary: "The process is alive",
    open: true,
    answers: { json: "Health" },
    reply: () => ({ body: { status: "ok" } }),
  },
  {
    path: "/readyz",
    summary:
      "200 while requests can be routed safely, else 503; everything else that is wrong is a warning in the body",
    open: true,
    answers: { json: "Readiness" },
    reply: ({ parts, trusted }) => {
      const { ready, warnings } = statusOf(parts);
      return { status: ready ? 200 : 503, body: trusted ? { ready, warnings } : { ready } };
    },
  },
  {
    path: "/metrics",
    summary: "Metrics in Prometheus' text format",
    answers: { type: PROMETHEUS_TYPE },
    reply: async ({ parts, patience }) => ({
      type: PROMETHEUS_TYPE,
      body: await patience.for(() => parts.metricsText()),
    }),
  },
  {
    path: "/api/v1/status",
    summary: "Everything at a glance; outcomes and pending of a route sum to its eligible",
    answers: { json: "Status" },
    reply: async ({ parts }) => {
      await parts.lookAgain();
      return { body: statusOf(parts) };
    },
  },
  {
    path: "/api/v1/members",
    summary: "The processes that use the store: those that serve, that left, and that are silent",
    parameters: PAGE,
    answers: { json: "Member", list: true },
    reply: async ({ parts, patience, query }) => {
      const members = await patience.for(() => parts.members.list());
      return { body: pageInMemory(members.map(viewMember), query) };
    },
  },
  {
    path: "/api/v1/routes",
    summary: "The routes in the order in which they match, with settings and counts",
    parameters: PAGE,
    answers: { json: "Route", list: true },
    reply: ({ parts, query }) => ({ body: pageInMemory(routesOf(parts), query) }),
  },
  {
    path: "/api/v1/routes/{name}",
    summary: "One route",
    answers: { json: "Route" },
    reply: ({ parts, id }) => {
      return { body: routeOf(parts, id) };
    },
    change: {
      summary: "Sets over the file what of a route is mirrored, until it is taken back with null",
      takes: "RouteChange",
      answers: "Route",
      reply: async (call) => {
        const { parts, id } = call;
        routeOf(parts, id);
        await parts.override(readRouteChange(call.body, id, call.by));
        await parts.lookAgain();
        return { body: routeOf(parts, id) };
      },
    },
  },
  {
    path: "/api/v1/routes/{name}/gate",
    summary: "Whether a route may be cut over, and what is missing",
    answers: { json: "Gate" },
    reply: async ({ parts, patience, id }) => {
      const answer = await patience.for(() => parts.gate(id));
      if (answer === null) throw noSuchRoute(parts, id);
      return { body: answer };
    },
  },
  {
    path: "/api/v1/routes/{name}/retire",
    summary: "What of a route still leans on legacy or on Crossfade, since when it does not, and who could go",
    parameters: ["quiet"],
    answers: { json: "Retire" },
    reply: async ({ parts, patience, id, query }) => {
      const answer = await patience.for(() => parts.retire(id, query.quiet));
      if (answer === null) throw noSuchRoute(parts, id);
      return { body: answer };
    },
  },
  {
    path: "/api/v1/routes/{name}/history",
    summary:
      "What became of a route's copies, and how long both sides took, over the life of the process: at most 191 intervals, which widen with it",
    answers: { json: "RouteHistory" },
    reply: ({ parts, history, id }) => ({ body: history.of(routeOf(parts, id).name) }),
  },
  {
    path: "/api/v1/divergences",
    summary: "Every outcome but match and ignored, the newest first",
    parameters: ["route", "kind", "at", "outcome", "since", "group", "state", ...PAGE],
    answers: { json: "Divergence", list: true },
    reply: (call) => list(call, (store, query) => store.divergences(inStates(query))),
  },
  {
    path: "/api/v1/divergences/{id}",
    summary: "One divergence",
    answers: { json: "Divergence" },
    reply: (call) => item(call, "divergence", (store, id) => store.divergence(id)),
  },
  {
    path: "/api/v1/groups",
    summary: "Divergences by cause",
    parameters: ["route", "state", ...PAGE],
    answers: { json: "Group", list: true },
    reply: (call) =>
      list(call, async (store, query) => {
        const page = await store.groups(inStates(query));
        return { ...page, items: page.items.map((group) => withOwnDisagreements(group, call.parts.places)) };
      }),
  },
  {
    path: "/api/v1/groups/{id}",
    summary: "One cause with samples",
    answers: { json: "GroupWithSamples" },
    reply: (call) =>
      item(call, "group", async (store, id) => {
        const found = await store.group(id);
        if (found === null) return null;
        return { ...withOwnDisagreements(found.group, call.parts.places), samples: found.samples };
      }),
    change: {
      summary: "Says what has become of a cause: acknowledged (with a reason), fixed, or open again (new)",
      takes: "GroupChange",
      answers: "GroupRecord",
      reply: async (call) => {
        const decision = readGroupChange(call.body, call.by, Date.now());
        const changed = await item(call, "group", (store, id) => store.decideGroup(id, decision));
        // `item` throws where there is no such group: what is told here was done.
        const { state, reason } = decision;
        call.parts.audit({ by: call.by, action: "group", subject: call.id, what: state, reason });
        await call.parts.lookAgain();
        return changed;
      },
    },
  },
  {
    path: "/api/v1/places",
    summary: "What has been learnt of places in answers, where routes ask for it (compare.noise): counts, no values",
    parameters: ["route", ...PAGE],
    answers: { json: "Place", list: true },
    reply: ({ parts, query }) => ({ body: pageInMemory(parts.places.list(query.route), query) }),
  },
  {
    path: "/api/v1/pairs",
    summary: "Exchanges that were kept whole, redacted, the newest first",
    bodies: true,
    parameters: ["route", "group", "outcome", ...PAGE],
    answers: { json: "Pair", list: true },
    reply: (call) => {
      const { outcome } = call.query;
      const known = PAIR_OUTCOMES.find((one) => one === outcome);
      if (outcome !== undefined && known === undefined) throw noSuchPairs(outcome);
      const ask = (store: Store, { outcome: _, ...query }: QueryValues & { limit: number }) =>
        store.pairs({ ...query, ...(known === undefined ? {} : { outcome: known }) });
      return list(call, ask, PAIRS_AT_ONCE);
    },
  },
  {
    path: "/api/v1/values",
    summary:
      "What values of one service are at the other (values of routes), the newest first; secret ones are not shown",
    bodies: true,
    parameters: ["valueKind", ...PAGE],
    answers: { json: "ValuePair", list: true },
    reply: (call) =>
      list(call, (_, { valueKind, limit, cursor }) =>
        call.parts.values({
          limit,
          ...(valueKind === undefined ? {} : { kind: valueKind }),
          ...(cursor === undefined ? {} : { cursor }),
        }),
      ),
  },
  {
    path: "/api/v1/repairs",
    summary: "Keys whose shadow state is not known to equal the primary's",
    parameters: ["route", ...PAGE],
    answers: { json: "Repair", list: true },
    reply: (call) => list(call, (store, query) => store.repairs(query)),
  },
  {
    path: "/api/v1/jobs",
    summary:
      "Runs over the repair list, and jobs over rows that tell of themselves, since the process began, the newest first; the last 20 of each",
    answers: { json: "AnyJob", list: true },
    reply: ({ parts }) => ({ body: { items: jobsOf(parts), next: null } }),
  },
  {
    path: "/api/v1/jobs/{id}",
    summary: "One job, and how far it is",
    answers: { json: "AnyJob" },
    reply: ({ parts, id }) => ({ body: jobOf(parts.runningJobs.job(id) ?? parts.repairs.job(id), id) }),
    change: {
      summary:
        "Cancels a run over the repair list (what was begun is finished, and the rest stays on the list), or has a backfill pause, go on, or stop after its chunk",
      takes: "JobChange",
      answers: "AnyJob",
      reply: async ({ parts, id, body, by }) => ({ body: changeJob(parts, id, readJobChange(body), by) }),
    },
  },
  {
    path: "/api/v1/gaps",
    summary: "Intervals in which accounting may be incomplete",
    parameters: ["route", ...PAGE],
    answers: { json: "Gap", list: true },
    reply: (call) => list(call, (store, query) => store.gaps(query)),
  },
  {
    path: "/api/v1/audit",
    summary: "What was changed by API or CLI, by whom and why, the newest first",
    parameters: PAGE,
    answers: { json: "AuditEntry", list: true },
    reply: (call) => list(call, (store, query) => store.audit(query)),
  },
];

type AnyJob = JobRecord | RunningJobRecord;

/** Ids sort by time. */
function jobsOf({ repairs, runningJobs }: AdminParts): readonly AnyJob[] {
  return [...repairs.jobs(), ...runningJobs.jobs()].sort((a, b) => (a.id < b.id ? 1 : -1));
}

/** @throws Problem 404, 409 */
function changeJob({ repairs, runningJobs }: AdminParts, id: string, { state, reason }: JobChange, by: string): AnyJob {
  const of = runningJobs.job(id);
  if (of === null) {
    if (state === "cancelled" || repairs.job(id) === null) return jobOf(repairs.cancel(id, by, reason), id);
    throw new Problem(409, 'a run over the repair list does not pause; send {"state":"cancelled"}, and start it again');
  }
  if (of.kind === "reconcile") throw new Problem(409, "a comparison of rows ends where it was started, with Ctrl-C");
  const job = runningJobs.want(id, state === "cancelled" ? "stopped" : state, by, reason);
  if (job === "over") throw new Problem(409, `the backfill of ${of.collection} is over (${of.state})`);
  return jobOf(job, id);
}

function jobOf<T extends AnyJob>(job: T | null, id: string): T {
  if (job !== null) return job;
  throw new Problem(404, `no job has the id ${shown(id)}; the last 20 of this process are kept`);
}

export function statusOf(parts: AdminParts): StatusView {
  return buildStatusView(parts.status(), parts.snapshot().settings, parts.version, parts.runningJobs.open());
}

/** @throws Problem 404 */
function routeOf(parts: AdminParts, name: string): RouteView {
  const found = routesOf(parts).find((route) => route.name === name);
  if (found !== undefined) return found;
  throw noSuchRoute(parts, name);
}

function noSuchRoute(parts: AdminParts, name: string): Problem {
  const near = nearestName(
    name,
    parts.snapshot().settings.routes.map((route) => route.name),
  );
  return new Problem(404, `no route is named ${shown(name)}${near === null ? "" : `; did you mean ${near}?`}`);
}

function routesOf(parts: AdminParts): RouteView[] {
  const { settings } = parts.snapshot();
  const input = parts.status();
  const states = new Map(input.routes.map((route) => [route.name, route]));
  const byName = new Map(buildStatusView(input, settings, parts.version).routes.map((route) => [route.name, route]));
  return settings.routes.flatMap((route) => {
    const status = byName.get(route.name);
    const state = states.get(route.name);
    return status === undefined || state === undefined ? [] : [viewRoute(route, status, state)];
  });
}

/** Of a list in memory the cursor is the place in it. */
function pageInMemory<T>(all: readonly T[], { limit = DEFAULT_LIMIT, cursor }: QueryValues): Page<T> {
  const from = cursor === undefined ? 0 : /^\d{1,6}$/.test(cursor) ? Number(cursor) : -1;
  if (from < 0)
    throw new Problem(400, `cursor ${shown(cursor ?? "")} is not one of this list; ask again without a cursor`);
  const end = from + limit;
  return { items: all.slice(from, end), next: end < all.length ? String(end) : null };
}

/** Asked for and written this many items at a time, so that neither store nor event loop is held for long. */
const ITEMS_AT_ONCE = 50;
/** A page ends early at this length: what a slow reader leaves unread stays in memory. */
const MAX_PAGE_LENGTH = 4 * 1024 * 1024;
/** Each may have several hundred KiB. */
const PAIRS_AT_ONCE = 8;

async function list<T>(
  { parts, patience, query }: Call,
  ask: (store: Store, query: QueryValues & { limit: number }) => Promise<Page<T>>,
  atOnce: number = ITEMS_AT_ONCE,
): Promise<Reply> {
  const items: string[] = [];
  let left = query.limit ?? DEFAULT_LIMIT;
  let length = 0;
  let from: { cursor?: string } = {};
  let next: string | null;
  do {
    const part = { ...query, ...from, limit: Math.min(left, atOnce) };
    const page = await patience.for(() => ask(parts.store, part));
    for (const one of page.items) {
      const text = JSON.stringify(one);
      items.push(text);
      length += text.length;
    }
    left -= page.items.length;
    ({ next } = page);
    from = next === null ? {} : { cursor: next };
    if (page.items.length === 0) break;
  } while (next !== null && left > 0 && length < MAX_PAGE_LENGTH);
  return { body: `{"items":[${items.join(",")}],"next":${JSON.stringify(next)}}` };
}

function inStates<Q extends QueryValues>({
  state,
  ...query
}: Q): Omit<Q, "state"> & { states?: readonly GroupState[] } {
  return state === undefined ? query : { ...query, states: [state] };
}

async function item(
  { parts, patience, id }: Call,
  what: string,
  ask: (store: Store, id: string) => Promise<unknown>,
): Promise<Reply> {
  const found = await patience.for(() => ask(parts.store, id));
  if (found === null) {
    throw new Problem(404, `no ${what} has the id ${shown(id)}; it may have been evicted by age, or was never kept`);
  }
  return { body: found };
}

function noSuchPairs(outcome: string): Problem {
  const detail = `outcome is ${shown(outcome)}, and pairs are kept of ${PAIR_OUTCOMES.join(", ")} alone`;
  return new Problem(400, detail, { members: { parameter: "outcome", allowed: PAIR_OUTCOMES } });
}

function shown(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
