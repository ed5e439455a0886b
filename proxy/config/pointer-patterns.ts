/** How two pointer patterns (`*` one token, `**` any number) stand to each other, whatever the document. */

/** Every place that `narrow` covers, `wide` covers too. Sound: true only where that is certain. */
export function pointerCovers(wide: string, narrow: string): boolean {
  return related(tokensOf(wide), tokensOf(narrow), (w, n) => n !== "**" && (w === "*" || w === n), false);
}

/** Some place is covered by both. */
export function pointersMeet(one: string, other: string): boolean {
  return related(tokensOf(one), tokensOf(other), (a, b) => a === "*" || b === "*" || a === b, true);
}

/** The places on the way to those of `pattern`, as patterns; `**` is taken for nothing. */
export function pointersAbove(pattern: string): readonly string[] {
  const tokens = tokensOf(pattern);
  return tokens.map((_, end) => {
    return tokens
      .slice(0, end)
      .filter((token) => token !== "**")
      .map((token) => `/${token}`)
      .join("");
  });
}

function tokensOf(pattern: string): readonly string[] {
  return pattern.split("/").slice(1);
}

/** `bothWays`: `**` of the second pattern may stand for tokens of the first. */
function related(
  a: readonly string[],
  b: readonly string[],
  fits: (a: string, b: string) => boolean,
  bothWays: boolean,
): boolean {
  // Row by row: whether the first i tokens of `a` and the first j of `b` go together.
  let row: boolean[] = [true];
  for (const [j, token] of b.entries()) row.push(bothWays && token === "**" && row[j] === true);
  for (const token of a) {
    const next: boolean[] = [token === "**" && row[0] === true];
    for (const [j, other] of b.entries()) {
      const swallowed = token === "**" && (row[j + 1] === true || next[j] === true);
      const swallowing = bothWays && other === "**" && (next[j] === true || row[j + 1] === true);
      next.push(swallowed || swallowing || (row[j] === true && token !== "**" && fits(token, other)));
    }
    row = next;
  }
  return row[b.length] === true;
}
