import assert from "node:assert/strict";
import { test } from "node:test";
import { rulesFor, spellExcuse } from "../../../proxy/dashboard/excuse.ts";
import { DIFFERENCE_KINDS, type SignaturePart } from "../../../proxy/evidence/evidence.ts";
import { settingsOf } from "../../support/config-file.ts";

const CONFIG =
  'services:\n  legacy: { url: "http://127.0.0.1:3000" }\n  next: { url: "http://127.0.0.1:4000", effects: suppressed }\n';

test("whatever is excused, the YAML is a config that is taken, with the rule in it", (t) => {
  const places = ["/a~1b/*/c d", "/balance", "header:x-total"];
  for (const kind of DIFFERENCE_KINDS.filter((one) => one !== "conflict")) {
    for (const at of kind === "header"
      ? ["header:x-total"]
      : kind === "status"
        ? [""]
        : places.filter((one) => one.startsWith("/"))) {
      const choices = rulesFor({ at, kind });
      assert.ok(choices.length > 0, kind);
      for (const { rule } of choices) {
        const yaml = spellExcuse("users", [rule], 'each: has # its "own"', "2099-03-01");
        const match = yaml.replace("- name: users\n", '- name: users\n    match: { path: "/users/**" }\n');
        const { settings } = settingsOf(t, CONFIG + match, { forTraffic: false, env: {} });
        const text = JSON.stringify(settings.routes[0]?.compare);
        assert.ok(text.includes('each: has # its \\"own\\"'), `${kind} ${at}: ${yaml}`);
      }
    }
  }
});

test("rules of several parts stand together, and without words there is no because", () => {
  const parts: SignaturePart[] = [
    { at: "/items", kind: "order" },
    { at: "/total", kind: "type" },
    { at: "/tags", kind: "order" },
  ];
  const rules = parts.flatMap((part) => rulesFor(part)[0]?.rule ?? []);
  assert.equal(
    spellExcuse("my orders", rules, "  ", ""),
    [
      "routes:",
      '  - name: "my orders"',
      "    compare:",
      "      unordered:",
      "        - { at: /items }",
      "        - { at: /tags }",
      "      normalise:",
      "        - { at: /total, as: number }",
    ].join("\n"),
  );
});

test("copies without an answer, and values with two partners, are nothing that a rule excuses", () => {
  assert.deepEqual([rulesFor({ at: "", kind: "failure" }), rulesFor({ at: "/id", kind: "conflict" })], [[], []]);
});
