/** `crossfade suggest`: rules to paste, learnt from what a running Crossfade has recorded. */
import type { RouteView } from "../admin/route-view.ts";
import { nearestName } from "../config/nearest.ts";
import type { DivergenceRecord, ListedGroup } from "../evidence/evidence.ts";
import { isFailure } from "../evidence/groups.ts";
import type { PlaceRecord } from "../evidence/places.ts";
import type { StoredPair } from "../evidence/stored-pair.ts";
import type { RouteEvidence } from "../suggest/evidence.ts";
import { sightingsIn } from "../suggest/id-sightings.ts";
import { suggestValues } from "../suggest/ids.ts";
import { suggestRules } from "../suggest/suggest.ts";
import type { ListedValue } from "../ids/value-pairs.ts";
import { type Api, type ApiOptions, openApi } from "./api.ts";
import { EXIT, Exit, type ExitCode } from "./exit.ts";
import { readPages } from "./pages.ts";
import { formatAdvice, type RouteAdvice } from "./suggest-text.ts";
import { formatValues } from "./suggest-values-text.ts";
import { openTerminal } from "./terminal.ts";

export interface SuggestOptions extends ApiOptions {
  readonly json?: boolean;
  readonly color?: boolean;
  readonly route?: string;
  readonly since?: string;
  readonly limit?: number;
}

const DEFAULT_LIMIT = 2_000;
const MOST_ROUTES = 10_000;
const MOST_PLACES = 10_000;
/** Of all routes: a value that one makes comes back in requests of others. */
const MOST_PAIRS = 10_000;
/** Causes that were not seen of late are looked at in their samples: so many of them. */
const MOST_GROUPS = 200;
const SAMPLED_GROUPS = 50;

/** Exit 1: there is no such route. */
export async function runSuggest(options: SuggestOptions): Promise<ExitCode> {
  const api = await openApi(options);
  const terminal = openTerminal(options);
  const all = await allRoutes(api);
  const routes = named(all, options.route);
  const looked: DivergenceRecord[] = [];
  let toLookAt = 0;
  for (const route of routes) {
    if (route.outcomes.divergent === 0) continue;
    toLookAt += 1;
    const records = await recordsOf(api, route.name, options);
    looked.push(...records);
    const advice = await adviseOn(api, route, records, options);
    if (options.json === true) for (const value of valuesOf(advice)) terminal.print(JSON.stringify(value));
    else for (const line of formatAdvice(advice, terminal.width, terminal.paint)) terminal.print(line);
  }
  if (options.json !== true && toLookAt === 0) terminal.print("No divergences, nothing to suggest.");
  if (toLookAt === 0) return EXIT.done;
  for (const route of all) {
    if (routes.includes(route) || route.outcomes.divergent === 0) continue;
    looked.push(...(await recordsOf(api, route.name, options)));
  }
  const { pairs, mappedPairs, why } = await bodiesOf(api);
  const values = suggestValues(
    sightingsIn(looked, pairs, new Map(all.map(({ name, match }) => [name, match.path]))),
    new Map(all.map(({ name, values: { learn, apply } }) => [name, mapped(learn, apply)])),
    mappedPairs,
  ).filter(({ route }) => routes.some(({ name }) => name === route));
  if (options.json === true)
    for (const each of values) terminal.print(JSON.stringify({ type: "values", ...each, withoutBodies: why !== null }));
  else for (const line of formatValues(values, why, terminal.width, terminal.paint)) terminal.print(line);
  return EXIT.done;
}

function mapped(learn: readonly string[], apply: readonly string[]): ReadonlySet<string> {
  return new Set([...learn.map((at) => `learn ${at}`), ...apply.map((at) => `apply ${at}`)]);
}

/** `why`: they are not to be had with this token; values are then looked for in differences and paths. */
async function bodiesOf(api: Api): Promise<Bodies> {
  const pairs: StoredPair[] = [];
  const mappedPairs: ListedValue[] = [];
  try {
    for await (const pair of readPages<StoredPair>(api, "/api/v1/pairs", {}, MOST_PAIRS)) pairs.push(pair);
    for await (const pair of readPages<ListedValue>(api, "/api/v1/values", {}, MOST_PAIRS)) mappedPairs.push(pair);
    return { pairs, mappedPairs, why: null };
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    return { pairs, mappedPairs, why: error.message };
  }
}

interface Bodies {
  readonly pairs: readonly StoredPair[];
  readonly mappedPairs: readonly ListedValue[];
  readonly why: string | null;
}

async function allRoutes(api: Api): Promise<readonly RouteView[]> {
  const routes: RouteView[] = [];
  for await (const route of readPages<RouteView>(api, "/api/v1/routes", {}, MOST_ROUTES)) routes.push(route);
  return routes;
}

function named(routes: readonly RouteView[], name: string | undefined): readonly RouteView[] {
  if (name === undefined) return routes;
  const found = routes.filter((route) => route.name === name);
  if (found.length > 0) return found;
  const names = routes.map((route) => route.name);
  const near = nearestName(name, names);
  const way = near === null ? "crossfade status lists them" : `did you mean ${near}?`;
  throw new Exit(EXIT.no, `no route is named ${JSON.stringify(name)}; ${way}`);
}

async function recordsOf(api: Api, route: string, options: SuggestOptions): Promise<readonly DivergenceRecord[]> {
  const records: DivergenceRecord[] = [];
  const query = { route, outcome: "divergent", since: options.since };
  const limit = options.limit ?? DEFAULT_LIMIT;
  for await (const record of readPages<DivergenceRecord>(api, "/api/v1/divergences", query, limit))
    records.push(record);
  return records;
}

async function adviseOn(
  api: Api,
  route: RouteView,
  records: readonly DivergenceRecord[],
  options: SuggestOptions,
): Promise<RouteAdvice> {
  const { name, outcomes } = route;
  const evidence: RouteEvidence = {
    route: name,
    compared: outcomes.match + outcomes.ignored + outcomes.divergent,
    divergent: outcomes.divergent,
    mustMatch: route.compare.mustMatch,
    rules: route.rules.map(({ rule }) => rule),
    records,
    samples: options.since === undefined ? await samplesBeside(api, name, records) : [],
    places: await placesOf(api, name),
  };
  return {
    ...suggestRules(evidence),
    compared: evidence.compared,
    divergent: evidence.divergent,
    kindsInUse: [...new Set(evidence.rules.map((rule) => rule.slice(0, rule.indexOf(" "))))],
  };
}

async function placesOf(api: Api, route: string): Promise<readonly PlaceRecord[]> {
  const places: PlaceRecord[] = [];
  for await (const place of readPages<PlaceRecord>(api, "/api/v1/places", { route }, MOST_PLACES)) places.push(place);
  return places;
}

/** Of causes that none of the records is of. */
async function samplesBeside(
  api: Api,
  route: string,
  records: readonly DivergenceRecord[],
): Promise<readonly DivergenceRecord[]> {
  const seen = new Set(records.map(({ group }) => group));
  const known = new Set(records.map(({ id }) => id));
  const samples: DivergenceRecord[] = [];
  let asked = 0;
  for await (const group of readPages<ListedGroup>(api, "/api/v1/groups", { route }, MOST_GROUPS)) {
    if (seen.has(group.id) || isFailure(group.signature) || asked >= SAMPLED_GROUPS) continue;
    asked += 1;
    const found = await api.get<{ readonly samples: readonly DivergenceRecord[] }>(`/api/v1/groups/${group.id}`);
    for (const sample of found?.samples ?? []) if (!known.has(sample.id)) samples.push(sample);
  }
  return samples;
}

function valuesOf({ suggestions, doubts, ...rest }: RouteAdvice): readonly unknown[] {
  return [
    ...suggestions.map((suggestion) => ({ type: "suggestion", ...suggestion })),
    ...doubts.map((doubt) => ({ type: "doubt", ...doubt })),
    { type: "route", ...rest },
  ];
}
