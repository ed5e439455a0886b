/**
 * Path patterns: `/users/:id`, `/users/:id?`, `/files/*` (one segment), `/users/**` (any number, also none). A pattern
 * covers nothing below it. Config reads and checks them, route compiles them.
 */
import { splitPath } from "./target.ts";

export type PatternSegment =
  /** `text` is percent-decoded, one character a byte: compared with `decodeSegment` of what a client sent. */
  | { readonly kind: "literal"; readonly text: string }
  /** `:name` or `*`: one segment that is not empty. */
  | { readonly kind: "one"; readonly name: string | null; readonly optional: boolean }
  /** `**` */
  | { readonly kind: "many" };

export interface Pattern {
  readonly text: string;
  readonly segments: readonly PatternSegment[];
  /** Names of `:name` parts, in order. */
  readonly names: readonly string[];
}

export type PatternResult =
  | { readonly ok: true; readonly pattern: Pattern }
  /** `offset` counts UTF-16 units from the pattern's start; `error` is a predicate: "has …; write …". */
  | { readonly ok: false; readonly offset: number; readonly error: string };

const MAX_PATTERN_LENGTH = 1024;
/** The router recurses once a segment, so this also bounds its depth. */
const MAX_SEGMENTS = 64;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function parsePattern(text: string): PatternResult {
  if (!text.startsWith("/")) return failure(0, `does not begin with a slash; write /${text}`);
  if (text.length > MAX_PATTERN_LENGTH) {
    return failure(MAX_PATTERN_LENGTH, `is longer than ${MAX_PATTERN_LENGTH} characters`);
  }
  const segments: PatternSegment[] = [];
  const names: string[] = [];
  let optionalSeen = false;
  let manySeen = false;
  let offset = 1;
  for (const part of splitPath(text) ?? []) {
    const segment = parseSegment(part);
    if (typeof segment === "string") return failure(offset, segment);
    const optional = segment.kind === "one" && segment.optional;
    if (optionalSeen && !optional) {
      return failure(offset, `has "${part}" after an optional part; only optional parts may follow one`);
    }
    if (segment.kind === "many") {
      if (manySeen) return failure(offset, "has a second **; one pattern may hold one");
      manySeen = true;
    }
    if (segment.kind === "one" && segment.name !== null) {
      if (names.includes(segment.name)) return failure(offset, `has :${segment.name} twice; each name stands once`);
      names.push(segment.name);
    }
    optionalSeen = optional;
    segments.push(segment);
    offset += part.length + 1;
  }
  if (segments.length > MAX_SEGMENTS) return failure(0, `has more than ${MAX_SEGMENTS} parts`);
  return { ok: true, pattern: { text, segments, names } };
}

/** The segment, or what is wrong with it. */
function parseSegment(part: string): PatternSegment | string {
  if (part === "") return "has an empty part between two slashes, which no pattern matches; write one slash";
  if (part === "**") return { kind: "many" };
  if (part === "*") return { kind: "one", name: null, optional: false };
  if (part.includes("*")) return `has "${part}": * and ** take a whole part; write * for it, or the text itself`;
  if (part.startsWith(":")) {
    const optional = part.endsWith("?");
    const name = part.slice(1, optional ? -1 : undefined);
    if (!NAME.test(name)) {
      return `has "${part}": a parameter takes a whole part and its name holds letters, digits and _; write :id`;
    }
    return { kind: "one", name, optional };
  }
  if (/[?#]/.test(part)) return `has "${part}": patterns match the path alone, without query or fragment`;
  const braced = /^\{(.*)\}$/.exec(part);
  if (braced !== null) return `has "${part}"; a parameter is written :${braced[1] === "" ? "id" : braced[1]}`;
  if (/\s/.test(part)) return `has a space in "${part}"; write it as %20`;
  return { kind: "literal", text: decodeSegment(Buffer.from(part, "utf8").toString("latin1")) };
}

function failure(offset: number, error: string): PatternResult {
  return { ok: false, offset, error };
}

/**
 * Percent-decodes once, byte by byte (RFC 3986, 6.2.2.2), so that `%75sers` is `users` and a path that is not UTF-8
 * still has one spelling. What is no escape (`%zz`) stays as it is.
 */
export function decodeSegment(segment: string): string {
  let percent = segment.indexOf("%");
  if (percent === -1) return segment;
  let decoded = "";
  let done = 0;
  while (percent !== -1) {
    const high = hexValue(segment.charCodeAt(percent + 1));
    const low = hexValue(segment.charCodeAt(percent + 2));
    if (high !== -1 && low !== -1) {
      decoded += segment.slice(done, percent) + String.fromCharCode(high * 16 + low);
      done = percent + 3;
      percent = segment.indexOf("%", done);
    } else {
      percent = segment.indexOf("%", percent + 1);
    }
  }
  return decoded + segment.slice(done);
}

/** -1 for what is no hexadecimal digit, NaN (past the end) included. */
function hexValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** A pattern without optional parts: fixed parts before the `**` and after it. */
export interface PatternVariant {
  readonly prefix: readonly FixedSegment[];
  readonly many: boolean;
  readonly suffix: readonly FixedSegment[];
}
export type FixedSegment = Exclude<PatternSegment, { readonly kind: "many" }>;

/** `crossfade check` holds each of 500 patterns against each. */
const knownVariants = new WeakMap<Pattern, readonly PatternVariant[]>();

/** What a pattern stands for once each optional part is there or not; the longest first, which wins. */
export function variantsOf(pattern: Pattern): readonly PatternVariant[] {
  const known = knownVariants.get(pattern);
  if (known !== undefined) return known;
  const variants = findVariants(pattern);
  knownVariants.set(pattern, variants);
  return variants;
}

function findVariants({ segments }: Pattern): readonly PatternVariant[] {
  const variants: PatternVariant[] = [];
  for (let length = segments.length; ; length--) {
    const many = segments.findIndex((segment) => segment.kind === "many");
    const prefix = segments.slice(0, many === -1 ? length : many).filter(isFixed);
    const suffix = many === -1 ? [] : segments.slice(many + 1, length).filter(isFixed);
    variants.push({ prefix, many: many !== -1, suffix });
    const last = segments[length - 1];
    if (last === undefined || last.kind !== "one" || !last.optional) return variants;
  }
}

function isFixed(segment: PatternSegment): segment is FixedSegment {
  return segment.kind !== "many";
}

/** Whether the pattern's part alone would let this target through; the router does the same, faster, for all at once. */
export function patternMatches(pattern: Pattern, path: string): boolean {
  const parts = splitPath(path);
  if (parts === null) return pattern.segments.length === 1 && pattern.segments[0]?.kind === "many";
  return variantsOf(pattern).some(({ prefix, many, suffix }) => {
    const fixed = prefix.length + suffix.length;
    if (many ? parts.length < fixed : parts.length !== fixed) return false;
    const rest = parts.length - suffix.length;
    return prefix.every((part, i) => fits(part, parts[i])) && suffix.every((part, i) => fits(part, parts[rest + i]));
  });
}

function fits(segment: FixedSegment, part: string | undefined): boolean {
  if (part === undefined) return false;
  return segment.kind === "literal" ? decodeSegment(part) === segment.text : part !== "";
}

/** True only if every path that `inner` matches is matched by `outer` too. Sound; some true cases are not seen. */
export function patternCovers(outer: Pattern, inner: Pattern): boolean {
  const outers = variantsOf(outer);
  return variantsOf(inner).every((narrow) => outers.some((wide) => variantCovers(wide, narrow)));
}

function variantCovers(wide: PatternVariant, narrow: PatternVariant): boolean {
  if (!wide.many) {
    return (
      !narrow.many &&
      wide.prefix.length === narrow.prefix.length &&
      wide.prefix.every((part, i) => segmentCovers(part, narrow.prefix[i]))
    );
  }
  // A narrow pattern without ** is one fixed row: its tail may reach back into what stands before the **.
  const head = narrow.prefix;
  const tail = narrow.many ? narrow.suffix : narrow.prefix;
  if (head.length < wide.prefix.length || tail.length < wide.suffix.length) return false;
  if (!narrow.many && head.length < wide.prefix.length + wide.suffix.length) return false;
  const shift = tail.length - wide.suffix.length;
  return (
    wide.prefix.every((part, i) => segmentCovers(part, head[i])) &&
    wide.suffix.every((part, i) => segmentCovers(part, tail[shift + i]))
  );
}

function segmentCovers(wide: FixedSegment, narrow: FixedSegment | undefined): boolean {
  if (narrow === undefined) return false;
  return wide.kind === "one" || (narrow.kind === "literal" && narrow.text === wide.text);
}
