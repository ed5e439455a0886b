/** Secrets that are told by their looks, wherever they stand: in a string, a header, an error message. */
import { decodeSegment } from "../pattern.ts";
import { assignedValues } from "./assigned-values.ts";
import { isSecretName } from "./secret-names.ts";

/*
 * Each pattern that begins with a run of characters begins where the run does (the lookbehinds): otherwise a text of
 * 16 KiB without a match, which a client can send as its path, costs the square of its length.
 */

/** Stands in for a secret; the same secret has the same stand-in. */
export type Mask = (secret: string) => string;

/** Three base64url parts, the first of which begins with `{"`: a JSON Web Token, also one whose end was cut off. */
const JWT = /(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?/g;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;
/** With a digit or a sign in it: "basic validation" is prose. */
const CREDENTIALS = /\b(Bearer|Basic|Negotiate|ApiKey|Token)(\s+)(?=\S*[\d=+/_.~-])([\w.~+/=-]{8,})/gi;
const USER_INFO = /((?<![a-z0-9+.-])[a-z][a-z0-9+.-]*:\/\/)([^/\s?#@"]+)@/gi;
/** AWS, GitHub, GitLab, Slack, Stripe, Google and npm mark the keys they issue. */
const ISSUED =
  /\b(?:(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{20,}|glpat-[\w-]{20,}|xox[abprs]-[\w-]{10,}|[rs]k_(?:live|test)_[A-Za-z0-9]{10,}|AIza[\w-]{30,}|npm_[A-Za-z0-9]{30,})/g;

/** A piece of a URL or a form, whole (the lookbehind), that may be percent-encoded. */
const PIECE = /(?<![^\s"'<>&;=?#,])[^\s"'<>&;=?#,]+/g;
const ENCODED_SEPARATOR = /%(?:3[AaDd]|25)/;
/** `next=%2Fcb%3Fback%3D%252F…`: so many are within one another. */
const DECODED_TIMES = 3;

export function maskSecretTexts(text: string, mask: Mask): string {
  return maskTexts(text, mask, DECODED_TIMES);
}

function maskTexts(text: string, mask: Mask, decodedTimes: number): string {
  // All of them need one of these characters; most values have none.
  if (!/[=:.\-_ <%]|AKIA|ASIA|AIza/.test(text)) return text;
  const shown = text
    .replace(PRIVATE_KEY, (found) => mask(found))
    .replace(JWT, (found) => mask(found))
    .replace(ISSUED, (found) => mask(found))
    .replace(USER_INFO, (_, scheme: string, userInfo: string) => `${scheme}${mask(userInfo)}@`)
    .replace(CREDENTIALS, (_, scheme: string, space: string, secret: string) => `${scheme}${space}${mask(secret)}`);
  const named = maskAssigned(shown, mask);
  if (decodedTimes === 0 || !ENCODED_SEPARATOR.test(named)) return named;
  return named.replace(PIECE, (piece) => {
    if (!ENCODED_SEPARATOR.test(piece)) return piece;
    const plain = Buffer.from(decodeSegment(piece), "latin1").toString("utf8");
    // Without what would be within another URL it is no URL any more: all of it goes.
    return maskTexts(plain, mask, decodedTimes - 1) === plain ? piece : mask(plain);
  });
}

function maskAssigned(text: string, mask: Mask): string {
  let shown = "";
  let end = 0;
  for (const { from, to } of assignedValues(text, isSecretName)) {
    shown += text.slice(end, from) + mask(text.slice(from, to));
    end = to;
  }
  return end === 0 ? text : shown + text.slice(end);
}

/** Those between quotation marks (`login(password: "…")`): of others it is not sure where they end, nor that they are values. */
export function secretsInText(text: string): readonly string[] {
  return assignedValues(text, isSecretName)
    .filter(({ isQuoted }) => isQuoted)
    .map(({ from, to }) => text.slice(from, to));
}
