import assert from "node:assert/strict";
import { test } from "node:test";
import { CONFIDENCE, shareAtMost } from "../../../proxy/migrate/sample-bound.ts";

test("the bound is Clopper and Pearson's, at tables' values and where floats run out", () => {
  const table: readonly (readonly [differing: number, drawn: number, share: number])[] = [
    [0, 1, 0.95],
    [0, 10, 1 - 0.05 ** (1 / 10)],
    [0, 1_000_000, 2.995728e-6],
    [1, 10, 0.3941633],
    [5, 100, 0.1022534],
    [50, 100, 0.5863783],
    [99, 100, 0.9994872],
    [500_000, 1_000_000, 0.5008229],
  ];
  for (const [differing, drawn, share] of table) {
    const bound = shareAtMost(differing, drawn);
    assert.ok(Math.abs(bound / share - 1) < 2e-6, `${differing} of ${drawn}: ${bound}, and not ${share}`);
  }
  assert.equal(shareAtMost(0, 0), 1);
  assert.equal(shareAtMost(7, 7), 1);
});

test("it holds as often as is said, for rows that are not put back, whatever share of them differs", () => {
  for (const [rows, drawn] of [
    [40, 10],
    [60, 20],
    [60, 50],
    [500, 30],
  ] as const) {
    const bounds = Array.from({ length: drawn + 1 }, (_, found) => shareAtMost(found, drawn));
    for (let differing = 0; differing <= rows; differing += 1) {
      let holds = 0;
      for (const [found, bound] of bounds.entries()) {
        if (bound >= differing / rows) holds += chanceOf(found, drawn, differing, rows);
      }
      assert.ok(holds >= CONFIDENCE - 1e-9, `${differing} of ${rows} differ, ${drawn} are drawn: holds ${holds}`);
    }
  }
});

/** That so many of the drawn ones are among those that differ: a ratio of whole numbers, exact. */
function chanceOf(found: number, drawn: number, differing: number, rows: number): number {
  const all = choose(rows, drawn);
  return Number((choose(differing, found) * choose(rows - differing, drawn - found) * 10n ** 20n) / all) / 1e20;
}

function choose(of: number, count: number): bigint {
  if (count < 0 || count > of) return 0n;
  let ways = 1n;
  for (let i = 1; i <= count; i += 1) ways = (ways * BigInt(of - count + i)) / BigInt(i);
  return ways;
}
