import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { settingsOf } from "../support/config-file.ts";

const ROOT = join(import.meta.dirname, "../..");
const PAGES = globSync(["*.md", "docs/**/*.md", "deploy/**/*.md"], { cwd: ROOT });

test("every documented config sample is a valid config", (t) => {
  const samples = PAGES.flatMap((page) => [...read(page).matchAll(/```yaml\n(.*?)```/gs)].map(([, yaml = ""]) => yaml));
  assert.notEqual(samples.length, 0);
  const env = { LEGACY_TOKEN: "t", NEXT_TOKEN: "t" };
  // The certificates that samples name are nowhere.
  for (const sample of samples)
    assert.deepEqual(settingsOf(t, sample, { forTraffic: false, env }).warnings, [], sample);
});

test("every page and source file that the documentation names exists", () => {
  for (const page of PAGES) {
    const links = [...read(page).matchAll(/\]\(([^)#:]+)[^)]*\)/g)].map(([, link = ""]) => join(dirname(page), link));
    const files = [...read(page).matchAll(/`((?:proxy|adapters|test|deploy|docs)\/[\w./-]+\.\w+)`/g)].map(
      ([, file = ""]) => file,
    );
    const missing = [...links, ...files].filter((file) => !existsSync(join(ROOT, file)));
    assert.deepEqual(missing, [], page);
  }
});

function read(page: string): string {
  return readFileSync(join(ROOT, page), "utf8");
}
