/**
 * First match wins, whatever the number of routes: patterns become a tree of segments, and `**` adds a second tree that
 * is read from the path's end. A match visits each tree node at most once, and only nodes that can still win, so that
 * neither 500 routes nor a path of thousands of slashes makes it slow.
 */
import type { RouteSettings } from "../config/settings.ts";
import type { PathParams, RequestHead, RouteFound, Router } from "../exchange.ts";
import { decodeSegment, parsePattern, variantsOf, type FixedSegment, type PatternVariant } from "../pattern.ts";
import { hostOf, locatePath } from "../target.ts";
import { addCandidate, firstCandidate, newEnds, type Candidate, type Ends } from "./candidates.ts";

interface Node {
  /** By decoded text. */
  literals: Map<string, Node> | null;
  /** `:name` and `*`. */
  one: Node | null;
  /** Patterns that end here; in a tree read from the end: those whose `**` takes all that is left. */
  ends: Ends | null;
  /** The tree of what stands after a `**` at this point, read from the path's end. */
  many: Node | null;
  /** Lowest order of any pattern in or below this node. */
  least: number;
}

interface Search {
  readonly request: RequestHead;
  readonly path: string;
  /** Past the last segment. */
  readonly end: number;
  /** null until a route asks for it. */
  host: string | null;
  /** Order of the best candidate so far. */
  bestOrder: number;
  best: Candidate | null;
}

const NO_PARAMS: PathParams = { named: Object.freeze(noNames()), rest: Object.freeze([]) };

/** `routes` are checked settings: a pattern that does not parse is a mistake of the caller (TypeError). */
export function compileRouter(routes: readonly RouteSettings[]): Router {
  const root = newNode();
  let order = 0;
  for (const route of routes) {
    const parsed = parsePattern(route.match.path);
    if (!parsed.ok) throw new TypeError(`path pattern ${route.match.path} of route ${route.name} ${parsed.error}`);
    for (const variant of variantsOf(parsed.pattern)) {
      insert(root, { order: order++, route, variant, methods: route.match.methods && new Set(route.match.methods) });
    }
  }
  return { routes, match: (request) => match(root, request) };
}

function newNode(): Node {
  return { literals: null, one: null, ends: null, many: null, least: Infinity };
}

function insert(root: Node, candidate: Candidate): void {
  const { prefix, many, suffix } = candidate.variant;
  let node = root;
  node.least = Math.min(node.least, candidate.order);
  for (const segment of prefix) node = child(node, segment, candidate.order);
  if (many) {
    node = node.many ??= newNode();
    node.least = Math.min(node.least, candidate.order);
    for (const segment of suffix.toReversed()) node = child(node, segment, candidate.order);
  }
  addCandidate((node.ends ??= newEnds()), candidate);
}

function child(node: Node, segment: FixedSegment, order: number): Node {
  let next: Node | undefined;
  if (segment.kind === "one") {
    next = node.one ??= newNode();
  } else {
    node.literals ??= new Map();
    next = node.literals.get(segment.text);
    if (next === undefined) node.literals.set(segment.text, (next = newNode()));
  }
  next.least = Math.min(next.least, order);
  return next;
}

function match(root: Node, request: RequestHead): RouteFound | null {
  const { path } = request;
  const span = locatePath(path);
  const search: Search = { request, path, end: span.end, host: null, bestOrder: Infinity, best: null };
  if (span.hasPath) walk(root, span.first, search);
  else if (root.many?.ends) take(root.many.ends, search);
  const { best } = search;
  return best === null ? null : { route: best.route, params: paramsOf(best.variant, path, span.first, span.end) };
}

/** `at` is where the next segment starts; beyond `search.end` there is none. */
function walk(node: Node, at: number, search: Search): void {
  if (node.least >= search.bestOrder) return;
  const { path, end } = search;
  if (at > end) {
    if (node.ends !== null) take(node.ends, search);
  } else if (node.literals !== null || node.one !== null) {
    const slash = path.indexOf("/", at);
    const stop = slash === -1 || slash > end ? end : slash;
    const literal = node.literals === null ? undefined : literalChild(node.literals, path, at, stop);
    if (literal !== undefined) walk(literal, stop + 1, search);
    if (node.one !== null && stop > at) walk(node.one, stop + 1, search);
  }
  if (node.many !== null) walkBack(node.many, at, end, search);
}

/** Reads from the end: `stop` is past the segment before those already taken; below `at` there is none left. */
function walkBack(node: Node, at: number, stop: number, search: Search): void {
  if (node.least >= search.bestOrder) return;
  if (node.ends !== null) take(node.ends, search);
  if (stop < at || (node.literals === null && node.one === null)) return;
  const { path } = search;
  const start = path.lastIndexOf("/", stop - 1) + 1;
  const literal = node.literals === null ? undefined : literalChild(node.literals, path, start, stop);
  if (literal !== undefined) walkBack(literal, at, start - 1, search);
  if (node.one !== null && stop > start) walkBack(node.one, at, start - 1, search);
}

function literalChild(literals: Map<string, Node>, path: string, start: number, stop: number): Node | undefined {
  return literals.get(decodeSegment(path.slice(start, stop)));
}

function take(ends: Ends, search: Search): void {
  if (ends.byHost !== null) search.host ??= hostOf(search.request);
  const found = firstCandidate(ends, search.request, search.host, search.bestOrder);
  if (found === null) return;
  search.best = found;
  search.bestOrder = found.order;
}

function paramsOf({ prefix, many, suffix }: PatternVariant, path: string, first: number, end: number): PathParams {
  if (!many && !prefix.some(isNamed)) return NO_PARAMS;
  const segments = first > end ? [] : path.slice(first, end).split("/");
  const suffixAt = segments.length - suffix.length;
  const named = noNames();
  nameSegments(prefix, segments, 0, named);
  nameSegments(suffix, segments, suffixAt, named);
  return { named, rest: many ? segments.slice(prefix.length, suffixAt) : NO_PARAMS.rest };
}

/** Without a prototype: a locator may ask for any name, `constructor` included. */
function noNames(): Record<string, string> {
  return Object.create(null) as Record<string, string>;
}

function isNamed(segment: FixedSegment): boolean {
  return segment.kind === "one" && segment.name !== null;
}

function nameSegments(
  pattern: readonly FixedSegment[],
  segments: readonly string[],
  from: number,
  named: Record<string, string>,
): void {
  for (let i = 0; i < pattern.length; i++) {
    const part = pattern[i] as FixedSegment;
    if (part.kind === "one" && part.name !== null) named[part.name] = segments[from + i] as string;
  }
}
