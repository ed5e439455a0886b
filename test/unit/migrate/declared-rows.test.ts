import assert from "node:assert/strict";
import { test } from "node:test";
import type { ColumnRule } from "../../../proxy/config/collection-settings.ts";
import { makeByRules } from "../../../proxy/migrate/declared-rows.ts";
import type { Row } from "../../../proxy/rows/rows.ts";

const ROW: Row = { id: 7n, mail: " Ann@X ", name: "Ann", flag: true, note: "" };

test("columns are renamed, made alike, filled or left out; those that nothing names go over as they are", () => {
  const rules: readonly ColumnRule[] = [
    { to: "email", from: "mail", as: ["trim", "lowercase"] },
    { to: "note", from: "note", as: ["empty-is-null"] },
    { to: "code", from: "name", as: ["uppercase"] },
    { to: "origin", value: "legacy" },
    { to: "rank", value: 3 },
    { to: "share", value: 0.5 },
    { leaveOut: "flag" },
  ];
  assert.deepEqual(makeByRules(ROW, rules), {
    ok: true,
    rows: [{ id: 7n, email: "ann@x", note: null, code: "ANN", origin: "legacy", rank: 3n, share: 0.5 }],
  });
});

test("a column may go over twice, and one may take the place of another", () => {
  const made = makeByRules(ROW, [
    { to: "name", from: "mail", as: [] },
    { to: "full", from: "name", as: [] },
  ]);
  assert.deepEqual(made.ok && made.rows[0], { id: 7n, flag: true, note: "", name: " Ann@X ", full: "Ann" });
});

test("null stays null, and what cannot be is told with the column", () => {
  const lower: ColumnRule = { to: "mail", from: "mail", as: ["lowercase"] };
  assert.deepEqual(makeByRules({ id: 1n, mail: null }, [lower]), { ok: true, rows: [{ id: 1n, mail: null }] });
  assert.deepEqual(makeByRules({ id: 1n, mail: 3n }, [lower]), {
    ok: false,
    why: "column mail: lowercase is of texts, and mail holds none",
  });
  assert.deepEqual(makeByRules({ id: 1n }, [lower]), {
    ok: false,
    why: "column mail is made of mail, which the source has not",
  });
});
