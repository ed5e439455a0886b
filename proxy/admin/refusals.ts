/** So many refusals of strangers are explained a second; more of them would be guesses, or somebody's broken loop. Pure. */
const PER_SECOND = 20;
const AT_ONCE = 100;

export class Refusals {
  private left = AT_ONCE;
  private at = 0;

  /** Whether one more is explained. `now`: monotonic, ms. */
  take(now: number): boolean {
    this.left = Math.min(AT_ONCE, this.left + ((now - this.at) / 1000) * PER_SECOND);
    this.at = now;
    if (this.left < 1) return false;
    this.left -= 1;
    return true;
  }
}
