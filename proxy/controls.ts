/** Control characters in texts of strangers: the patterns that find them. Pure. */

/** C0, DEL and C1 (Unicode's Cc), one a match. */
export const CONTROLS = /\p{Cc}/gu;

/** Line and direction marks as well: with any of these a text rewrites what a reader sees. */
export const MISLEADING = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** What no field of HTTP holds (RFC 9110, 5.5): C0 but for the tab, and DEL. In a head C1 are bytes of other characters. */
export const NOT_IN_FIELD = /(?![\t\u0080-\u009f])\p{Cc}/u;

/** Text of strangers, safe to show: what could rewrite the screen, or turn the text around, is shown as escapes. */
export function printable(text: string): string {
  return text.replace(MISLEADING, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
