/** What tells how a body of a pair, or a part of one, is redacted: by its type without parameters, in lower case. */

export const JSON_TYPE = /^(?:application|text)\/(?:json|[\w.+-]+\+json|x-amz-json-[\w.]+)$/;
export const LINES_TYPE = /^application\/(?:x-ndjson|ndjson|jsonl|x-jsonlines|jsonlines|json-seq)$/;
export const FORM_TYPE = "application/x-www-form-urlencoded";
export const CONTAINER = /^\ufeff?\s*[[{]/;

/** Whether a Content-Type says another charset than UTF-8, or ASCII, which is UTF-8 too. */
export function isForeign(contentType: string): boolean {
  const charset = /;\s*charset=\s*"?([^\s;"]*)/i.exec(contentType)?.[1] ?? "";
  return !/^(?:|utf-?8|us-ascii|ascii)$/i.test(charset);
}
