import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DECLARED, EXCEPTIONS } from "./exceptions.ts";
import { REFUSALS, REFUSED_ANSWERS } from "./refusals.ts";

const PAGE = readFileSync(join(import.meta.dirname, "../../docs/transparency.md"), "utf8");

/** Headings of the page, and the tests whose names stand in the last column of the tables below them. */
const TABLES = {
  "What Crossfade declares": DECLARED,
  Exceptions: EXCEPTIONS,
  "Requests that are refused": REFUSALS,
  "Answers that are refused": REFUSED_ANSWERS,
};

test("each row of docs/transparency.md names a test, and each exception of the suite has a row", () => {
  for (const [heading, tests] of Object.entries(TABLES)) {
    const [, section = ""] = PAGE.split(`\n## ${heading}\n`);
    const [, ...rows] = (section.split("\n## ")[0] ?? "").split("\n").filter((line) => line.startsWith("| "));
    const named = rows.map((row) => / \| `([^`]+)` \|$/.exec(row)?.[1] ?? `no test in: ${row}`);
    assert.deepEqual(named.toSorted(), tests.map(({ name }) => name).toSorted(), heading);
  }
});

test("what is refused is answered as docs/transparency.md says", () => {
  for (const { name, status } of REFUSALS) {
    assert.ok(PAGE.includes(`| ${status ?? "the connection is closed"} | \`${name}\` |`), name);
  }
});
