import assert from "node:assert/strict";
import { test } from "node:test";
import { substituteText, substituteTree } from "../../../proxy/config/environment.ts";

const env = { HOST: "h", EMPTY: "", YAML: "x: [1]\n- y", NESTED: "${HOST}" };

test("variables and defaults are put into a text once", () => {
  const table: readonly (readonly [text: string, value: string])[] = [
    ["plain $HOST $", "plain $HOST $"],
    ["http://${HOST}:1", "http://h:1"],
    ["${HOST}${HOST}", "hh"],
    ["${NONE:-d}", "d"],
    ["${EMPTY:-d}", "d"],
    ["${EMPTY}", ""],
    ["${NONE:-}", ""],
    ["${NONE:-http://a:1/x?y}", "http://a:1/x?y"],
    ["${NESTED}", "${HOST}"],
    ["$${HOST}", "${HOST}"],
    ["$$${HOST}", "$${HOST}"],
    ["a$${b}${HOST}", "a${b}h"],
  ];
  for (const [text, value] of table) assert.deepEqual(substituteText(text, env), { ok: true, value }, text);
});

test("an unset or malformed variable is an error with the way out", () => {
  const table: readonly (readonly [text: string, error: RegExp])[] = [
    ["${NONE}", /uses \$\{NONE\}, which is not set; set it, or write \$\{NONE:-default\}/],
    ["${HOST", /without a closing \}/],
    ["${}", /names no variable/],
    ["${a-b}", /names no variable/],
  ];
  for (const [text, error] of table) {
    const result = substituteText(text, env);
    assert.equal(result.ok, false, text);
    if (!result.ok) assert.match(result.error, error);
  }
});

test("a value can neither become structure nor change a key", () => {
  const tree = { "${HOST}": ["${YAML}", { deep: "${HOST}" }], number: 1, nothing: null };
  const { value, errors } = substituteTree(tree, env, (_, text) => text);
  assert.deepEqual(value, { "${HOST}": ["x: [1]\n- y", { deep: "h" }], number: 1, nothing: null });
  assert.deepEqual(errors, []);
});

test("a key called __proto__ stays a key", () => {
  const tree: unknown = JSON.parse('{"__proto__": {"a": "${HOST}"}}');
  const { value } = substituteTree(tree, env, (_, text) => text);
  assert.equal(JSON.stringify(value), '{"__proto__":{"a":"h"}}');
});

test("each error names the place of its value", () => {
  const { errors } = substituteTree({ a: [{ b: "${NONE}" }], c: "${ALSO}" }, env, (_, text) => text);
  assert.deepEqual(
    errors.map(({ path }) => path),
    [["a", 0, "b"], ["c"]],
  );
});
