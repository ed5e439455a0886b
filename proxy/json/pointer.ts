/**
 * JSON pointers (RFC 6901) and the patterns of the configuration: `*` stands for one token, `**` for any number, also none.
 */

/** Tokens on the way from the root; an array's index may stay a number. */
export type PointerTokens = readonly (string | number)[];

export function escapeToken(token: string): string {
  return token.includes("~") || token.includes("/") ? token.replaceAll("~", "~0").replaceAll("/", "~1") : token;
}

/** `["a/b", 0]` as `/a~1b/0`; the root as "". */
export function formatPointer(tokens: PointerTokens): string {
  let pointer = "";
  for (const token of tokens) pointer += typeof token === "number" ? `/${token}` : `/${escapeToken(token)}`;
  return pointer;
}

/** The tokens of a pointer, or null where it is none: it begins with neither nothing nor `/`, or a `~` is not `~0` or `~1`. */
export function parsePointer(pointer: string): string[] | null {
  if (pointer === "") return [];
  if (!pointer.startsWith("/") || /~(?![01])/.test(pointer)) return null;
  return pointer
    .slice(1)
    .split("/")
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** Does the pattern cover exactly this place? A pattern that is no pointer covers none. */
export function matchesPointer(pattern: string | readonly string[], tokens: PointerTokens): boolean {
  const parts = typeof pattern === "string" ? parsePointer(pattern) : pattern;
  if (parts === null) return false;
  const firstDeep = parts.indexOf("**");
  if (firstDeep < 0) return parts.length === tokens.length && matchesRun(parts, 0, parts.length, tokens, 0);
  const lastDeep = parts.lastIndexOf("**");
  const tail = parts.length - lastDeep - 1;
  // What stands before the first and after the last `**` has its place; only the runs between float.
  if (firstDeep + tail > tokens.length) return false;
  if (!matchesRun(parts, 0, firstDeep, tokens, 0)) return false;
  if (!matchesRun(parts, lastDeep + 1, parts.length, tokens, tokens.length - tail)) return false;
  let at = firstDeep;
  for (let from = firstDeep; from < lastDeep;) {
    const to = parts.indexOf("**", from + 1);
    const length = to - from - 1;
    while (at + length <= tokens.length - tail && !matchesRun(parts, from + 1, to, tokens, at)) at += 1;
    if (at + length > tokens.length - tail) return false;
    at += length;
    from = to;
  }
  return true;
}

function matchesRun(parts: readonly string[], from: number, to: number, tokens: PointerTokens, at: number): boolean {
  for (let i = from; i < to; i += 1) {
    const part = parts[i] as string;
    if (part !== "*" && part !== String(tokens[at + i - from])) return false;
  }
  return true;
}
