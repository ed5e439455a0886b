/**
 * What a route declares of method, headers and bodies that next has otherwise than legacy: a request becomes next's, next's
 * answer legacy's. Pure.
 */
import { contentEncodingOf, decodeContent, isJsonType, parseMediaType } from "../compare/decode.ts";
import type { BodyMove, RouteSettings } from "../config/settings.ts";
import { type Answer, headerOf, type RawHeaders } from "../exchange.ts";
import { framedFor } from "../headers.ts";
import { type Move, moveMembers } from "../json/move-members.ts";
import { parseExact } from "../json/parse-exact.ts";
import { parsePointer } from "../json/pointer.ts";
import { printExact } from "../json/print-exact.ts";
import type { ShadowRequest } from "../mirror/shadow-request.ts";

/** Bodies are rewritten up to this size, decoded: reading and printing it takes about 20 ms. */
export const RESHAPED_MAX_BYTES = 1024 * 1024;

export type Reshaped<T> =
  | { readonly ok: true; readonly value: T }
  /** In words, without content. */
  | { readonly ok: false; readonly why: string };

export function requestToNext(request: ShadowRequest, { transform }: RouteSettings): Reshaped<ShadowRequest> {
  const { methods, headers: renamed } = transform;
  const method = methods.find(([legacy]) => legacy === request.method)?.[1] ?? request.method;
  const headers = rename(
    request.headers,
    renamed.map(({ legacy, next }) => [legacy, next]),
  );
  const moves = movesFor("request", transform.body);
  const outer: ShadowRequest = { ...request, method, headers };
  const form = moves.length === 0 ? "none" : formOf(headers);
  if (form === "none") return { ok: true, value: outer };
  const { body } = request;
  if (body.kind !== "memory" || body.bytes.length > RESHAPED_MAX_BYTES) {
    return refused("its body is larger than 1 MiB or limits.bodyInMemory, so that transform.body cannot change it");
  }
  if (body.bytes.length > 0 && contentEncodingOf(headers) !== null) {
    return refused("its body is compressed, so that transform.body cannot change it");
  }
  const bytes = reshape(body.bytes, form, moves);
  if (bytes === body.bytes) return { ok: true, value: outer };
  return {
    ok: true,
    value: { ...outer, headers: framedFor(headers, bytes.length), body: { kind: "memory", bytes } },
  };
}

/** Whether such a message has to be read whole to be transformed. */
export function readsBody(of: "request" | "answer", { transform }: RouteSettings, headers: RawHeaders): boolean {
  const { module, body } = transform;
  if (module?.hooks.includes(of === "request" ? "toNext" : "answer") === true) return true;
  return movesFor(of, body).length > 0 && formOf(headers) !== "none";
}

/** An answer of next's. What is not in memory, or larger than 1 MiB, keeps its body. */
export function answerToLegacy(answer: Answer, { transform }: RouteSettings): Answer {
  const headers = rename(
    answer.headers,
    transform.headers.map(({ legacy, next }) => [next, legacy]),
  );
  const moves = movesFor("answer", transform.body);
  const form = moves.length === 0 ? "none" : formOf(headers);
  const { body } = answer;
  if (form === "none" || body.kind !== "memory" || body.bytes.length > RESHAPED_MAX_BYTES)
    return { ...answer, headers };
  const encoding = contentEncodingOf(headers);
  const decoded = encoding === null ? body.bytes : decodeContent(body.bytes, encoding, RESHAPED_MAX_BYTES);
  const bytes = decoded === null ? null : reshape(decoded, form, moves);
  if (bytes === null || bytes === decoded) return { ...answer, headers };
  return {
    ...answer,
    headers: framedFor(withoutCoding(headers), bytes.length),
    body: { kind: "memory", bytes },
  };
}

function refused(why: string): Reshaped<never> {
  return { ok: false, why };
}

function movesFor(side: "request" | "answer", moves: readonly BodyMove[]): readonly Move[] {
  return moves.flatMap(({ legacy, next, of }) => {
    if (of !== null && of !== side) return [];
    const [a, b] = [parsePointer(legacy) ?? [], parsePointer(next) ?? []];
    return [side === "request" ? { from: a, to: b } : { from: b, to: a }];
  });
}

/** One that the new name has already gives way: a client's own must not pass for what was renamed. */
function rename(headers: RawHeaders, names: readonly (readonly [from: string, to: string])[]): string[] {
  const lower = new Set<string>();
  for (let i = 0; i < headers.length; i += 2) lower.add((headers[i] as string).toLowerCase());
  const present = new Map(names.filter(([from]) => lower.has(from)));
  if (present.size === 0) return [...headers];
  const taken = new Set(present.values());
  const renamed: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    const to = present.get(name.toLowerCase());
    if (to === undefined && taken.has(name.toLowerCase())) continue;
    renamed.push(to ?? name, headers[i + 1] as string);
  }
  return renamed;
}

type BodyForm = "json" | "form" | "none";

function formOf(headers: RawHeaders): BodyForm {
  const essence = parseMediaType(headerOf(headers, "content-type"))?.essence;
  if (essence === "application/x-www-form-urlencoded") return "form";
  return essence !== undefined && isJsonType(essence) ? "json" : "none";
}

/** The same bytes where nothing is moved, and where they are not what their type says. */
function reshape(bytes: Buffer, form: BodyForm, moves: readonly Move[]): Buffer {
  if (form === "form") {
    const text = bytes.toString("latin1");
    const renamed = renameFields(text, moves);
    return renamed === text ? bytes : Buffer.from(renamed, "latin1");
  }
  const read = parseExact(bytes);
  if (!read.ok) return bytes;
  const moved = moveMembers(read.value, moves);
  return moved === read.value ? bytes : Buffer.from(printExact(moved, Number.POSITIVE_INFINITY));
}

/** Fields have no members of their own: what is moved deeper, or out of an object, is none of a form's. */
function renameFields(text: string, moves: readonly Move[]): string {
  const names = new Map(
    moves.flatMap(({ from, to }) => (from.length === 1 && to.length === 1 ? [[from[0], to[0]] as const] : [])),
  );
  return text
    .split("&")
    .map((pair) => {
      const equals = pair.indexOf("=");
      const name = equals === -1 ? pair : pair.slice(0, equals);
      const to = names.get(decodeField(name));
      return to === undefined ? pair : encodeURIComponent(to.toWellFormed()) + pair.slice(name.length);
    })
    .join("&");
}

function decodeField(name: string): string {
  try {
    return decodeURIComponent(name.replaceAll("+", " "));
  } catch {
    return name;
  }
}

function withoutCoding(headers: RawHeaders): string[] {
  return headers.filter((_, i) => (headers[i - (i % 2)] as string).toLowerCase() !== "content-encoding");
}
