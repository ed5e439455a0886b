/** W3C Trace Context (Recommendation of 23 November 2021): what `traceparent` and `tracestate` say, and how they are written. */
import type { RawHeaders } from "../exchange.ts";
import { randomHex } from "../identity.ts";

/** The parts of a `traceparent` header. */
export interface TraceParent {
  readonly traceId: string;
  readonly parentId: string;
  /** Two hexadecimal digits: of the flags, those that are passed on. */
  readonly flags: string;
}

/** What a later version has more stands behind a dash (3.2.3). */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;
const VERSION_00_LENGTH = 55;
const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);

const SAMPLED = 1;
/** Level 2 of the specification, a draft still: the trace id is random. Passed on where it came. */
const RANDOM = 2;

/** null where it is not valid: then a new trace begins. */
export function parseTraceParent(header: string): TraceParent | null {
  const found = TRACEPARENT.exec(header);
  if (found === null) return null;
  const [, version, traceId, parentId, flags] = found as unknown as [string, string, string, string, string];
  if (version === "ff" || (version === "00" && header.length !== VERSION_00_LENGTH)) return null;
  if (traceId === NO_TRACE || parentId === NO_SPAN) return null;
  return { traceId, parentId, flags: spellFlags(Number.parseInt(flags, 16)) };
}

/** What the client says of its trace; null where it says nothing, or nothing valid. */
export function clientTrace(headers: RawHeaders): TraceParent | null {
  const header = traceParentOf(headers);
  return header === null ? null : parseTraceParent(header);
}

/** As it came, valid or not; null where there is none, or more than one. */
export function traceParentOf(headers: RawHeaders): string | null {
  let found: string | null = null;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length !== 11 || name.toLowerCase() !== "traceparent") continue;
    if (found !== null) return null;
    found = headers[i + 1] as string;
  }
  return found;
}

/** Where the last digit of the flags stands. */
const FLAGS_END = 54;

/** false: if it is valid at all, its sampled flag is not set. Without reading it: most requests are not sampled. */
export function maySample(header: string): boolean {
  const digit = header.charCodeAt(FLAGS_END);
  // 0 to 9 are even and odd as their codes are; a to f the other way round. NaN, of what is too short, is neither.
  return digit <= 0x39 ? (digit & SAMPLED) === SAMPLED : digit >= 0x61 && (digit & SAMPLED) === 0;
}

export function isSampled({ flags }: Pick<TraceParent, "flags">): boolean {
  return (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED;
}

/** Of a trace that begins here. */
export const NEW_SAMPLED_FLAGS = spellFlags(SAMPLED);

/** Flags that nobody has defined yet are sent as 0 (3.2.2.5). */
function spellFlags(flags: number): string {
  return `0${flags & (SAMPLED | RANDOM)}`;
}

export function spellTraceParent(traceId: string, spanId: string, flags: string): string {
  return `00-${traceId}-${spanId}-${flags}`;
}

/** A child of `traceId` with a span id of its own. */
export function makeTraceParent(traceId: string, flags: string): string {
  return spellTraceParent(traceId, randomHex(8), flags);
}

/** 3.3.1.3; keys as Level 2 has them, and so those of Level 1 too. */
const STATE_MEMBER =
  /^(?:[a-z0-9][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;
const MOST_STATE_MEMBERS = 32;

/** What `tracestate` holds, several headers as one; null where there is none, or what there is is not valid. */
export function clientTraceState(headers: RawHeaders): string | null {
  let joined: string | null = null;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length !== 10 || name.toLowerCase() !== "tracestate") continue;
    joined = joined === null ? (headers[i + 1] as string) : `${joined},${headers[i + 1] as string}`;
  }
  if (joined === null) return null;
  const members = membersOf(joined);
  const keys = new Set(members.map(keyOf));
  const isValid =
    members.length > 0 &&
    members.length <= MOST_STATE_MEMBERS &&
    keys.size === members.length &&
    members.every((member) => STATE_MEMBER.test(member));
  return isValid ? members.join(",") : null;
}

/** With `member` in front, in place of an earlier one of its key; where that makes too many, the last one goes (3.3.1.5). */
export function withStateMember(state: string | null, member: string): string {
  const others = state === null ? [] : membersOf(state).filter((other) => keyOf(other) !== keyOf(member));
  return [member, ...others.slice(0, MOST_STATE_MEMBERS - 1)].join(",");
}

/** White space around members is none of theirs, and empty ones are allowed. */
function membersOf(state: string): string[] {
  return state
    .split(",")
    .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ""))
    .filter((member) => member !== "");
}

function keyOf(member: string): string {
  return member.slice(0, member.indexOf("="));
}
