/** Crossfade between two services that hold the same users, until a test breaks one of them. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type Bench, type BenchOptions, startBench } from "./crossfade.ts";
import { json } from "./service.ts";
import { type Stateful, stateful } from "./stateful.ts";

export const USERS_ROUTE = `
routes:
  - name: users
    match: { path: "/users/**" }
    repair: { rate: 1000/s }
`;

export interface Pair extends Bench {
  readonly old: Stateful;
  readonly fresh: Stateful;
}

export async function pairOf(
  t: TestContext,
  options: BenchOptions & { users?: Record<string, unknown> } = {},
): Promise<Pair> {
  const [old, fresh] = [stateful(options.users), stateful(options.users)];
  const bench = await startBench(t, { routes: USERS_ROUTE, ...options, legacy: old.answer, next: fresh.answer });
  return { ...bench, old, fresh };
}

/** Both hold the same, byte for byte. */
export function assertEqualEnds({ old, fresh }: Pair): void {
  assert.deepEqual([...fresh.users].sort(), [...old.users].sort());
}

/** Every write is refused; reads are answered. */
export const refuse =
  (status: number): Stateful["before"] =>
  (seen, response) => {
    if (seen.method === "GET") return false;
    json(status, { error: "not now" })(seen, response);
    return true;
  };
