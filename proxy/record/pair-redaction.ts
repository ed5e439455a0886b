/** Redacts all of an exchange that is kept whole: its request and both answers. */
import { headerOf, type RawHeaders, type Settled, type WholeAnswer } from "../exchange.ts";
import { serviceNameFor } from "../moves/phases.ts";
import type { PairAnswer, PairMessage, PairRequest, StoredPair } from "../evidence/stored-pair.ts";
import type { Masking } from "./masking.ts";
import { leaveUndecoded, redactBody } from "./pair-body.ts";

export type PairParts = Pick<StoredPair, "request" | "primary" | "shadow">;

/** The body without its content coding; or whether it is larger so than a pair may hold. */
export type DecodeBody = (
  answer: Pick<WholeAnswer, "headers" | "body">,
) => { readonly ok: true; readonly bytes: Buffer } | { readonly ok: false; readonly tooLarge: boolean };

/** In steps, a message each. null: a body is larger than is kept, or was not kept in memory. */
export function* redactPair(
  { exchange, requestBody, answers }: Settled,
  masking: Masking,
  decode: DecodeBody,
): Generator<void, PairParts | null> {
  if (answers === null || requestBody === null) return null;
  const { request, route, plan } = exchange;
  const message = (headers: RawHeaders, wire: Buffer): PairMessage | null => {
    const decoded = decode({ headers, body: wire });
    if (!decoded.ok && decoded.tooLarge) return null;
    const { body, redacted } = decoded.ok
      ? redactBody(decoded.bytes, headerOf(headers, "content-type"), masking)
      : leaveUndecoded(wire, codingsOf(headers), masking);
    const shown = redactHeaders(headers, masking);
    return { headers: shown.headers, body, redacted: [...shown.redacted, ...(redacted ? ["body"] : [])] };
  };
  const answer = (whole: WholeAnswer, service: string): PairAnswer | null => {
    const shown = message(whole.headers, whole.body);
    return shown === null ? null : { service, status: whole.status, ...shown };
  };
  const asked = message(request.headers, requestBody);
  yield;
  const primary = answer(answers.primary, serviceNameFor(plan.primary, route));
  yield;
  const shadow = answer(answers.shadow, serviceNameFor(plan.shadow ?? "next", route));
  if (asked === null || primary === null || shadow === null) return null;
  const target = masking.target();
  const { method, scheme } = request;
  const redacted = target === request.target ? asked.redacted : ["target", ...asked.redacted];
  const shownRequest: PairRequest = { method, target, scheme, ...asked, redacted };
  return { request: shownRequest, primary, shadow };
}

/** Of all lines of the header, as one list. */
function codingsOf(headers: RawHeaders): string {
  return headers.filter((_, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === "content-encoding").join();
}

function redactHeaders(
  headers: RawHeaders,
  masking: Masking,
): { readonly headers: RawHeaders; readonly redacted: readonly string[] } {
  const shown: string[] = [];
  const redacted = new Set<string>();
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    const lower = name.toLowerCase();
    const shownValue = value !== "" && masking.isSecretHeader(lower) ? masking.whole(value) : masking.content(value);
    if (shownValue !== value) redacted.add(`header:${lower}`);
    shown.push(name, shownValue);
  }
  return { headers: shown, redacted: [...redacted] };
}
