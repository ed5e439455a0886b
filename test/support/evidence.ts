import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { DEFAULT_LIMITS, DEFAULT_ROUTE, DEFAULT_SERVICE, DEFAULT_SOCKET_MODE } from "../../proxy/config/defaults.ts";
import type { RouteSettings, Settings } from "../../proxy/config/settings.ts";
import type { DivergenceRecord } from "../../proxy/evidence/evidence.ts";
import type { Exchange, RequestHead, Settled } from "../../proxy/exchange.ts";
import { groupId, groupSignature } from "../../proxy/evidence/groups.ts";
import { makeUlid } from "../../proxy/identity.ts";
import { DIVERGENT } from "../../proxy/outcome.ts";
import type { Clock, StoreWrite } from "../../proxy/ports.ts";

/** 22 November 2026, noon. */
export const NOON = Date.UTC(2026, 10, 22, 12);

/** A clock that stands until it is moved. */
export interface HandClock extends Clock {
  move(ms: number): void;
}

export function handClock(start: number = NOON): HandClock {
  let now = start;
  return { now: () => now, monotonic: () => now - start, move: (ms) => void (now += ms) };
}

/** A folder of its own, gone after the test. */
export function evidenceFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-evidence-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

let made = 0;

export function makeRecord(given: Partial<DivergenceRecord> = {}): DivergenceRecord {
  const differences = given.differences ?? [{ at: "/total", kind: "value", primary: "1", shadow: "2" }];
  const route = given.route ?? "users";
  const method = given.method ?? "PUT";
  const outcome = given.outcome ?? "divergent";
  made += 1;
  return {
    id: makeUlid(NOON + made),
    time: new Date(NOON + made).toISOString(),
    phase: "dual-write",
    reason: null,
    key: "users/42",
    path: "/users/42",
    query: null,
    traceId: "0af7651916cd43dd8448eb211c80319c",
    group: outcome === "divergent" ? groupId(route, method, groupSignature(differences)) : null,
    taintedBy: null,
    build: null,
    primary: { service: "legacy", status: 200, ms: 12.1, bytes: 431 },
    shadow: { service: "next", status: 200, ms: 3.4, bytes: 433, attempts: 1 },
    moreDifferences: 0,
    error: null,
    ...given,
    route,
    method,
    outcome,
    differences,
  };
}

/** What the recorder appends for one record. */
export function recordWrite(record: DivergenceRecord): StoreWrite {
  return {
    type: "divergence",
    record,
    json: JSON.stringify(record),
    signature: record.group === null ? null : groupSignature(record.differences),
  };
}

export interface SettledGiven extends Partial<Omit<Settled, "exchange">> {
  readonly route?: Partial<RouteSettings>;
  readonly request?: Partial<RequestHead>;
  readonly exchange?: Partial<Exchange>;
  readonly lines?: Settings["divergenceLog"]["lines"];
}

export function makeSettled(given: SettledGiven = {}): Settled {
  const { route: routeGiven, request: requestGiven, exchange: exchangeGiven, lines = "notable", ...rest } = given;
  const route: RouteSettings = {
    ...DEFAULT_ROUTE,
    name: "users",
    entity: "users",
    match: { path: "/users/:id", methods: null, host: null, headers: [] },
    ...routeGiven,
  };
  const service = (name: string) => ({ ...DEFAULT_SERVICE, name, origin: `http://${name}.test` });
  const settings: Settings = {
    file: null,
    listen: { host: "127.0.0.1", port: 0 },
    socketMode: DEFAULT_SOCKET_MODE,
    tunnels: ["websocket"],
    tls: null,
    admin: { listen: { host: "127.0.0.1", port: 0 }, tokens: [] },
    store: { kind: "memory" },
    divergenceLog: { file: "divergences.ndjson", keepMs: 1, maxBytes: 1, lines },
    limits: DEFAULT_LIMITS,
    journal: { survives: "nothing", key: null },
    member: { folder: "./crossfade-member", name: null },
    workers: 0,
    webhook: null,
    telemetry: null,
    services: { legacy: service("legacy"), next: service("next") },
    routes: [route],
    collections: [],
  };
  const path = requestGiven?.path ?? "/users/42";
  const query = requestGiven?.query ?? "";
  made += 1;
  const exchange: Exchange = {
    id: makeUlid(NOON + made),
    arrivedAt: NOON + made,
    snapshot: { revision: 1, settings, router: { routes: [route], match: () => null }, epochs: new Map() },
    request: {
      method: "PUT",
      target: path + query,
      headers: [],
      remoteAddress: "127.0.0.1",
      scheme: "http",
      ...requestGiven,
      path,
      query,
    },
    route,
    params: { named: { id: path.split("/")[2] ?? "" }, rest: [] },
    plan: { mirror: true, primary: "legacy", shadow: "next", requestClass: "write" },
    traceId: "0af7651916cd43dd8448eb211c80319c",
    trace: null,
    ...exchangeGiven,
  };
  return {
    exchange,
    requestBody: null,
    key: "users/42",
    moreKeys: [],
    notBefore: null,
    uncreated: false,
    outcome: DIVERGENT,
    primary: { status: 200, ms: 12.13, bytes: 431 },
    shadow: { status: 200, ms: 3.44, bytes: 433, attempts: 1 },
    differences: [{ at: "/total", kind: "value", primary: "1", shadow: "2" }],
    moreDifferences: 0,
    build: null,
    taintedBy: null,
    error: null,
    failure: null,
    repair: null,
    answers: null,
    ...rest,
  };
}
