/** Longer than anything takes on a loaded machine, and less than a test may take: what has not come by then does not come. */
const PATIENCE_MS = 120_000;

/** Resolves once `holds` says so. @throws with what it waited for. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`still not: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
