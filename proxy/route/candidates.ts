/**
 * Routes that share one path pattern, told apart by host, headers and method. Indexed by host and by the first header,
 * so that a tenant each (500 routes `/**` that differ in `x-tenant`) costs one look-up.
 */
import type { RouteSettings } from "../config/settings.ts";
import { headerOf, type RequestHead } from "../exchange.ts";
import type { PatternVariant } from "../pattern.ts";

/** One way in which a route's pattern can match; the lowest order wins. */
export interface Candidate {
  readonly order: number;
  readonly route: RouteSettings;
  readonly variant: PatternVariant;
  readonly methods: ReadonlySet<string> | null;
}

export interface Ends {
  readonly anyHost: HostEnds;
  byHost: Map<string, HostEnds> | null;
}

/** Lists are in rising order. */
interface HostEnds {
  readonly plain: Candidate[];
  /** By the first header that a route asks for, then by that header's value. */
  readonly byHeader: Map<string, Map<string, Candidate[]>>;
}

export function newEnds(): Ends {
  return { anyHost: newHostEnds(), byHost: null };
}

function newHostEnds(): HostEnds {
  return { plain: [], byHeader: new Map() };
}

/** Candidates come in rising order. */
export function addCandidate(ends: Ends, candidate: Candidate): void {
  const { host, headers } = candidate.route.match;
  const group = host === null ? ends.anyHost : entry((ends.byHost ??= new Map<string, HostEnds>()), host, newHostEnds);
  const [header] = headers;
  if (header === undefined) {
    group.plain.push(candidate);
  } else {
    const byValue = entry(group.byHeader, header[0], () => new Map<string, Candidate[]>());
    entry(byValue, header[1], (): Candidate[] => []).push(candidate);
  }
}

function entry<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

/** `host` is only looked at where `ends.byHost` is set. `below` bounds the order of what is worth finding. */
export function firstCandidate(ends: Ends, request: RequestHead, host: string | null, below: number): Candidate | null {
  let best = firstOfHost(ends.anyHost, request, below);
  const group = host === null ? undefined : ends.byHost?.get(host);
  if (group !== undefined) best = firstOfHost(group, request, best?.order ?? below) ?? best;
  return best;
}

function firstOfHost(group: HostEnds, request: RequestHead, below: number): Candidate | null {
  let best = firstOf(group.plain, request, below);
  for (const [name, byValue] of group.byHeader) {
    const value = headerOf(request.headers, name);
    const list = value === null ? undefined : byValue.get(value);
    if (list !== undefined) best = firstOf(list, request, best?.order ?? below) ?? best;
  }
  return best;
}

function firstOf(list: readonly Candidate[], request: RequestHead, below: number): Candidate | null {
  for (const candidate of list) {
    if (candidate.order >= below) return null;
    if (candidate.methods !== null && !candidate.methods.has(request.method)) continue;
    if (candidate.route.match.headers.every(([name, value]) => headerOf(request.headers, name) === value)) {
      return candidate;
    }
  }
  return null;
}
