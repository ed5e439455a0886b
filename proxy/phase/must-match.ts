/** Which causes touch a place that must match. Pure. */

/**
 * `pattern`: of the configuration (`*` one token, `**` any number). `at`: of a group (`*` for an index or an id). Also where
 * the cause is above the place, as where the whole body differs: then the place was not compared.
 */
export function touches(pattern: string, at: string): boolean {
  if (!pattern.startsWith("/") && pattern !== "") return pattern === at || at === "";
  if (!at.startsWith("/") && at !== "") return false;
  return meet(pattern.split("/").slice(1), at.split("/").slice(1));
}

function meet(pattern: readonly string[], at: readonly string[]): boolean {
  const [wanted, ...others] = pattern;
  const [token, ...below] = at;
  // At the place or below it; or above it.
  if (wanted === undefined || token === undefined) return true;
  if (wanted === "**") return meet(others, at) || meet(pattern, below);
  return (wanted === "*" || token === "*" || wanted === token) && meet(others, below);
}
