/**
 * Whether next, as the primary, fails for too many entities, looked at after every block for as long as it answers. Pure.
 *
 * The claim is "given all that came before, a unit fails with a probability of at most `bound`". A block multiplies its stake by the
 * likelihood ratio of the share `aim` to the share `bound` of its units:
 *
 *     failed: aim / bound       well: (1 - aim) / (1 - bound)
 *
 * which is 1 on average at the bound and less below it. A failure begins at some moment nobody knows, after much that went well, so that
 * the stake is set anew to 1 where it has fallen below: S = max(S, 1) * ratio. Under the claim S - (blocks so far) is a supermartingale
 * (S <= sum over all beginnings of the product from there on, the Shiryaev-Roberts procedure), so that the first block with
 * S >= `RARELY` comes after `RARELY` blocks on average, or later: of ten seconds each, three years of being no worse than the bound.
 */

const AIM = 5;
const MOST_AIM = 0.9;
const RARELY = 1e7;
export const FAILING_LOG_S = Math.log(RARELY);

/** The logarithm of S after a block. */
export function afterBlock(
  logS: number,
  units: { readonly well: number; readonly failed: number },
  bound: number,
): number {
  const aim = Math.min(MOST_AIM, AIM * bound);
  const ratio = units.failed * Math.log(aim / bound) + units.well * (Math.log1p(-aim) - Math.log1p(-bound));
  return Math.max(logS, 0) + ratio;
}
