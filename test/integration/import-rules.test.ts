import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";

const ROOT = join(import.meta.dirname, "../..");

/** Each file breaks one rule once. */
const VIOLATIONS: readonly (readonly [rule: string, file: string, text: string])[] = [
  ["import(no-cycle)", "proxy/planted-a.ts", 'import type { B } from "./planted-b.ts";\nexport type A = B;'],
  ["import(no-cycle)", "proxy/planted-b.ts", 'import type { A } from "./planted-a.ts";\nexport type B = A;'],
  ["house(import-direction)", "proxy/mirror/planted-step.ts", 'export { compileRouter } from "../route/router.ts";'],
  ["house(import-direction)", "proxy/route/planted-type.ts", 'export type { Lanes } from "../mirror/lanes.ts";'],
  ["house(import-direction)", "proxy/listen/planted-late.ts", 'export const late = import("../mirror/lanes.ts");'],
  ["house(import-direction)", "proxy/record/planted-admin.ts", 'export * from "../admin/server.ts";'],
  ["house(import-direction)", "proxy/forward/planted-config.ts", 'import "../config/load.ts";'],
  ["house(import-direction)", "proxy/compare/planted-cli.ts", 'import "../cli/main.ts";'],
  ["house(import-direction)", "proxy/forward/planted-adapter.ts", 'import "../../adapters/store/sqlite/store.ts";'],
  ["house(import-direction)", "proxy/admin/planted-adapter.ts", 'import "../../adapters/store/sqlite/store.ts";'],
  ["house(import-direction)", "proxy/planted-value.ts", 'export { Lanes } from "./mirror/lanes.ts";'],
  ["house(import-direction)", "proxy/json/planted-step.ts", 'import "../compare/judge.ts";'],
  ["house(import-direction)", "proxy/upstream/planted-step.ts", 'import "../forward/forwarder.ts";'],
  ["house(import-direction)", "proxy/config/planted-wiring.ts", 'import "../pipeline.ts";'],
  ["house(import-direction)", "adapters/store/planted-step.ts", 'import "../../proxy/record/redact.ts";'],
  ["house(import-direction)", "proxy/admin/planted-outside.ts", 'import "../../test/house/import-rules.ts";'],
  ["house(import-direction)", "proxy/unknown/planted.ts", 'import "../outcome.ts";'],
  ["house(import-direction)", "proxy/suggest/planted-admin.ts", 'import "../admin/sentences.ts";'],
  ["house(import-direction)", "proxy/admin/planted-suggest.ts", 'import "../suggest/suggest.ts";'],
  ["house(import-direction)", "proxy/dashboard/planted-step.ts", 'import "../record/redaction.ts";'],
  ["house(import-direction)", "proxy/admin/planted-dashboard.ts", 'import "../dashboard/tail.ts";'],
  ["house(no-driver-in-core)", "proxy/record/planted-driver.ts", 'import "ioredis";'],
  ["house(no-driver-in-core)", "proxy/planted-sdk.ts", 'import type {} from "@opentelemetry/sdk-metrics";'],
  ["house(pure-parts)", "proxy/json/planted-impure.ts", 'import "node:fs/promises";'],
  ["house(pure-parts)", "proxy/compare/planted-impure.ts", 'import "undici";'],
  ["house(pure-parts)", "proxy/suggest/planted-impure.ts", 'import "node:http";'],
  ["house(pure-parts)", "proxy/dashboard/planted-impure.ts", 'import "node:net";'],
];

let tree = "";

before(() => {
  tree = mkdtempSync(join(tmpdir(), "crossfade-imports-"));
  for (const part of ["proxy", "adapters", "test/house", "tsconfig.json", "package.json"]) {
    cpSync(join(ROOT, part), join(tree, part), { recursive: true });
  }
  symlinkSync(join(ROOT, "node_modules"), join(tree, "node_modules"));
  writeFileSync(join(tree, ".oxlintrc.json"), importRulesOnly(readFileSync(join(ROOT, ".oxlintrc.json"), "utf8")));
});

after(() => rmSync(tree, { recursive: true, force: true }));

test("the sources keep to the import rules, and each violation is refused by its file and rule", async () => {
  assert.deepEqual(await lint(), []);
  for (const [, file, text] of VIOLATIONS) {
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    writeFileSync(join(tree, file), `${text}\n`);
  }
  const expected = VIOLATIONS.map(([rule, file]) => `${file} ${rule}`);
  assert.deepEqual(await lint(), expected.toSorted());
});

/** The project's own configuration without the rules that this test is not about. */
function importRulesOnly(text: string): string {
  const config = JSON.parse(text) as { jsPlugins: string[]; rules: Record<string, unknown> };
  const rules = Object.entries(config.rules).filter(
    ([name]) => name === "import/no-cycle" || name.startsWith("house/"),
  );
  const { jsPlugins } = config;
  return JSON.stringify({
    plugins: ["import"],
    jsPlugins,
    categories: { correctness: "off" },
    rules: Object.fromEntries(rules),
  });
}

/** `file rule` of each finding, sorted. */
async function lint(): Promise<readonly string[]> {
  const oxlint = join(ROOT, "node_modules/oxlint/bin/oxlint");
  const { code, stdout } = await new Promise<{ code: unknown; stdout: string }>((resolve) => {
    execFile(process.execPath, [oxlint, "--format=json", "proxy", "adapters"], { cwd: tree }, (error, stdout) =>
      resolve({ code: error === null ? 0 : error.code, stdout }),
    );
  });
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: readonly { code: string; filename: string }[] };
  assert.equal(code, diagnostics.length === 0 ? 0 : 1);
  return diagnostics.map(({ filename, code: rule }) => `${filename} ${rule}`).toSorted();
}
