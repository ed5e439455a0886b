/** One copy's values in the shadow's spelling: found, known or waited for, then written where they stood. */
import type { ValuePlace } from "../../config/settings.ts";
import type { BodyCopy, Exchange, RawHeaders } from "../../exchange.ts";
import { headerOf } from "../../exchange.ts";
import type { Rewrite } from "../shadow-request.ts";
import { edit, type Documents, type Edit } from "./documents.ts";
import { atService, bothSides, isPair, isTurned, type Named } from "./held.ts";
import { givenEdits, giftsOf, withGivenHeaders, type Gift } from "./given.ts";
import type { PairBook, Sought } from "./pair-book.ts";
import type { Partner } from "./pair-cache.ts";
import { findInRequest, type FoundValue, MAX_VALUES } from "./places.ts";
import { otherSide, spellAs } from "./seal.ts";
import type { Teachings } from "./teaching.ts";

/** A body as its headers say it is read: what it is, and its bytes where they could be decoded. */
export type ReadBody = (headers: RawHeaders, body: Buffer) => Pick<Documents, "form" | "body">;

/** Values are looked for in bodies up to this size, decoded: a walk through it takes about 3 ms. */
export const MAPPED_BODY_MAX_BYTES = 1024 * 1024;

export interface CopyToMap {
  readonly exchange: Exchange;
  readonly body: BodyCopy;
  /** The primary's answer. */
  readonly answer: Documents;
  /** Only the answer told what the exchange is about: it made it. */
  readonly made: boolean;
  readonly position: number;
  /** Monotonic ms: nothing is waited for beyond it. */
  readonly deadline: number;
}

export type MappedRequest =
  | {
      readonly end: "mapped";
      readonly rewrite: Rewrite;
      /** Values that went out as they came, as `valueName` has them: who knows whether they are the same thing there. */
      readonly passed: ReadonlySet<string>;
    }
  /** In words, without the value. */
  | { readonly end: "unmapped"; readonly why: string }
  | { readonly end: "shutdown" };

export interface RequestMapParts {
  readonly book: PairBook;
  readonly teachings: Teachings;
  readonly readBody: ReadBody;
  readonly monotonic: () => number;
  /** Resolves when nobody is to wait any longer: the process ends. */
  readonly stopped: Promise<"stopped">;
}

export async function mapRequest(parts: RequestMapParts, copy: CopyToMap): Promise<MappedRequest> {
  const { exchange, body, made, answer } = copy;
  const { request, route, params } = exchange;
  const { values } = route;
  const gifts = made ? giftsOf(answer, values.give) : [];
  const unread = whyNotRead(parts, copy, gifts);
  if (unread !== null) return { end: "unmapped", why: unread };
  const documents = documentsOf(parts.readBody, request.target, request.headers, body);
  const found = findInRequest(documents, values.apply, { route, params });
  if (found.length > MAX_VALUES) return { end: "unmapped", why: `it names more than ${MAX_VALUES} values` };
  const resolved = await resolve(parts, copy, found);
  if (resolved.end !== "resolved") return resolved;
  const { partners, passed } = resolved;
  for (const value of found) {
    const partner = partners.get(valueName(value));
    if (partner === undefined || write(value, partner) !== null) continue;
    return { end: "unmapped", why: `the value of kind ${value.kind} at ${value.asked} holds what cannot stand there` };
  }
  return { end: "mapped", rewrite: rewriteWith(parts.readBody, values.apply, partners, gifts), passed };
}

/** Why what has to be mapped in the body cannot be, or null. */
function whyNotRead(
  { readBody }: RequestMapParts,
  { exchange, body }: CopyToMap,
  gifts: readonly Gift[],
): string | null {
  const { headers } = exchange.request;
  const { apply } = exchange.route.values;
  if (!apply.some(({ at }) => at.source === "body") && !gifts.some(({ at }) => at.source === "body")) return null;
  const { form } = readBody(headers, NO_BYTES);
  if (form === "none") return null;
  if (body.kind !== "memory" || body.bytes.length > MAPPED_BODY_MAX_BYTES)
    return "its body is larger than 1 MiB or limits.bodyInMemory, so that values in it are not mapped";
  const coding = headerOf(headers, "content-encoding");
  if (body.bytes.length === 0 || coding === null || coding.trim().toLowerCase() === "identity") return null;
  return "its body is compressed, so that values in it are not mapped";
}

const NO_BYTES = Buffer.alloc(0);

function documentsOf(readBody: ReadBody, target: string, headers: RawHeaders, body: BodyCopy): Documents {
  const read = readBody(headers, body.kind === "memory" ? body.bytes : NO_BYTES);
  return { target, headers, ...read };
}

type Partners = ReadonlyMap<string, Partner>;
type Resolved =
  | { readonly end: "resolved"; readonly partners: Partners; readonly passed: ReadonlySet<string> }
  | Exclude<MappedRequest, { end: "mapped" }>;

async function resolve(parts: RequestMapParts, copy: CopyToMap, found: readonly FoundValue[]): Promise<Resolved> {
  const { book, teachings } = parts;
  const { exchange, position, deadline } = copy;
  const side = exchange.plan.primary;
  const partners = new Map<string, Partner>();
  const passed = new Set<string>();
  const unmapped = ({ kind, asked }: FoundValue, why: string): Resolved => {
    return { end: "unmapped", why: `the value of kind ${kind} at ${asked} ${why}` };
  };
  const turned = isTurned(exchange.snapshot, exchange.route);
  // As long as clients hold what the primary calls it, that side alone is asked.
  const soughtOf = ({ kind, text }: FoundValue): readonly Sought[] =>
    turned ? bothSides({ kind, text }) : [{ kind, text, side }];
  const nameOf = ({ kind, text }: FoundValue): Named =>
    turned ? atService(book, { kind, text, side: otherSide(side) }) : book.partnerOf({ kind, text, side });
  if (!(await looked(book, found.flatMap(soughtOf))))
    return { end: "unmapped", why: "the store did not say what its values are" };
  for (const value of found) {
    for (;;) {
      const partner = nameOf(value);
      if (partner === "as-it-is") break;
      if (isPair(partner)) {
        partners.set(valueName(value), partner);
        break;
      }
      const teacher = teachings.teacherOf(value, position);
      if (teacher.found === "teaching") {
        const waited = await within(parts, teacher.teaching.ended, deadline);
        if (waited === "stopped") return { end: "shutdown" };
        if (waited === "late") return unmapped(value, "was not known in time: the write that makes it has not ended");
      } else if (partner === null) {
        // Memory has forgotten it meanwhile, or a store that has just failed was not asked.
        if (!(await looked(book, soughtOf(value))) || nameOf(value) === null)
          return unmapped(value, "could not be looked up");
      } else if (teacher.found === "not-taught") {
        return unmapped(value, "was made by a write that the shadow did not get, or did not answer with its own");
      } else if (value.isGuess) {
        break;
      } else if (exchange.route.values.unmapped === "skip") {
        return unmapped(value, "has no partner, and the route says unmapped: skip");
      } else {
        passed.add(valueName(value));
        break;
      }
    }
  }
  return { end: "resolved", partners, passed };
}

async function looked(book: PairBook, sought: readonly Sought[]): Promise<boolean> {
  try {
    await book.look(sought);
    return true;
  } catch {
    return false;
  }
}

/** Beyond it a timer of Node's fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

async function within(
  { monotonic, stopped }: RequestMapParts,
  ended: Promise<void>,
  deadline: number,
): Promise<"ended" | "late" | "stopped"> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(resolve, Math.min(Math.max(0, deadline - monotonic()), LONGEST_TIMER_MS), "late");
  });
  try {
    return await Promise.race([ended.then(() => "ended" as const), stopped, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Pure: the same places are found in what is sent, whatever was added to it or left out. */
function rewriteWith(
  readBody: ReadBody,
  apply: readonly ValuePlace[],
  partners: Partners,
  gifts: readonly Gift[],
): Rewrite {
  return (request, { route, params }) => {
    if (partners.size === 0 && gifts.length === 0) return request;
    const headers = withGivenHeaders(request.headers, gifts);
    const documents = documentsOf(readBody, request.target, headers, request.body);
    const edits: Edit[] = findInRequest(documents, apply, { route, params }).flatMap((value) => {
      const partner = partners.get(valueName(value));
      const text = partner === undefined ? null : write(value, partner);
      return text === null ? [] : [{ in: value.in, start: value.start, end: value.end, text }];
    });
    const edited = edit(documents, [...givenEdits(documents, gifts), ...edits]);
    const body: BodyCopy =
      edited.body === null || edited.body === documents.body ? request.body : { kind: "memory", bytes: edited.body };
    return { method: request.method, target: edited.target, headers: edited.headers, body };
  };
}

function write(value: FoundValue, { own, other }: Partner): string | null {
  return value.write(other.text, spellAs(value.spelling, own, other));
}

export function valueName({ kind, text }: Pick<FoundValue, "kind" | "text">): string {
  return `${kind}\0${text}`;
}
