/** A multipart of a pair: each part compares as it did, nothing secret is left in it, and what is no clear cut is left out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compareAnswers } from "../../../proxy/compare/diff-answers.ts";
import { DEFAULT_ROUTE } from "../../../proxy/config/defaults.ts";
import type { WholeAnswer } from "../../../proxy/exchange.ts";
import { createRedactor, type RedactedPair } from "../../../proxy/record/redaction.ts";
import { makeSettled, NOON } from "../../support/evidence.ts";

const redactor = createRedactor(Buffer.alloc(32, 7));
const FORM = ["content-type", "multipart/form-data; boundary=b"];
const MIXED = ["content-type", "multipart/mixed; boundary=b"];

const part = (head: string, content: string): string => `--b\r\n${head}\r\n\r\n${content}\r\n`;
const field = (name: string, content: string, more = ""): string =>
  part(`Content-Disposition: form-data; name="${name}"${more}`, content);
const body = (...parts: readonly string[]): string => `${parts.join("")}--b--\r\n`;

function redact(
  primary: string,
  shadow: string,
  headers: readonly string[],
  redacted: readonly string[],
): RedactedPair {
  const answer = (text: string): WholeAnswer => ({ status: 200, headers, body: Buffer.from(text) });
  const side = (text: string) => ({ status: 200, headers, body: { kind: "bytes", bytes: Buffer.from(text) } as const });
  const settled = makeSettled({
    route: { redact: redacted.map((name) => ({ source: "answer", name }) as const) },
    requestBody: Buffer.alloc(0),
    answers: { primary: answer(primary), shadow: answer(shadow) },
    differences: compareAnswers(side(primary), side(shadow), DEFAULT_ROUTE.compare, NOON).differences,
  });
  const steps = redactor.redactPair(settled, (whole) => ({ ok: true, bytes: whole.body }));
  for (let step = steps.next(); ; step = steps.next()) if (step.done === true) return step.value ?? assert.fail();
}

function textOf({ body: shown }: RedactedPair["primary"]): string {
  return "text" in shown ? shown.text : assert.fail(`left out: ${shown.leftOut}`);
}

/** What differs in the pair as it is kept. */
function placesIn(pair: RedactedPair, headers: readonly string[]): readonly string[] {
  const side = (text: string) => ({ status: 200, headers, body: { kind: "bytes", bytes: Buffer.from(text) } as const });
  const [a, b] = [side(textOf(pair.primary)), side(textOf(pair.shadow))];
  return compareAnswers(a, b, DEFAULT_ROUTE.compare, NOON).differences.map(({ at }) => at);
}

const upload = (pdf: string, name = "zebra.pdf"): string =>
  body(
    field("t", "ab"),
    part('Content-Disposition: form-data; name="meta"\r\nContent-Type: application/json', '{"id":12,"n":{"x":"cd"}}'),
    part(`Content-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: application/pdf`, pdf),
  );

const SECRETS: readonly (readonly [at: string, gone: RegExp])[] = [
  ["", /\bab\b|\b12\b|\bcd\b|zebra|one|two/],
  ["/t", /\bab\b/],
  ["/t/content", /\bab\b/],
  ["/meta", /\b12\b|\bcd\b/],
  ["/meta/content/id", /\b12\b/],
  ["/meta/id", /\b12\b/],
  ["/*/content/n/**", /\bcd\b/],
  ["/file", /zebra|one|two/],
  ["/file/filename", /zebra/],
];
for (const [at, gone] of SECRETS) {
  void test(`what redact points at in a multipart is nowhere in the pair, and the parts compare as they did: "${at}"`, () => {
    const pair = redact(upload("one of them"), upload("two of them"), FORM, [at]);
    assert.doesNotMatch(JSON.stringify(pair), gone);
    assert.deepEqual(placesIn(pair, FORM), ["/file/content"]);
    assert.deepEqual(
      pair.differences.map((difference) => difference.at),
      ["/file/content"],
    );
    const names = redact(upload("one of them"), upload("one of them", "yak.pdf"), FORM, [at]);
    assert.deepEqual(placesIn(names, FORM), ["/file/filename"]);
    assert.doesNotMatch(textOf(pair.primary), /one of|two of/, "what a file of an unknown type holds is not known");
  });
}

test("parts without names, and several of one name, are redacted by their positions", () => {
  const json = (content: string): string => part("Content-Type: application/json", content);
  const batch = redact(body(json('{"a":11}'), json('{"a":22,"otp":33}')), body(json('{"a":11}'), json("1")), MIXED, [
    "/1/content/a",
  ]);
  assert.match(textOf(batch.primary), /\{"a":11\}/);
  assert.doesNotMatch(textOf(batch.primary), /22|33/);
  const twice = body(field("f", "one"), field("f", "two"));
  assert.doesNotMatch(textOf(redact(twice, twice, FORM, ["/f/1"]).primary), /two/);
  assert.match(textOf(redact(twice, twice, FORM, ["/f/1"]).primary), /one/);
});

test("line ends and a byte order mark do not make two texts of one", () => {
  for (const type of ["text/plain", "text/csv"]) {
    const file = (text: string): string =>
      body(part(`Content-Disposition: form-data; name="f"; filename="a"\r\nContent-Type: ${type}`, text));
    for (const at of ["", "/other"]) {
      const pair = redact(file("a,b\r\nc"), file("\ufeffa,b\nc"), FORM, [at]);
      assert.deepEqual(placesIn(pair, FORM), [], `${type} ${at}`);
      assert.deepEqual(placesIn(redact(file("a,b"), file("a,c"), FORM, [at]), FORM), ["/f/content"]);
    }
  }
});

const UNCLEAR: readonly (readonly [name: string, body: string])[] = [
  ["a boundary within a line", body(field("t", "x --b y"))],
  ["a longer boundary", body(field("t", "x\r\n--bb\r\ny"))],
  ["no closing boundary", field("t", "abcdefgh")],
  ["parts behind the end", `${body(field("t", "x"))}${body(field("password", "abcdefgh"))}`],
  ["base64", body(field("t", "YWJjZGVmZ2g=").replace("\r\n\r\n", "\r\nContent-Transfer-Encoding: base64\r\n\r\n"))],
  ["a header that goes on", body(part('Content-Disposition: form-data;\r\n name="password"', "abcdefgh"))],
  ["a header that stands there twice", body(part("Content-Type: text/plain\r\nContent-Type: application/json", "{}"))],
  ["a quotation that does not end", body(part('Content-Disposition: form-data; name="pass', "abcdefgh"))],
  ["no empty line behind the headers", "--b\r\nContent-Type: text/plain\r\n--b--"],
  ["markup", body(part('Content-Disposition: form-data; name="t"\r\nContent-Type: text/html', "<p>abcdefgh</p>"))],
  ["another charset", body(part('Content-Disposition: form-data; name="t"\r\nContent-Type: a/b; charset=utf-16', "x"))],
  ["a multipart in it", body(part("Content-Type: multipart/mixed; boundary=c", "--c\r\n\r\nabcdefgh\r\n--c--"))],
  ["JSON that is none", body(part("Content-Type: application/json", '{"password":"abcdefgh"'))],
];
for (const [name, unclear] of UNCLEAR) {
  void test(`a multipart that cannot be redacted part by part is left out: ${name}`, () => {
    const pair = redact(unclear, unclear, FORM, []);
    assert.ok("leftOut" in pair.primary.body && pair.primary.body.leftOut === "unreadable");
    assert.doesNotMatch(JSON.stringify(pair), /abcdefgh/);
  });
}
