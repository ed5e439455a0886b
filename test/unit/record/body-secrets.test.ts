import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DEFAULT_ROUTE } from "../../../proxy/config/defaults.ts";
import type { RouteSettings } from "../../../proxy/config/settings.ts";
import { secretsInBody } from "../../../proxy/record/body-secrets.ts";
import { RedactionRules } from "../../../proxy/record/redaction-rules.ts";
import { makeSettled } from "../../support/evidence.ts";

const { route } = makeSettled().exchange;

function secretsIn(body: Buffer, redact: RouteSettings["redact"]): string[] {
  return [...secretsInBody(body, null, RedactionRules.of({ ...DEFAULT_ROUTE, ...route, redact }), 1, 1_000)];
}

/** With a pointer to look for, every body is read exactly; without one, only those that may name a secret. */
const NOWHERE: RouteSettings["redact"] = [{ source: "body", name: "/no/such/place" }];

const spaces = fc.array(fc.constantFrom(" ", "\t", "\n", "\r"), { maxLength: 3 }).map((units) => units.join(""));
const names = fc.constantFrom("password", "api key", "pin", "ｔoken", "pass:word", "a", "", "__proto__", 'to"ken', "é");
const texts = fc.constantFrom("value:", "hunter22", '":', "{x:", "\\", '\\"', "", "password");
const string = (content: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(content, fc.boolean()).map(([text, escaped]) => {
    const spelled = JSON.stringify(text);
    return escaped
      ? spelled.replace(/[a-z]/, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      : spelled;
  });

const { json } = fc.letrec<{ json: string; object: string; array: string }>((tie) => ({
  json: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom("1", "true", "1e400"),
    string(texts),
    tie("object"),
    tie("array"),
  ),
  object: fc
    .array(fc.tuple(spaces, string(names), spaces, spaces, tie("json"), spaces), { maxLength: 4 })
    .map((members) => `{${members.map(([a, name, b, c, value, d]) => `${a}${name}${b}:${c}${value}${d}`).join()}}`),
  array: fc.array(tie("json"), { maxLength: 3 }).map((values) => `[${values.join()}]`),
}));

test("a body is passed over only where reading it exactly finds no secret either", () => {
  fc.assert(
    fc.property(json, fc.constantFrom("", "\ufeff", " \n", "\ufeff\t"), (text, before) => {
      const body = Buffer.from(before + text);
      assert.deepEqual(secretsIn(body, []), secretsIn(body, NOWHERE));
    }),
    { numRuns: 2_000 },
  );
});

test("nor are lines of JSON, however many of them are none", () => {
  const line = fc.oneof(
    { weight: 4, arbitrary: json },
    { weight: 1, arbitrary: fc.constantFrom('{"a":"', "", "  ", "\r", "]") },
  );
  const lines = fc.array(line, { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(lines, fc.constantFrom("\n", "\r\n", "\n\x1e"), (texts, end) => {
      const body = Buffer.from(texts.join(end));
      assert.deepEqual(secretsIn(body, []), secretsIn(body, NOWHERE));
    }),
    { numRuns: 2_000 },
  );
});

test("secrets in lines of JSON are found by their names and by pointer, lines that are no JSON or not", () => {
  const pointer: RouteSettings["redact"] = [{ source: "body", name: "/*/priv" }];
  const found = (text: string, redact: RouteSettings["redact"] = []): string[] => secretsIn(Buffer.from(text), redact);
  assert.deepEqual(found('{"id":1}\n{"user":{"password":"hunter22"}}\n'), ["hunter22"]);
  assert.deepEqual(found('{"password":"hunter22"}\r\n\r\n{"pin":918273}'), ["hunter22", "918273"]);
  assert.deepEqual(found('\x1e{"password":"hunter22"}\n\x1e{"a":1}\n'), ["hunter22"]);
  assert.deepEqual(found('1\n"two\n{"password":"hunter22"}\n{"password":"cu'), ["hunter22"]);
  assert.deepEqual(found('{"a":"\n{"password":"hunter22"}'), ["hunter22"]);
  assert.deepEqual(found('\ufeff{"password":"hunter22"}\n{}'), ["hunter22"]);
  assert.deepEqual(found('{"priv":"hunter22"}\n{"x":{"priv":"not this"}}', pointer), ["hunter22"]);
  assert.deepEqual(found('{"priv":"hunter22"}\n{"a":2}'), []);
});

test("nor is one that is broken or no UTF-8", () => {
  const edits = fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(json, edits, (text, changed) => {
      const body = Buffer.from(text);
      for (const [at, byte] of changed) if (at < body.length) body[at] = byte;
      assert.deepEqual(secretsIn(body, []), secretsIn(body, NOWHERE));
    }),
    { numRuns: 2_000 },
  );
});
