import assert from "node:assert/strict";
import { test } from "node:test";
import { maskDetected } from "../../../proxy/record/detectors.ts";
import { createRedactor } from "../../../proxy/record/redaction.ts";
import { makeSettled, type SettledGiven } from "../../support/evidence.ts";

const shown = (text: string): string => maskDetected(text, ["card", "email"], (secret) => `<${secret}>`);

test("card numbers are found by length, first digit and check digit, however they are grouped", () => {
  const table: [text: string, shown: string][] = [
    ["4111111111111111", "<4111111111111111>"],
    ["4111 1111 1111 1111", "<4111111111111111>"],
    ["4111-1111-1111-1111", "<4111111111111111>"],
    ["4111+1111+1111+1111", "<4111111111111111>"],
    ["4111%201111%201111%201111", "<4111111111111111>"],
    ["paid with 378282246310005.", "paid with <378282246310005>."],
    ["5555555555554444,6011111111111117", "<5555555555554444>,<6011111111111117>"],
    ["order 12 4111111111111111 of 3", "order 12 <4111111111111111> of 3"],
    ["4222222222222", "<4222222222222>"],
    // No check digit, too short, too long, a first digit that no card has.
    ["4111111111111112", "4111111111111112"],
    ["411111111111", "411111111111"],
    ["41111111111111111111", "41111111111111111111"],
    ["9007199254740993", "9007199254740993"],
    ["1700000000000000000", "1700000000000000000"],
    ["2026-11-22 12:00:00", "2026-11-22 12:00:00"],
  ];
  for (const [text, expected] of table) assert.equal(shown(text), expected, text);
});

test("e-mail addresses are found in texts and URLs, cut ones too; one address has one stand-in", () => {
  const table: [text: string, shown: string][] = [
    ["ann@app.test", "<ann@app.test>"],
    ["To: Ann <ann.o'neil+tag@mail.app.test>!", "To: Ann <<ann.o'neil+tag@mail.app.test>>!"],
    ["/users/ann%40app.test/name", "/users/<ann@app.test>/name"],
    ["jürgen@müller.test", "<jürgen@müller.test>"],
    ["ann@app…", "<ann@app>…"],
    ["@handle and a @ b", "@handle and a @ b"],
  ];
  for (const [text, expected] of table) assert.equal(shown(text), expected, text);
});

test("nothing is found that was not asked for", () => {
  const text = "ann@app.test 4111111111111111";
  const mask = (): string => "<>";
  assert.equal(maskDetected(text, [], mask), text);
  assert.equal(maskDetected(text, ["jwt"], mask), text);
  assert.equal(maskDetected(text, ["card"], mask), "ann@app.test <>");
  assert.equal(maskDetected(text, ["email"], mask), "<> 4111111111111111");
});

test("a text of any content is searched in linear time", () => {
  const n = 100_000;
  for (const part of ["a", "a.", "1", "4 ", "41", "%41", "%40", "@", "a@", "4111111111111112 ", "1-"]) {
    const begun = process.cpuUsage().user;
    maskDetected(part.repeat(n), ["card", "email"], () => "<>");
    assert.ok(process.cpuUsage().user - begun < 2_000_000, part);
  }
});

test("in evidence they are found in every place, numbers included, and same and different stay visible", () => {
  const redactor = createRedactor(Buffer.alloc(32, 7));
  const card = "4111111111111111";
  const given: SettledGiven = {
    request: { path: "/users/ann%40app.test", query: "?q=ann@app.test" },
    key: "users/ann@app.test",
    build: "ann@app.test",
    error: `no route to ann@app.test with ${card}`,
    differences: [
      { at: "/pan", kind: "type", primary: card, shadow: '"4111 1111 1111 1111"' },
      { at: "/who/ann@app.test/0", kind: "value", primary: '{"mail":"ann@app.test"}', shadow: '["bob@app.test"]' },
      { at: "/deep", kind: "extra", primary: null, shadow: `{"a":[{"b":${card}}],"n":12}` },
      { at: "header:location", kind: "header", primary: "/u?mail=ann%40app.test", shadow: null },
    ],
  };
  const redacted = redactor.redact(makeSettled({ ...given, route: { redactDetect: ["card", "email"] } }));
  const text = JSON.stringify(redacted);
  assert.doesNotMatch(text, /ann|bob|4111/);
  const [pan, , deep] = redacted.differences;
  assert.equal(pan?.primary, pan?.shadow);
  assert.equal(deep?.shadow, `{"a":[{"b":${pan?.primary}}],"n":12}`);
  assert.match(redacted.key ?? "", /^users\/\[redacted [0-9a-f]{8}\]$/);
  // Without the setting they are shown as they are.
  assert.equal(redactor.redact(makeSettled(given)).differences[0]?.primary, card);
});
