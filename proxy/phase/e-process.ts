/**
 * A test that may be looked at after every unit, for as long as anyone likes. Pure.
 *
 * The claim to be refuted: given all that came before, a unit diverges with a probability of at least `bound`. Against it we
 * bet. Each unit multiplies the capital E, which begins at 1, by its likelihood ratio of the share `aim` (a tenth of the bound)
 * to the share `bound`:
 *
 *     clean: (1 - aim) / (1 - bound)       divergent: aim / bound
 *
 * A unit that diverges with probability p multiplies E by p aim/bound + (1 - p)(1 - aim)/(1 - bound) on average, which is 1 at
 * p = bound and falls with p. So under the claim E is a nonnegative supermartingale that begins at 1, and by Ville's
 * inequality (J. Ville, 1939) the probability that it ever reaches 1/alpha is at most alpha: at whatever moment one looks
 * and stops, however dependent the units are, as long as the claim holds of each given those before it. The fixed bet is
 * Wald's SPRT of a tenth of the bound against the bound; of all bets it grows fastest where the true share is that tenth,
 * and a service without a divergence needs a ninth more units than under the boldest bet (aim 0), which a single divergence
 * would ruin for good.
 *
 * Not put into the claim: it is about the units that come. Of keys that are never written it says nothing, nor of faults
 * that all keys share and that come less often than the evidence is long; `span` is there for these.
 *
 * Every epoch is a claim of its own. Epoch k may be wrong with probability alpha / (k (k + 1)); the sum over all k is alpha,
 * so whoever changes rules or builds until it passes gains nothing by it.
 */

const AIM = 0.1;
/** E is held at this many times what is asked: lowering it is always sound, and two divergences then shut the gate. */
const HEADROOM = 100;
/** At a thousandth of the stake an epoch is lost. */
const SPENT_LOG_E = -Math.log(1000);

/** How much one unit adds to the logarithm of E. */
export function bets(bound: number): { readonly clean: number; readonly divergent: number } {
  return { clean: Math.log1p(-AIM * bound) - Math.log1p(-bound), divergent: Math.log(AIM) };
}

/**
 * The logarithm that E has to reach in epoch `epoch` (from 1). `claims`: members that ever counted, of which any one may pass
 * (join-evidence.ts); 0: nobody shares the store.
 */
export function logThreshold(confidence: number, epoch: number, claims = 0): number {
  const shared = claims === 0 ? 0 : Math.log(claims) + Math.log(claims + 1);
  return Math.log(epoch) + Math.log(epoch + 1) + shared - Math.log(1 - confidence);
}

/** After so many clean and divergent units, in any order. */
export function betOn(
  logE: number,
  units: { readonly clean: number; readonly divergent: number },
  bound: number,
  threshold: number,
): number {
  const bet = bets(bound);
  const next = logE + units.clean * bet.clean + units.divergent * bet.divergent;
  return Math.min(next, threshold + Math.log(HEADROOM));
}

/** Clean units that are still needed if none diverges. */
export function unitsNeeded(logE: number, bound: number, threshold: number): number {
  return Math.max(0, Math.ceil((threshold - logE) / bets(bound).clean));
}

/** Units that are still needed where this share of them diverges; null: they lead away from the threshold. */
export function unitsNeededAt(share: number, logE: number, bound: number, threshold: number): number | null {
  if (logE >= threshold) return 0;
  const { clean, divergent } = bets(bound);
  const drift = (1 - share) * clean + share * divergent;
  return drift <= 0 ? null : Math.ceil((threshold - logE) / drift);
}

export function isSpent(logE: number): boolean {
  return logE <= SPENT_LOG_E;
}
