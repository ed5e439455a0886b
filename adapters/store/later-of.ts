/** The later of two instants in ISO 8601, UTC, as `toISOString` spells them; null: no bound. */
export function laterOf(a: string | null, b: string | null): string | null {
  if (a === null || b === null) return a ?? b;
  return a > b ? a : b;
}
