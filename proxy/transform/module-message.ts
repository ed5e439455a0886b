/** Requests and answers as a user's transform sees them, and as it gives them back. */
import { parseMediaType } from "../compare/decode.ts";
import { type GivenAnswer, giveAnswer, type HookAnswer, takeAnswer } from "../compare/hook-answers.ts";
import { kindWords, Nonsense } from "../compare/hook-calls.ts";
import { parseMethod, sentHeaderProblem } from "../config/texts.ts";
import { headerOf, type RawHeaders } from "../exchange.ts";
import { framedFor } from "../headers.ts";

/** As docs/transform-module.d.ts has it. */
export interface HookRequest {
  method: string;
  target: string;
  headers: [name: string, value: string][];
  body: HookAnswer["body"];
}

/** A whole message, its body in memory: a request has method and target, an answer a status. */
export interface HeldMessage {
  readonly headers: RawHeaders;
  readonly body: Uint8Array;
}

export interface HeldRequest extends HeldMessage {
  readonly method: string;
  readonly target: string;
}

export interface HeldReply extends HeldMessage {
  readonly status: number;
}

/** What a function is not shown of a request and cannot change: what Crossfade sets, and what belongs to the connection. */
function isOurs(name: string): boolean {
  return sentHeaderProblem(name.toLowerCase(), "") !== null;
}

function pick(headers: RawHeaders, wanted: (name: string) => boolean): string[] {
  const picked: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (wanted(name)) picked.push(name, headers[i + 1] as string);
  }
  return picked;
}

/**
 * The request as the function has it; `request` itself where it returns nothing.
 * @throws Nonsense: it gave back none
 */
export function throughRequest(request: HeldRequest, call: (given: HookRequest) => unknown): HeldRequest {
  const shown = pick(request.headers, (name) => !isOurs(name));
  const given = given_({ status: 200, headers: shown, body: request.body });
  const { headers, body } = given.answer;
  const returned = call({ method: request.method, target: request.target, headers, body });
  if (returned === undefined) return request;
  if (typeof returned !== "object" || returned === null || Array.isArray(returned) || returned instanceof Promise) {
    throw new Nonsense(`returned ${kindWords(returned)} where a request is expected`);
  }
  const { method, target, ...rest } = returned as { readonly [key in keyof HookRequest]?: unknown };
  const taken = take({ status: 200, headers: rest.headers, body: rest.body }, given);
  for (let i = 0; i + 1 < taken.headers.length; i += 2) {
    if (sentHeaderProblem((taken.headers[i] as string).toLowerCase(), taken.headers[i + 1] as string) === null)
      continue;
    throw new Nonsense("returned a request with a header that Crossfade sets, or that no request can have");
  }
  const framed = framedFor([...pick(request.headers, isOurs), ...taken.headers], taken.body.length);
  return { method: takeMethod(method), target: takeTarget(target), headers: framed, body: taken.body };
}

/**
 * The answer as the function has it; `answer` itself where it returns nothing.
 * @throws Nonsense: it gave back none
 */
export function throughAnswer(answer: HeldReply, call: (given: HookAnswer) => unknown): HeldReply {
  const given = given_(answer);
  const returned = call(given.answer);
  if (returned === undefined) return answer;
  const taken = take(returned, given);
  return { ...taken, headers: framedFor(taken.headers, taken.body.length) };
}

function given_({ status, headers, body }: HeldReply): GivenAnswer {
  const given = giveAnswer({ status, headers, body: { kind: "bytes", bytes: body } });
  if (given === null) throw new Nonsense("was not called: the body is larger than 32 MiB once it is decoded");
  return given;
}

function take(returned: unknown, given: GivenAnswer): HeldReply {
  const { status, headers, body, readAs } = takeAnswer(returned, given);
  if (body.kind !== "bytes") throw new TypeError("a body that a function gave back is bytes");
  const charset = parseMediaType(headerOf(headers, "content-type"))?.parameters.find(([name]) => name === "charset");
  const isUtf8 = charset === undefined || /^utf-?8$/i.test(charset[1]);
  // Written as UTF-8: it must not say another charset, and need not say this one.
  const kept = isUtf8 ? pick(headers, (name) => given.isCoded || name.toLowerCase() !== "content-encoding") : readAs;
  return { status, headers: kept ?? headers, body: body.bytes };
}

function takeMethod(method: unknown): string {
  const parsed = typeof method === "string" ? parseMethod(method) : null;
  if (parsed?.ok === true && parsed.value !== "CONNECT") return parsed.value;
  throw new Nonsense("returned a request whose method is none");
}

function takeTarget(target: unknown): string {
  if (typeof target === "string" && /^(?:\/[\x21-\x7e]*|\*)$/.test(target)) return target;
  throw new Nonsense("returned a request whose target is no path; it begins with / and has no spaces");
}
