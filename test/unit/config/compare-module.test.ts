import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { decisionSteps } from "../../../proxy/cli/decision-steps.ts";
import { runCheck } from "../../../proxy/config/check.ts";
import { formatExplanation } from "../../../proxy/config/explain-text.ts";
import { explainRequest } from "../../../proxy/config/explain.ts";
import { loadSettings } from "../../../proxy/config/load.ts";
import type { ConfigMessage } from "../../../proxy/config/message.ts";
import { keyAtHead, samplePoint } from "../../../proxy/route/entity-key.ts";
import { dialPoint, wholeRead } from "../../../proxy/route/pin-names.ts";
import { classifyRequest, planExchange } from "../../../proxy/route/plan.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import { makeFolder, NOW, spellMessages } from "../../support/config-file.ts";

const TWO_URLS = `services:
  legacy: { url: "http://127.0.0.1:3000" }
  next: { url: "http://127.0.0.1:4000" }
`;
const ROUTES = `routes:
  - name: a
    match: { path: "/a/**" }
    compare:
      module: `;

interface Written {
  readonly folder: string;
  readonly file: string;
}

function write(t: TestContext, yaml: string, files: Readonly<Record<string, string>>): Written {
  const folder = makeFolder(t);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const file = join(folder, "crossfade.yaml");
  writeFileSync(file, TWO_URLS + yaml);
  return { folder, file };
}

function load({ file }: Written, forTraffic = true) {
  return loadSettings({ file, flags: {}, env: {}, now: NOW, forTraffic });
}

/** The one error, the folder cut off. */
function errorOf(t: TestContext, name: string, files: Readonly<Record<string, string>>): string {
  const written = write(t, `${ROUTES}${name}\n`, files);
  const loaded = load(written);
  assert.ok(!loaded.ok);
  assert.equal(loaded.reason, "invalid");
  const shorter = ({ text, ...message }: ConfigMessage) => ({ ...message, text: text.replaceAll(written.folder, "…") });
  const [error, ...more] = spellMessages(loaded.errors.map(shorter));
  assert.deepEqual(more, []);
  return error ?? "";
}

const AT = "crossfade.yaml:8:15 routes[0].compare.module";

describe("a module that can be used", () => {
  test("is found from the config's folder, with what it exports and a digest of its text", (t) => {
    const text = "export const other = 1;\nexport function judge() {}\n";
    const written = write(t, `${ROUTES}./hooks.mjs\n`, { "hooks.mjs": text });
    const loaded = load(written);
    assert.ok(loaded.ok);
    const file = join(written.folder, "hooks.mjs");
    assert.deepEqual(loaded.settings.routes[0]?.compare.module, {
      file,
      imports: [],
      sha256: hash("sha256", text, "hex"),
      hooks: ["judge"],
    });
    assert.deepEqual(loaded.files, [file]);
  });

  test("may be written with types, and import others", (t) => {
    const written = write(t, `${ROUTES}hooks.mts\n`, {
      "hooks.mts": `import { same } from "./other.mjs";\nexport const normalise = (answer: object): object => same(answer);\n`,
      "other.mjs": "export const same = (one) => one;\n",
    });
    const loaded = load(written);
    assert.ok(loaded.ok);
    const { imports, hooks } = loaded.settings.routes[0]?.compare.module ?? assert.fail();
    assert.deepEqual([imports, hooks], [[join(written.folder, "other.mjs")], ["normalise"]]);
    assert.deepEqual(loaded.files, [join(written.folder, "hooks.mts"), join(written.folder, "other.mjs")]);
  });

  test("in defaults is every route's, but for those that say off or name another", (t) => {
    const hooks = "export function normalise() {}\n";
    const yaml = `defaults: { compare: { module: ./one.mjs } }
routes:
  - { name: a, match: { path: "/a/**" } }
  - { name: b, match: { path: "/b/**" }, compare: { module: off } }
  - { name: c, match: { path: "/c/**" }, compare: { module: ./two.mjs, headers: [] } }
  - { name: d, match: { path: "/d/**" }, compare: { headers: [] } }
`;
    const written = write(t, yaml, { "one.mjs": hooks, "two.mjs": hooks });
    const loaded = load(written);
    assert.ok(loaded.ok);
    assert.deepEqual(
      loaded.settings.routes.map(({ compare }) => compare.module?.file.slice(written.folder.length + 1) ?? null),
      ["one.mjs", null, "two.mjs", "one.mjs"],
    );
    assert.deepEqual(
      loaded.origins.map((origins) => origins["compare.module"]),
      ["defaults", "route", "route", "defaults"],
    );
  });

  test("is not read where the settings are not for traffic", (t) => {
    const loaded = load(write(t, `${ROUTES}./hooks.mjs\n`, {}), false);
    assert.ok(loaded.ok);
    assert.deepEqual([loaded.settings.routes[0]?.compare.module, loaded.files], [null, []]);
  });

  test("is named by explain, with its functions", (t) => {
    const written = write(t, `${ROUTES}./hooks.mjs\n`, { "hooks.mjs": "export function judge() {}" });
    const loaded = load(written);
    assert.ok(loaded.ok);
    const router = compileRouter(loaded.settings.routes);
    const steps = {
      match: router.match.bind(router),
      classifyRequest,
      planExchange,
      keyAtHead,
      samplePoint,
      dialPoint,
      wholeRead,
    };
    const explained = explainRequest(loaded.settings, loaded.origins, steps, { method: "PUT", path: "/a/1" });
    const text = formatExplanation(explained).join(" ").replace(/\s+/g, " ");
    assert.ok(text.includes(`by the functions of ${join(written.folder, "hooks.mjs")}: judge`), text);
    assert.match(text, /route: .*compare\.module/);
  });

  test("prints nothing while it is looked at", (t) => {
    const { file } = write(t, `${ROUTES}./hooks.mjs\n`, {
      "hooks.mjs": `console.log("out"); console.error("err"); setInterval(() => {}, 10); export function judge() {}`,
    });
    const written = t.mock.method(process.stdout, "write", () => true);
    const report = runCheck({ file, flags: {}, env: {}, now: NOW }, decisionSteps);
    assert.equal(written.mock.callCount(), 0);
    assert.equal(report.exitCode, 0);
  });
});

describe("a module that cannot be used is an error with its place", () => {
  for (const [name, written, text, expected] of [
    [
      "throws as it is imported",
      "./x.mjs",
      `throw new TypeError("no");`,
      /cannot be imported: TypeError: no \(at 1:7\)/,
    ],
    [
      "does not parse",
      "./x.mjs",
      `export function judge() {\n  return (;\n}`,
      /cannot be imported: SyntaxError: .*; node --check FILE shows where/,
    ],
    [
      "imports CommonJS",
      "./x.mjs",
      `import "./old.cjs"; export function judge() {}`,
      /cannot be imported: Error: …\/old\.cjs is CommonJS, and that is read but once; make it an ES module; /,
    ],
    ["imports what is not there", "./x.mjs", `import "./gone.mjs";`, /cannot be imported: Error: Cannot find module/],
    [
      "throws later",
      "./x.mjs",
      `setImmediate(() => { throw new Error("late"); }); await new Promise(() => {});`,
      /late/,
    ],
    ["ends its process", "./x.mjs", "process.exit(0);", /which ends its process while it is imported/],
    [
      "exports neither function",
      "./x.mjs",
      "export default { judge() {} };",
      /exports neither normalise nor judge; write/,
    ],
    ["exports no function", "./x.mjs", "export const judge = 7;", /exports judge, and that is no function; write/],
    ["is called otherwise", "./x.js", "", /which is not called \.mjs or \.mts; write an ES module, and call it so/],
  ] as const) {
    test(`one that ${name}`, (t) => {
      const error = errorOf(t, written, { [written.slice(2)]: text, "old.cjs": "module.exports = 1;" });
      assert.ok(error.startsWith(`${AT} is ${JSON.stringify(written)}, `), error);
      assert.match(error, expected);
    });
  }

  test("one that is not there", (t) => {
    assert.equal(
      errorOf(t, "./gone.mjs", {}),
      `${AT} is "./gone.mjs", and there is no file …/gone.mjs; write where it is, from the folder of the config file or from /`,
    );
  });

  test("one that is a directory", (t) => {
    const written = write(t, `${ROUTES}./x.mjs\n`, {});
    mkdirSync(join(written.folder, "x.mjs"));
    const loaded = load(written);
    assert.ok(!loaded.ok);
    assert.match(loaded.errors[0]?.text ?? "", /is "\.\/x\.mjs", a directory; name the file in it/);
  });

  test("and it is still watched, so that mending it mends the config", (t) => {
    const written = write(t, `${ROUTES}./x.mjs\n`, { "x.mjs": "" });
    const loaded = load(written);
    assert.ok(!loaded.ok);
    assert.deepEqual(loaded.files, [join(written.folder, "x.mjs")]);
  });

  test("and check exits with 1 and names file, line and column", (t) => {
    const { file } = write(t, `${ROUTES}./x.mjs\n`, { "x.mjs": "export {};" });
    const { exitCode, lines } = runCheck({ file, flags: {}, env: {}, now: NOW }, decisionSteps);
    assert.equal(exitCode, 1);
    assert.match(lines.join("\n"), /crossfade\.yaml:8:15 routes\[0\]\.compare\.module is "\.\/x\.mjs", which exports/);
  });
});
