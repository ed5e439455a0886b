/** Which differences a question about a place means: one rule for stores and live readers. Pure. */

/**
 * Whether `at` is `asked` or stands below it. In a pointer that is asked for, `*` stands for any one token, as groups show
 * an index or an id.
 */
export function coversPlace(asked: string, at: string): boolean {
  if (at.startsWith(asked) && (at.length === asked.length || at[asked.length] === "/")) return true;
  if (!asked.startsWith("/") || !asked.includes("*")) return false;
  const wanted = asked.split("/");
  const tokens = at.split("/");
  return wanted.length <= tokens.length && wanted.every((token, i) => tokens[i] === token || (token === "*" && i > 0));
}
