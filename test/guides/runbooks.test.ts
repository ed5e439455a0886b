import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startFollower } from "./follow.ts";

const FOLDER = "deploy/runbooks";
const ROOT = join(import.meta.dirname, "../..");

/** Before and after a rollback the same page holds. */
const IN_ORDER = [
  "README.md",
  "start-shadowing.md",
  "read-the-divergences.md",
  "cut-over.md",
  "roll-back.md",
  "cut-over.md",
  "retire.md",
  "take-crossfade-out.md",
];

test("who does what the runbooks say gets what they say, from the first copy to the end of legacy and of Crossfade", async (t) => {
  const reader = await startFollower(t);
  for (const page of IN_ORDER) await reader.follow(join(FOLDER, page));
});

test("every runbook is followed, and listed", () => {
  const pages = readdirSync(join(ROOT, FOLDER)).filter((name) => name.endsWith(".md"));
  assert.deepEqual([...new Set(IN_ORDER)].toSorted(), pages.toSorted());
  const index = readFileSync(join(ROOT, FOLDER, "README.md"), "utf8");
  for (const page of pages) assert.ok(page === "README.md" || index.includes(`(${page})`), page);
});
