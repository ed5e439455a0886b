/**
 * Values of an entity that Crossfade itself carries from one service to the other (a repair): what a request about it has to say to
 * either of them. Clients' own requests name it as clients do; it has no place among exchanges, so it waits for nobody.
 */
import type { GivenValue, RouteSettings, ValuePlace } from "../../config/settings.ts";
import type { Identity, RawHeaders } from "../../exchange.ts";
import { parseExact } from "../../json/parse-exact.ts";
import { parsePointer } from "../../json/pointer.ts";
import { printExact } from "../../json/print-exact.ts";
import { removePlaces } from "../../json/move-members.ts";
import { framedFor } from "../../headers.ts";
import { givenEdits, giftsOf, withGivenHeaders } from "./given.ts";
import { edit, type Documents, type Edit, withoutCoding } from "./documents.ts";
import { atService, bothSides, isPair, type Named } from "./held.ts";
import type { PairBook } from "./pair-book.ts";
import type { Partner } from "./pair-cache.ts";
import { findInAnswer, findInRequest, type FoundValue, type InPath, MAX_VALUES } from "./places.ts";
import { type ReadBody, valueName } from "./request-map.ts";
import { spellAs } from "./seal.ts";
import type { Teacher } from "./teaching.ts";

export interface CarriedParts {
  readonly book: Pick<PairBook, "partnerOf" | "look">;
  readonly readBody: ReadBody;
  readonly teacherOf: (value: OneValue) => Teacher;
}

export interface OneValue {
  readonly kind: string;
  /** As clients say it. */
  readonly text: string;
}

export interface Message {
  readonly target: string;
  readonly headers: RawHeaders;
  /** null: not in memory. */
  readonly body: Buffer | null;
}

/** Who is to be asked about which entity. */
export interface Carrying {
  readonly to: Identity;
  readonly primary: Identity;
  /** Clients may call values otherwise than the primary does (held.ts). */
  readonly isTurned: boolean;
  readonly inPath: InPath;
  /** Of a request: its path and headers. */
  readonly inRequest: readonly ValuePlace[];
  /** Of its body, which is an answer of the primary's. */
  readonly inBody: readonly ValuePlace[];
  /** The entity's own id, where it is such a value. */
  readonly own: OneValue | null;
  /** It has no id at the shadow, whatever may be said of ids that nobody knows. */
  readonly isApart: boolean;
  readonly unmapped: RouteSettings["values"]["unmapped"];
  /** Of what makes it at the shadow: what that is handed of the primary's. */
  readonly given: readonly GivenValue[];
  /** What of its body nobody knows there yet is left out, and not waited for: two that name each other cannot both be first. */
  readonly leavesOut: boolean;
}

export type Carried =
  | {
      readonly end: "carried";
      readonly target: string;
      readonly headers: RawHeaders;
      readonly body: Buffer | null;
      /** Values that went as they were, as `valueName` has them. */
      readonly passed: ReadonlySet<string>;
      /** The entity's own id had no partner and went as it was. */
      readonly ownPassed: boolean;
    }
  /** Nobody knows the entity's own id there. */
  | { readonly end: "apart" }
  /** A write that makes one of its values has not reached the shadow yet. In words, without the value. */
  | { readonly end: "awaited"; readonly why: string }
  | { readonly end: "refused"; readonly why: string };

type Whose = Partner | "same" | "passed" | "apart" | "awaited" | "nobody";

/** Rejects where the store does not answer. */
export async function carry(parts: CarriedParts, message: Message, order: Carrying): Promise<Carried> {
  const documents = documentsOf(parts, message);
  const unread = whyNotRead(parts, message, documents, order);
  if (unread !== null) return { end: "refused", why: unread };
  const inBody = findInAnswer(documents, order.inBody);
  const found = apartFromOthers([...findInRequest(documents, order.inRequest, order.inPath), ...inBody]);
  if (found.length >= MAX_VALUES) return { end: "refused", why: `it names ${MAX_VALUES} values or more` };
  await parts.book.look(found.flatMap(bothSides));
  const passed = new Set<string>();
  const gifts = giftsOf(documents, order.given);
  const handed = gifts.flatMap(({ at }) => (at.source === "body" ? [at.name] : []));
  const edits: Edit[] = givenEdits(documents, gifts);
  const leftOut: string[] = [];
  for (const value of found) {
    const whose = whoseIs(parts, value, order);
    const place = `the value of kind ${value.kind} at ${value.asked}`;
    if (whose === "same") continue;
    if (order.leavesOut && value.in === "body" && (whose === "awaited" || whose === "nobody")) {
      leftOut.push(value.at);
      continue;
    }
    if (whose === "passed") {
      passed.add(valueName(value));
    } else if (whose === "awaited") {
      return { end: "awaited", why: `${place} was made by a write that the shadow has not got yet` };
    } else if (whose === "nobody") {
      return { end: "refused", why: `${place} has no partner at the shadow that is known` };
    } else if (whose === "apart") {
      if (value.in !== "body") return { end: "apart" };
      // Another entity may have it there.
      if (!handed.includes(value.at)) leftOut.push(value.at);
    } else {
      const { own, other } = whose;
      const text = value.write(other.text, spellAs(value.spelling, own, other));
      if (text === null) return { end: "refused", why: `${place} would be what cannot stand there` };
      edits.push({ in: value.in, start: value.start, end: value.end, text });
    }
  }
  const { own } = order;
  const ownPassed = own !== null && passed.has(valueName(own));
  const put = written(message, documents, edits, leftOut);
  return { end: "carried", ...put, headers: withGivenHeaders(put.headers, gifts), passed, ownPassed };
}

function whyNotRead(
  { readBody }: CarriedParts,
  { headers, body }: Message,
  read: Documents,
  { inBody }: Carrying,
): string | null {
  if (inBody.length === 0 || body?.length === 0 || readBody(headers, NO_BYTES).form === "none") return null;
  if (read.body !== null) return null;
  return "it is larger than 1 MiB or limits.bodyInMemory, or cannot be decoded, so that values in it are not mapped";
}

const NO_BYTES = Buffer.alloc(0);

function documentsOf({ readBody }: CarriedParts, { target, headers, body }: Message): Documents {
  return { target, headers, ...readBody(headers, body ?? NO_BYTES) };
}

/** Where two entries of the configuration meet in one place the first counts. */
function apartFromOthers(found: readonly FoundValue[]): readonly FoundValue[] {
  const kept: FoundValue[] = [];
  for (const one of found) {
    if (!kept.some((other) => other.in === one.in && one.start < other.end && other.start < one.end)) kept.push(one);
  }
  return kept;
}

function whoseIs({ book, teacherOf }: CarriedParts, value: FoundValue, order: Carrying): Whose {
  const { to, primary, isTurned, own, unmapped } = order;
  const { kind, text } = value;
  if (to === primary && !isTurned) return "same";
  const named: Named = isTurned
    ? atService(book, { kind, text, side: to })
    : book.partnerOf({ kind, text, side: primary });
  if (named === null) throw new Error("what its values are could not be looked up");
  if (isPair(named)) return named;
  if (named === "as-it-is" || to === primary) return "same";
  const isOwn = own !== null && valueName(own) === valueName(value);
  const unknown = isOwn ? "apart" : "nobody";
  const teacher = teacherOf({ kind, text });
  if (teacher.found === "teaching") return "awaited";
  if (isOwn && order.isApart) return "apart";
  if (teacher.found === "not-taught") return isOwn ? "apart" : "awaited";
  // There something else is called so.
  if (isPair(book.partnerOf({ kind, text, side: to }))) return unknown;
  if (value.isGuess) return "same";
  return unmapped === "skip" ? unknown : "passed";
}

function written(message: Message, documents: Documents, edits: readonly Edit[], leftOut: readonly string[]): Message {
  const edited = edit(documents, edits);
  const bytes = leftOut.length === 0 || edited.body === null ? edited.body : without(edited.body, leftOut);
  const { target } = edited;
  if (bytes === null || bytes === documents.body) return { target, headers: edited.headers, body: message.body };
  return { target, headers: framedFor(withoutCoding(edited.headers), bytes.length), body: bytes };
}

function without(json: Buffer, pointers: readonly string[]): Buffer {
  const read = parseExact(json);
  if (!read.ok) return json;
  const left = removePlaces(
    read.value,
    pointers.map((pointer) => parsePointer(pointer) ?? []),
  );
  return Buffer.from(printExact(left, Number.POSITIVE_INFINITY));
}
