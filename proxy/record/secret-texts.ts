/** Secrets that are told by their looks, wherever they stand: in a string, a header, an error message. */
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
/** `token=…` of a query, a form, a cookie or a log line, and `;jsessionid=…` of a path. */
const ASSIGNMENT = /(?<![\w.[\]-])([\w.[\]-]+)(=)([^&;,\s"'<>#]+)/g;
/** `"password":"…` inside a string, quoted or escaped: JSON within JSON, whole or cut anywhere. */
const MEMBER = /(?<![\w.-])([\w.-]+)(\\*["']?\s*:\s*\\*["']?)([^"'\\,}\]\s][^"'\\,}\]]*)/g;

export function maskSecretTexts(text: string, mask: Mask): string {
  // All of them need one of these characters; most values have none.
  if (!/[=:.\-_ ]|AKIA|ASIA|AIza/.test(text)) return text;
  return text
    .replace(PRIVATE_KEY, (found) => mask(found))
    .replace(JWT, (found) => mask(found))
    .replace(ISSUED, (found) => mask(found))
    .replace(USER_INFO, (_, scheme: string, userInfo: string) => `${scheme}${mask(userInfo)}@`)
    .replace(CREDENTIALS, (_, scheme: string, space: string, secret: string) => `${scheme}${space}${mask(secret)}`)
    .replace(ASSIGNMENT, (found, name: string, equals: string, value: string) =>
      isSecretName(name) && !value.startsWith("[redacted") ? `${name}${equals}${mask(value)}` : found,
    )
    .replace(MEMBER, (found, name: string, between: string, value: string) =>
      isSecretName(name) && !value.startsWith("[redacted") ? `${name}${between}${mask(value)}` : found,
    );
}
