import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { ROOT } from "../../deploy/prepare.mjs";

const DASHBOARD = readFileSync(join(ROOT, "deploy/grafana/crossfade.json"), "utf8");

/** What the compiler says of the dashboard as a value of Grafana's types. */
function compile(t: TestContext, json: string): string {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-grafana-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  const types = JSON.stringify(join(ROOT, "test/deploy/grafana-types.ts"));
  const text = `import type { Board } from ${types};\nexport const dashboard = ${json.trim()} satisfies Board;\n`;
  writeFileSync(join(folder, "dashboard.ts"), text);
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--allowImportingTsExtensions"];
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  const { stdout } = spawnSync(process.execPath, [compiler, ...options, "dashboard.ts"], {
    cwd: folder,
    encoding: "utf8",
  });
  return stdout;
}

test("the dashboard is what Grafana's schema asks for, its panels' options too", (t) => {
  assert.equal(compile(t, DASHBOARD), "");
});

test("a value that the schema does not know, a name that is misspelt and one that is missing are found", (t) => {
  const spoilt = [
    ['"displayMode": "table"', '"displayMode": "tabel"', /"tabel"/],
    ['"lineWidth":', '"linewidth":', /'"?linewidth"?' does not exist/],
    ['"showLegend": true,', "", /'showLegend' is missing/],
  ] as const;
  for (const [was, becomes, said] of spoilt) {
    assert.ok(DASHBOARD.includes(was), was);
    assert.match(compile(t, DASHBOARD.replace(was, becomes)), said);
  }
});
