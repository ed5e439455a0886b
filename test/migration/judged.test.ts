/** What a migration is judged by. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { timesOf } from "../chaos/mutation.ts";
import { MIGRATION_MUTANTS } from "./mutants.ts";
import { growPlace } from "./rows.ts";
import { WriteLog } from "./write-log.ts";

test("the clients' log knows what a row may be: as it was told, and either way where no answer came", () => {
  const log = new WriteLog(10);
  const [third, fourth] = [growPlace(3), growPlace(4)];
  assert.equal(log.whyNot(third), null);
  assert.match(log.whyNot({ ...third, far: fourth.far }) ?? "", /^3 holds .* told otherwise/);
  log.ended({ kind: "bump", id: "3" }, { end: "accepted", id: null });
  assert.match(log.whyNot(third) ?? "", /has n 3, and clients were told of 4 to 4/);
  log.ended({ kind: "transfer", from: "3", to: "4" }, { end: "unknown" });
  for (const n of ["3", "4"]) assert.equal(log.whyNot({ ...third, n }), null);
  log.ended({ kind: "replace", id: "4", values: { name: "new" } }, { end: "accepted", id: null });
  assert.match(log.whyNot(fourth) ?? "", /told otherwise/);
  assert.equal(log.whyNot({ ...fourth, name: "new" }), null);
  log.ended({ kind: "remove", id: "4" }, { end: "accepted", id: null });
  assert.match(log.whyNot({ ...fourth, name: "new" }) ?? "", /was removed/);
  log.ended({ kind: "create", values: {} }, { end: "unknown" });
  assert.equal(log.whyNot({ ...third, id: "11" }), null);
  assert.match(log.whyNot({ ...third, id: "12" }) ?? "", /nobody has made it/);
});

test("the lines that mutants break are there once", () => {
  for (const { name, file, text } of MIGRATION_MUTANTS) {
    const source = readFileSync(join(import.meta.dirname, "../..", file.replace(/\.js$/, ".ts")), "utf8");
    assert.equal(timesOf(text, source), 1, `${name}: ${text}`);
  }
});

test("rows are grown with what is lost most easily", () => {
  const rows = Array.from({ length: 2_000 }, (_, i) => growPlace(i + 1));
  assert.equal(rows[0]?.far, String(2n ** 63n - 1n));
  assert.equal(rows[1]?.far, String(-(2n ** 63n)));
  assert.ok(rows.some(({ area }) => area === "99999999999999999999.9999999999"));
  assert.ok(rows.some(({ flag }) => /\p{RI}\p{RI}/u.test(flag ?? "")));
  assert.ok(rows.some(({ code }) => code === null) && rows.some(({ code }) => code?.startsWith("00") === true));
  assert.ok(rows.some(({ name }) => name !== name.trim()));
  assert.deepEqual(growPlace(1_234), rows[1_233]);
});
