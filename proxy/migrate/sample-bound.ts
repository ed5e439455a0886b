/** What a sample says of all rows. Pure. */

/** How often a bound that is told holds. */
export const CONFIDENCE = 0.95;

/**
 * The largest share of rows that may differ where so many of a sample did: Clopper and Pearson's upper bound, which is exact
 * for draws that are put back. Rows of a sample are not put back, and then it holds all the more: with a larger share, so few
 * in the sample are less likely still (Hoeffding 1956). 1 where nothing was drawn.
 */
export function shareAtMost(differing: number, drawn: number, confidence = CONFIDENCE): number {
  if (differing >= drawn) return 1;
  let [low, high] = [differing / drawn, 1];
  // Where doubles are no closer to each other; `high` is on the safe side.
  for (let middle = (low + high) / 2; middle > low && middle < high; middle = (low + high) / 2) {
    if (chanceOfAtMost(differing, drawn, middle) > 1 - confidence) low = middle;
    else high = middle;
  }
  return high;
}

/** That at most so many of so many draws differ where such a share of all rows does. */
function chanceOfAtMost(most: number, drawn: number, share: number): number {
  const odds = Math.log(share) - Math.log1p(-share);
  // In logarithms: (1 - share)^drawn alone is below the least double soon.
  let term = drawn * Math.log1p(-share);
  let [greatest, sum] = [term, 1];
  for (let i = 1; i <= most; i += 1) {
    term += odds + Math.log((drawn - i + 1) / i);
    if (term <= greatest) sum += Math.exp(term - greatest);
    else {
      sum = sum * Math.exp(greatest - term) + 1;
      greatest = term;
    }
  }
  return Math.exp(greatest) * sum;
}
