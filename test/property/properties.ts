import { type TestContext } from "node:test";
import fc from "fast-check";

/** Enough for thousands of runs on a slow machine; what is not reached in it is not an error. */
const TIME_LIMIT_MS = 15_000;

/** Checks a property on random cases and says by which seed they can be had again: CROSSFADE_TEST_SEED takes it. */
export function holds<T>(t: TestContext, numRuns: number, property: fc.IProperty<T>): void {
  fc.assert(property, parametersOf(t, numRuns));
}

export async function holdsAsync<T>(t: TestContext, numRuns: number, property: fc.IAsyncProperty<T>): Promise<void> {
  await fc.assert(property, parametersOf(t, numRuns));
}

function parametersOf(t: TestContext, numRuns: number) {
  const given = process.env["CROSSFADE_TEST_SEED"];
  const seed = given === undefined ? Math.floor(Math.random() * 0x7fffffff) : Number(given);
  t.diagnostic(`seed ${seed}`);
  return { numRuns, seed, interruptAfterTimeLimit: TIME_LIMIT_MS };
}
