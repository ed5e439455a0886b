/** What a running process cannot take over from a changed file. Pure. */
import { isDeepStrictEqual } from "node:util";
import type { Identity } from "../exchange.ts";
import { spellEndpoint } from "../endpoint.ts";
import { spellStore } from "../store-address.ts";
import { crossesBarrier, step, stepTowards } from "../moves/phase-steps.ts";
import { PHASE_ROLES, serviceNameFor } from "../moves/phases.ts";
import type { ConfigPath } from "./message.ts";
import { sameSocket } from "./service-rules.ts";
import type { Phase, RouteSettings, Settings } from "./settings.ts";
import { spellMode } from "./texts.ts";
import { spellSize } from "./units.ts";

export interface ReloadProblem {
  readonly path: ConfigPath;
  /** Follows the setting's name. */
  readonly predicate: string;
}

/** `acting`: the phases that act, by route, where they are not what the running file says. */
export type ActingPhases = Readonly<Record<string, Phase>>;

export function reloadProblems(
  running: Settings,
  wanted: Settings,
  acting: ActingPhases = {},
): readonly ReloadProblem[] {
  return [
    ...restartProblems(running, wanted),
    ...swapProblems(underPhases(running, running, acting), wanted),
    ...barrierProblems(
      underPhases(running, running, acting).routes,
      ...unattendedLast(underPhases(running, running, acting).routes, underPhases(wanted, running, acting).routes),
    ),
  ];
}

/** A phase that was moved by CLI or API acts for as long as the file says what it said then. */
function underPhases(settings: Settings, running: Settings, acting: ActingPhases): Settings {
  const said = new Map(running.routes.map(({ name, phase }) => [name, phase]));
  const routes = settings.routes.map((route) => {
    const phase = said.get(route.name) === route.phase ? (acting[route.name] ?? route.phase) : route.phase;
    return { ...route, phase };
  });
  return { ...settings, routes };
}

function restartProblems(running: Settings, wanted: Settings): ReloadProblem[] {
  const problems: ReloadProblem[] = [];
  const compare = (path: ConfigPath, was: string, now: string): void => {
    if (was !== now)
      problems.push({
        path,
        predicate: `is ${now} and was ${was}, which takes effect at a restart only; restart, or put it back`,
      });
  };
  compare(["listen"], spellEndpoint(running.listen), spellEndpoint(wanted.listen));
  compare(["socketMode"], spellMode(running.socketMode), spellMode(wanted.socketMode));
  compare(["tls"], running.tls === null ? "missing" : "there", wanted.tls === null ? "missing" : "there");
  if (running.tls !== null && wanted.tls !== null) {
    compare(["tls", "http2"], String(running.tls.http2), String(wanted.tls.http2));
  }
  compare(["admin", "listen"], spellEndpoint(running.admin.listen), spellEndpoint(wanted.admin.listen));
  compare(["store"], spellStore(running.store), spellStore(wanted.store));
  compare(["member", "folder"], running.member.folder, wanted.member.folder);
  compare(["workers"], String(running.workers), String(wanted.workers));
  compare(["member", "name"], running.member.name ?? "missing", wanted.member.name ?? "missing");
  compare(["journal", "survives"], running.journal.survives, wanted.journal.survives);
  if (problems.at(-1)?.path[0] !== "store" && !isDeepStrictEqual(loginsOf(running.store), loginsOf(wanted.store))) {
    const predicate = "has another user or password, which takes effect at a restart only; restart, or put it back";
    problems.push({ path: ["store"], predicate });
  }
  if (!isDeepStrictEqual(sentBy(running), sentBy(wanted))) {
    const predicate =
      "says otherwise where what is sent, which takes effect at a restart only (but for traces); restart, or put it back";
    problems.push({ path: ["telemetry"], predicate });
  }
  compare(["divergenceLog", "file"], running.divergenceLog.file, wanted.divergenceLog.file);
  compare(["limits", "pairs"], spellSize(running.limits.pairsBytes), spellSize(wanted.limits.pairsBytes));
  return problems;
}

/** The share of requests that is traced may change, unless none were to be. */
function sentBy({ telemetry }: Settings): unknown {
  return telemetry === null ? null : { ...telemetry, traceShare: telemetry.traceShare === null };
}

function loginsOf(store: Settings["store"]): unknown {
  return store.kind === "redis" ? [store.username, store.password, store.sentinelLogin] : null;
}

/** What acts until a route that is moved unattended has moved: its phase as it is. And what a file may not ask for all the same. */
function unattendedLast(
  running: readonly RouteSettings[],
  wanted: readonly RouteSettings[],
): [wanted: readonly RouteSettings[], tooFar: ReadonlySet<string>] {
  const tooFar = new Set<string>();
  const routes = wanted.map((route) => {
    const before = running.find(({ name }) => name === route.name);
    if (!route.unattended || before === undefined || !crossesBarrier(before.phase, route.phase)) return route;
    const stepped = step(before.phase, stepTowards(route.phase));
    if (stepped.legal && stepped.to === route.phase) return { ...route, phase: before.phase };
    tooFar.add(route.name);
    return route;
  });
  return [routes, tooFar];
}

/**
 * A file never crosses the barrier: no request may change its source of truth by a reload. A request does so when its
 * route's phase changes, and also when it falls to another route: as long as a route has next as primary, all routes up
 * to the last such one must stay as they are.
 */
function barrierProblems(
  running: readonly RouteSettings[],
  wanted: readonly RouteSettings[],
  tooFar: ReadonlySet<string>,
): ReloadProblem[] {
  const problems: ReloadProblem[] = [];
  for (const [i, route] of wanted.entries()) {
    const before = running.find(({ name }) => name === route.name);
    if (before === undefined || primaryOf(before) === primaryOf(route)) continue;
    const why = `would make ${primaryOf(route)} the source of truth of ${route.name}`;
    const way = tooFar.has(route.name)
      ? "unattended a file moves it one step at a time: put it back, and write the phase before first"
      : `a file never crosses the barrier: put it back, and crossfade phase ${route.name} ${stepTowards(route.phase)}`;
    problems.push({
      path: ["routes", i, "phase"],
      predicate: `is ${route.phase} and was ${before.phase}, which ${why}; ${way}`,
    });
  }
  if (problems.length > 0 || isDeepStrictEqual(upToLastNext(running), upToLastNext(wanted))) return problems;
  const why = "could move requests between legacy and next as their source of truth, since a route has next as primary";
  return [
    { path: ["routes"], predicate: `differ in name, match, order or next, which ${why}; change that at a restart` },
  ];
}

/**
 * Under an unchanged phase, a primary that is given another service's address hands its requests over to that service. An
 * address that no running service has is taken for a moved host.
 */
function swapProblems(running: Settings, wanted: Settings): ReloadProblem[] {
  // Requests that no route takes go to legacy.
  const primaries = new Set(["legacy", ...running.routes.map((route) => serviceNameFor(primaryOf(route), route))]);
  const problems: ReloadProblem[] = [];
  for (const name of primaries) {
    const [was, now] = [running.services[name], wanted.services[name]];
    if (was === undefined || now === undefined || sameSocket(was, now)) continue;
    const other = Object.values(running.services).find((service) => service.name !== name && sameSocket(service, now));
    if (other === undefined) continue;
    const why = `where ${other.name} runs: it would become the source of truth of requests that ${name} answers`;
    problems.push({
      path: ["services", name, "url"],
      predicate: `is ${now.origin} and was ${was.origin}, and that is ${why}; a file never crosses the barrier: put it back, or restart`,
    });
  }
  return problems;
}

function primaryOf(route: RouteSettings): Identity {
  return PHASE_ROLES[route.phase].primary;
}

function upToLastNext(routes: readonly RouteSettings[]): readonly unknown[] {
  const last = routes.findLastIndex((route) => primaryOf(route) === "next");
  return routes.slice(0, last + 1).map((route) => {
    const primary = primaryOf(route);
    return { name: route.name, match: route.match, primary, next: primary === "next" ? route.next : null };
  });
}
