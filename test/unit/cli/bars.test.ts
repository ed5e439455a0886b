import assert from "node:assert/strict";
import { test } from "node:test";
import { bar, rowsBar } from "../../../proxy/cli/bars.ts";
import { widthOf } from "../../../proxy/cli/columns.ts";
import { NO_PROGRESS } from "../../../proxy/rows/running-job.ts";

const LONG = { ...NO_PROGRESS, rows: 12_040_000, estimate: 18_204_000, rowsPerSecond: 50_000, setAside: 12 };

test("a bar is as full as its share, whatever that is", () => {
  assert.deepEqual(
    [0, 0.5, 0.99, 1, 1.5, -1].map((share) => bar(share, 4)),
    ["[>   ]", "[==> ]", "[===>]", "[====]", "[====]", "[>   ]"],
  );
});

test("a job over rows shows its bar with rate, time to go and rows set aside, within 80 columns and within 160", () => {
  assert.equal(
    rowsBar("backfill", LONG, 159),
    "[===================>          ]  66 %  12,040,000 of about 18,204,000 rows, 50,000 rows/s, about 2 min to go, 12 set aside",
  );
  assert.equal(
    rowsBar("backfill", LONG, 79),
    "[=======>    ]  66 %  2 min to go, 50,000 rows/s, 12 set aside, 12,040,000 rows",
  );
  assert.equal(
    rowsBar("reconcile", { ...NO_PROGRESS, rows: 9_000, estimate: 18_204, rowsPerSecond: 5_000, differing: 3 }, 79),
    "[===========>            ]  49 %  2 s to go, 5,000 rows/s, 3 differ, 9,000 rows",
  );
  for (const columns of [79, 100, 159]) assert.ok(widthOf(rowsBar("backfill", LONG, columns)) <= columns);
});

test("where nobody knows how many rows there are, or there are more than were thought, there is no bar", () => {
  for (const estimate of [null, 0, 10]) {
    assert.match(rowsBar("backfill", { ...LONG, estimate }, 159), /^12,040,000 rows, 50,000 rows\/s, 12 set aside$/);
  }
});
