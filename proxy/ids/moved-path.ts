/**
 * One path of a route under the pattern that the other service has for it: `/v1/users/:id` at legacy, `/people/:id` at next.
 * What a client sent stays as it was spelled; only fixed parts change and parts trade places. Pure.
 */
import { decodeSegment, type FixedSegment, type Pattern, variantsOf } from "../pattern.ts";
import { locatePath, splitPath } from "../target.ts";

interface Caught {
  readonly named: ReadonlyMap<string, string>;
  /** What `**` stands for. */
  readonly rest: readonly string[];
}

/** Why no path can be told from the other by these two, in both directions; a predicate about `to`, or null. */
export function moveProblem(from: Pattern, to: Pattern): string | null {
  for (const { text, segments } of [to, from]) {
    if (!segments.some((part) => part.kind === "one" && part.name === null)) continue;
    return `cannot be told from ${from.text}: ${text} has a *, which has no name; write :name in both`;
  }
  const differs = (name: string): boolean => isOptional(from, name) !== isOptional(to, name);
  const name = [...to.names, ...from.names].find(differs);
  if (name !== undefined) {
    const spelled = [from, to].map((pattern) => {
      const optional = isOptional(pattern, name);
      return optional === null ? `no :${name}` : `:${name}${optional ? "?" : ""}`;
    });
    return `has ${spelled[1]}, and match.path has ${spelled[0]}; write the same in both`;
  }
  const [fromMany, toMany] = [hasMany(from), hasMany(to)];
  if (fromMany === toMany) return null;
  return `has ${toMany ? "a" : "no"} **, and match.path has ${fromMany ? "one" : "none"}; write it in both or in neither`;
}

/** null: there is no part of that name. */
function isOptional({ segments }: Pattern, name: string): boolean | null {
  const part = segments.find((segment) => segment.kind === "one" && segment.name === name);
  return part?.kind === "one" ? part.optional : null;
}

function hasMany({ segments }: Pattern): boolean {
  return segments.some(({ kind }) => kind === "many");
}

/** `target`: a path or an absolute URL; its query and fragment stay. null: it is none of `from`, or has `..` (or `.`) in it. */
export function movePath(from: Pattern, to: Pattern, target: string): string | null {
  const mark = target.search(/[?#]/);
  const path = mark === -1 ? target : target.slice(0, mark);
  const parts = splitPath(path);
  const caught = parts === null ? null : catchParts(from, parts);
  if (caught === null) return null;
  const { first, end } = locatePath(path);
  const isRoot = first > end;
  const before = isRoot ? path.replace(/\/$/, "") : path.slice(0, first - 1);
  const written = write(to, caught);
  const slash = !isRoot && written.length > 0 ? path.slice(end) : "";
  return `${before}/${written.join("/")}${slash}${target.slice(path.length)}`;
}

function catchParts(pattern: Pattern, parts: readonly string[]): Caught | null {
  for (const { prefix, many, suffix } of variantsOf(pattern)) {
    const fixed = prefix.length + suffix.length;
    if (many ? parts.length < fixed : parts.length !== fixed) continue;
    const tail = parts.length - suffix.length;
    const named = new Map<string, string>();
    const fits = (segment: FixedSegment, part = ""): boolean => {
      if (segment.kind === "literal") return decodeSegment(part) === segment.text;
      if (segment.name !== null) named.set(segment.name, part);
      return part !== "";
    };
    if (!prefix.every((segment, i) => fits(segment, parts[i]))) continue;
    if (!suffix.every((segment, i) => fits(segment, parts[tail + i]))) continue;
    const rest = parts.slice(prefix.length, tail);
    return [...named.values(), ...rest].some(leadsOut) ? null : { named, rest };
  }
  return null;
}

/** Whether a part of it may be taken for a way to the part above. */
export function hasWayOut(path: string): boolean {
  return splitPath(path)?.some(leadsOut) ?? false;
}

/**
 * Services take `..` for the part above, some of them `%2e%2e`, `..;x` and `a%2f..` too (RFC 3986, 5.2.4; WHATWG URL): under another
 * pattern it could be the way to what no client reaches at legacy.
 */
function leadsOut(part: string): boolean {
  return /(?:^|[\\/])\.\.?(?=$|[\\/;])/.test(decodeSegment(part));
}

function write({ text, segments }: Pattern, { named, rest }: Caught): readonly string[] {
  const written = splitPath(text) ?? [];
  return segments.flatMap((segment, i): readonly string[] => {
    switch (segment.kind) {
      case "literal":
        return [(written[i] as string).replace(/[^\x21-\x7e]+/gu, (letters) => encodeURIComponent(letters))];
      case "many":
        return rest;
      case "one": {
        const part = segment.name === null ? undefined : named.get(segment.name);
        return part === undefined ? [] : [part];
      }
    }
  });
}
