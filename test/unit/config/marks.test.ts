import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { loadSettings } from "../../../proxy/config/load.ts";

function loaded(t: TestContext, marks: string) {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-marks-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "crossfade.yaml");
  writeFileSync(
    file,
    `services: { legacy: { url: "http://127.0.0.1:1" }, next: { url: "http://127.0.0.1:2" } }
routes: [{ name: users, match: { path: "/users/**" } }, { name: people, match: { path: "/people/**" }, entity: users }, { name: stock, match: { path: "/stock/**" } }]
collections:
  - name: users
    route: users
    source: { sqlite: ./a.db, table: users, key: id }
    target: { sqlite: ./b.db, table: users, key: id }
    marks: { column: by, changedAt: at, since: 2026-11-22, ${marks} }
`,
  );
  return loadSettings({ file, flags: {}, env: {} });
}

test("the mark's header goes to all routes about the collection's entity, and to no other", (t) => {
  const result = loaded(t, "is: [api, batch], header: X-By");
  assert.ok(result.ok);
  assert.deepEqual(
    result.settings.routes.map(({ name, markHeaders }) => [name, markHeaders]),
    [
      ["users", [["x-by", "api"]]],
      ["people", [["x-by", "api"]]],
      ["stock", []],
    ],
  );
});

test("a header that is Crossfade's own, that cannot be one, or that cannot hold the mark is refused", (t) => {
  for (const [marks, says] of [
    ["is: [api], header: x-crossfade-order", /marks\.header is set by Crossfade or belongs to one connection/],
    ["is: [api], header: Content-Length", /marks\.header is set by Crossfade or belongs to one connection/],
    ['is: [api], header: "x by"', /marks\.header is "x by", which is no name that a header can have/],
    ['is: ["a\\nb"], header: x-by', /marks\.header holds characters that a header cannot/],
  ] as const) {
    const result = loaded(t, marks);
    assert.ok(!result.ok);
    assert.match(result.errors.map(({ text }) => text).join("\n"), says);
  }
});
