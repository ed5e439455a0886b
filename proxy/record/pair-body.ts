/**
 * One body of a pair, redacted and still readable as what it was: JSON, lines of JSON, a form, a multipart or text. Anything
 * else is left out but for a keyed digest: what is secret in it cannot be told from what is not.
 */
import { isUtf8 } from "node:buffer";
import type { BodyLeftOut, PairBody } from "../evidence/stored-pair.ts";
import type { Masking } from "./masking.ts";
import { redactMultipart } from "./pair-multipart.ts";
import { redactForm, redactJsonBody, redactLines } from "./pair-text.ts";
import { CONTAINER, FORM_TYPE, isForeign, JSON_TYPE, LINES_TYPE } from "./pair-types.ts";

export interface ShownBody {
  readonly body: PairBody;
  readonly redacted: boolean;
}

const PLAIN_TYPE = "text/plain";
const ESCAPED = /%|[^\0-\x7f]/;
/** The body itself. */
const ROOT = [[]];

/** `bytes`: without content coding. */
export function redactBody(bytes: Buffer, contentType: string | null, masking: Masking): ShownBody {
  if (bytes.length === 0) return { body: { text: "" }, redacted: false };
  // Of characters that take two bytes (UTF-16) every other one may be 0, and the whole be UTF-8 by chance.
  if (!isUtf8(bytes) || bytes.includes(0)) return leaveOut(bytes, "binary", masking);
  const text = bytes.toString("utf8");
  const shown = redactText(text, bytes, contentType, masking);
  if (shown === null) return leaveOut(bytes, "unreadable", masking);
  return { body: { text: shown }, redacted: shown !== text };
}

/** What its content coding cannot be taken off. `codings`: as its headers have them; the same bytes may mean two things. */
export function leaveUndecoded(bytes: Buffer, codings: string, masking: Masking): ShownBody {
  const digest = masking.digest(Buffer.concat([Buffer.from(`${codings}\n`), bytes]));
  return { body: { leftOut: "unreadable", bytes: bytes.length, digest }, redacted: true };
}

function leaveOut(bytes: Buffer, why: BodyLeftOut, masking: Masking): ShownBody {
  return { body: { leftOut: why, bytes: bytes.length, digest: masking.digest(bytes) }, redacted: true };
}

/** null: it is nothing that can be redacted place by place. */
function redactText(text: string, bytes: Buffer, contentType: string | null, masking: Masking): string | null {
  const type = (contentType ?? "").trim();
  const essence = type.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  // What an escape stands for is known in UTF-8 alone.
  if (essence === FORM_TYPE) return isForeign(type) && ESCAPED.test(text) ? null : redactForm(text, ROOT, masking);
  if (essence.startsWith("multipart/")) return redactMultipart(bytes, type, masking);
  if (LINES_TYPE.test(essence)) return redactLines(text, ROOT, masking);
  // By its looks, not by its type: services forget the type, and clients read the body all the same.
  if (JSON_TYPE.test(essence) || CONTAINER.test(text)) return redactJsonBody(text, ROOT, masking);
  const isPlain = essence === "" || essence === PLAIN_TYPE;
  return isPlain && masking.rules.byNameOnly ? masking.text(text) : null;
}
