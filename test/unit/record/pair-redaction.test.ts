/** Redacted pairs can be compared again: what was equal stays equal, what differed differs, and no secret is left. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compareAnswers } from "../../../proxy/compare/diff-answers.ts";
import { DEFAULT_ROUTE } from "../../../proxy/config/defaults.ts";
import type { RawHeaders, WholeAnswer } from "../../../proxy/exchange.ts";
import { createRedactor, type RedactedPair } from "../../../proxy/record/redaction.ts";
import { makeSettled, NOON, type SettledGiven } from "../../support/evidence.ts";

const redactor = createRedactor(Buffer.alloc(32, 7));
const JSON_TYPE = ["content-type", "application/json"];

function answer(body: string | Buffer, headers: RawHeaders = JSON_TYPE): WholeAnswer {
  return { status: 200, headers, body: Buffer.from(body) };
}

function redact(
  primary: string | Buffer,
  shadow: string | Buffer,
  headers: RawHeaders = JSON_TYPE,
  given: SettledGiven = {},
): RedactedPair {
  const answers = { primary: answer(primary, headers), shadow: answer(shadow, headers) };
  const settled = makeSettled({ requestBody: Buffer.alloc(0), ...given, answers });
  const steps = redactor.redactPair(settled, ({ body }) => ({ ok: true, bytes: body }));
  for (let step = steps.next(); ; step = steps.next()) if (step.done === true) return step.value ?? assert.fail();
}

function textOf({ body }: RedactedPair["primary"]): string {
  return "text" in body ? body.text : assert.fail(`left out: ${body.leftOut}`);
}

/** What differs, without values: before and after redaction. */
function placesOf(primary: string, shadow: string, headers: RawHeaders): readonly string[] {
  const side = (text: string) => ({
    status: 200,
    headers,
    body: { kind: "bytes", bytes: Buffer.from(text) } as const,
  });
  const { differences } = compareAnswers(side(primary), side(shadow), DEFAULT_ROUTE.compare, NOON);
  return differences.map(({ at }) => at).sort();
}

const PAIRS: readonly (readonly [name: string, primary: string, shadow: string])[] = [
  ["equal secrets", '{"token":"abcdefgh","n":1}', '{"n":1.0,"token":"abcdefgh"}'],
  ["other secrets", '{"token":"abcdefgh"}', '{"token":"abcdefgi"}'],
  ["one number in two spellings", '{"pin":1234,"cvv":1.0}', '{"pin":1.234e3,"cvv":1}'],
  ["digits beyond doubles", '{"pin":9007199254740993}', '{"pin":9007199254740992}'],
  ["a number and its text", '{"pin":1234}', '{"pin":"1234"}'],
  ["members of a secret object in another order", '{"session":{"a":1,"b":[2]}}', '{"session":{"b":[2],"a":1}}'],
  ["one member of a secret object", '{"session":{"a":1,"b":2}}', '{"session":{"a":1,"b":3}}'],
  ["null and a secret", '{"password":null}', '{"password":"abcdefgh"}'],
  ["a secret that is missing", '{"a":1,"password":"abcdefgh"}', '{"a":1}'],
  ["a secret twice", '{"token":"abcdefgh","token":"abcdefgh"}', '{"token":"abcdefgh","token":"x"}'],
  ["a secret that an echo repeats", '{"token":"abcdefgh","m":"got abcdefgh"}', '{"token":"abcdefgh","m":"got b"}'],
  ["a token within a text", '{"m":"Bearer abcdefgh1"}', '{"m":"Bearer abcdefgh2"}'],
  ["a document in a string", '{"p":"{\\"token\\":\\"abcdefgh\\"}"}', '{"p":"{\\"token\\":\\"abcdefgi\\"}"}'],
  ["white space in such a document", '{"p":"{\\"pin\\": 1, \\"a\\":2}"}', '{"p":"{\\"pin\\": 1,\\"a\\":2}"}'],
  ["precise numbers beside a secret", '{"token":"x","n":9007199254740993}', '{"token":"x","n":9007199254740992}'],
];

for (const [name, primary, shadow] of PAIRS) {
  void test(`redacted JSON compares as it did: ${name}`, () => {
    const pair = redact(primary, shadow);
    const before = placesOf(primary, shadow, JSON_TYPE);
    const after = placesOf(textOf(pair.primary), textOf(pair.shadow), JSON_TYPE);
    // Names of members under a secret one are stand-ins themselves.
    const shown = (places: readonly string[]): string[] => places.map((at) => at.replace(/^(\/session)\/.*/, "$1/*"));
    assert.deepEqual(shown(after), shown(before));
  });
}

test("what has no secret stays as it was spelled, to the byte", () => {
  const text = '{ "n": 1.50,\n "s": "\\u00e9", "list": [1e400, -0] }';
  const pair = redact(text, text);
  assert.equal(textOf(pair.primary), text);
  assert.deepEqual(pair.primary.redacted, []);
});

test("a secret that only one answer tells is taken out of the request and the other answer too", () => {
  const pair = redact('{"note":"zebra-77 it is"}', '{"password":"zebra-77"}', JSON_TYPE, {
    request: {
      path: "/users/zebra-77",
      target: "/users/zebra-77?a=zebra-77",
      query: "a=zebra-77",
      headers: ["x-a", "zebra-77"],
    },
    requestBody: Buffer.from('{"q":"zebra-77"}'),
  });
  assert.ok(!JSON.stringify(pair).includes("zebra"), JSON.stringify(pair));
  assert.deepEqual(pair.request.redacted, ["target", "header:x-a", "body"]);
  assert.equal(pair.request.target.match(/\[redacted [0-9a-f]{8}\]/g)?.length, 2);
});

test("forms, multiparts and lines of JSON stay what they are", () => {
  const form = "a=1&password=abc+def%26x&b=%20y";
  const shownForm = textOf(redact(form, form, ["content-type", "application/x-www-form-urlencoded"]).primary);
  const read = new URLSearchParams(shownForm);
  assert.deepEqual([read.get("a"), read.get("b")], ["1", " y"]);
  assert.match(read.get("password") ?? "", /^\[redacted [0-9a-f]{8}\]$/);
  assert.ok(shownForm.startsWith("a=1&") && shownForm.endsWith("&b=%20y"));

  const part = (name: string, value: string): string =>
    `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const multipart = `${part("title", "t")}${part("api_key", "abcdefgh")}${part("data", '{"otp":123456,"n":2}')}--b--\r\n`;
  const shownParts = textOf(redact(multipart, multipart, ["content-type", "multipart/form-data; boundary=b"]).primary);
  assert.ok(!/abcdefgh|123456/.test(shownParts), shownParts);
  assert.match(shownParts, /name="title"\r\n\r\nt\r\n--b\r\n/);
  assert.match(shownParts, /"n":2\}\r\n--b--\r\n$/);

  const lines = '{"secret":"abcdefgh"}\n{"n":1}\n';
  const shownLines = textOf(redact(lines, lines, ["content-type", "application/x-ndjson"]).primary);
  assert.match(shownLines, /^\{"secret":"\[redacted [0-9a-f]{8}\]"\}\n\{"n":1\}\n$/);
});

test("what cannot be redacted place by place is left out, with a keyed digest that tells same from different", () => {
  const cases: readonly (readonly [string | Buffer, RawHeaders, string])[] = [
    [Buffer.from([0xff, 0xd8, 0xff]), ["content-type", "image/jpeg"], "binary"],
    ['{"password":"abcdefgh"', JSON_TYPE, "unreadable"],
    ["<password>abcdefgh</password>", ["content-type", "application/xml"], "unreadable"],
    ["password: abcdefgh", ["content-type", "text/html"], "unreadable"],
    [`${"[".repeat(300)}${"]".repeat(300)}`, JSON_TYPE, "unreadable"],
    [Buffer.from("password=abcdefgh", "utf16le"), ["content-type", "text/plain; charset=utf-16le"], "binary"],
    ["--b\r\nno part", ["content-type", "multipart/form-data"], "unreadable"],
  ];
  for (const [body, headers, why] of cases) {
    const other = Buffer.concat([Buffer.from(body), Buffer.from(" ")]);
    const pair = redact(body, other, headers);
    assert.ok("leftOut" in pair.primary.body && "leftOut" in pair.shadow.body, String(body));
    assert.equal(pair.primary.body.leftOut, why);
    assert.notEqual(pair.primary.body.digest, pair.shadow.body.digest);
    assert.deepEqual(redact(body, body, headers).shadow.body, pair.primary.body);
    assert.ok(!JSON.stringify(pair).includes("abcdefgh"));
  }
});

test("what redact points at in forms and lines of JSON is masked where the comparison finds it", () => {
  const shown = (body: string, type: string, at: string): string => {
    const route = { redact: [{ source: "answer", name: at } as const] };
    return textOf(redact(body, body, ["content-type", type], { route }).primary);
  };
  const lines = '{"tag":"ab","n":1}\n\n{"tag":"cd","n":2}\n';
  assert.doesNotMatch(shown(lines, "application/x-ndjson", "/*/tag"), /ab|cd/);
  const second = shown(lines, "application/x-ndjson", "/1/tag");
  assert.match(second, /^\{"tag":"ab","n":1\}\n\n\{"tag":"\[redacted [0-9a-f]{8}\]","n":2\}\n$/);
  const form = "a=one&b=two&b=three";
  const type = "application/x-www-form-urlencoded";
  assert.doesNotMatch(shown(form, type, ""), /one|two|three/);
  assert.doesNotMatch(shown(form, type, "/b/*"), /two|three/);
  assert.match(shown(form, type, "/b/1"), /^a=one&b=two&b=(?!three)/);
});

test("a form with escapes in another charset is left out: two spellings of one text would have two stand-ins", () => {
  const type = ["content-type", "application/x-www-form-urlencoded; charset=iso-8859-1"];
  assert.ok("leftOut" in redact("a=%E4", "a=1", type).primary.body);
  assert.equal(textOf(redact("a=%E4", "a=1", type).shadow), "a=1");
});

test("a body whose coding cannot be undone is left out, not the pair; the same bytes in two codings stay different", () => {
  const whole = (coding: string, text = "abcdefgh"): WholeAnswer => answer(text, ["content-encoding", coding]);
  const kept = (primary: WholeAnswer, shadow: WholeAnswer, tooLarge = false): RedactedPair | null => {
    const settled = makeSettled({ requestBody: Buffer.alloc(0), answers: { primary, shadow } });
    const steps = redactor.redactPair(settled, ({ headers, body }) =>
      headers[0] === "content-encoding" ? { ok: false, tooLarge } : { ok: true, bytes: body },
    );
    for (let step = steps.next(); ; step = steps.next()) if (step.done === true) return step.value;
  };
  const bodies = (pair: RedactedPair | null) => [pair?.primary.body, pair?.shadow.body] as const;
  const [a, b] = bodies(kept(whole("gzip"), whole("gzip")));
  assert.ok(a !== undefined && "leftOut" in a && a.leftOut === "unreadable" && a.bytes === 8);
  assert.deepEqual(a, b);
  assert.notDeepEqual(...bodies(kept(whole("gzip"), whole("br"))));
  assert.notDeepEqual(...bodies(kept(whole("gzip"), whole("gzip", "abcdefgi"))));
  assert.equal(kept(whole("gzip"), whole("gzip"), true), null, "beyond the bound it is not kept at all");
});

test("plain text keeps what is no secret; where a rule points into bodies it is left out", () => {
  const plain = ["content-type", "text/plain; charset=utf-8"];
  assert.match(
    textOf(redact("hello password=abcdefgh", "x", plain).primary),
    /^hello password=\[redacted [0-9a-f]{8}\]$/,
  );
  const pair = redact("hello", "hello", plain, { route: { redact: [{ source: "body", name: "/a" }] } });
  assert.deepEqual(pair.primary.redacted, ["body"]);
});

test("headers under a secret name have stand-ins, and are named", () => {
  const headers = ["Content-Type", "application/json", "Set-Cookie", "sid=abcdefgh", "X-Plain", "1"];
  const pair = redact("{}", "{}", headers, {
    request: { headers: ["Authorization", "Bearer abcdefgh", "Host", "a.test"] },
  });
  assert.deepEqual(pair.primary.redacted, ["header:set-cookie"]);
  assert.deepEqual(pair.request.redacted, ["header:authorization"]);
  assert.deepEqual(pair.primary.headers.slice(-2), ["X-Plain", "1"]);
  assert.ok(!JSON.stringify(pair).includes("abcdefgh"));
});

test("a cookie that one answer sets is taken out of both bodies", () => {
  const headers = [...JSON_TYPE, "set-cookie", "theme=dark; Path=/", "set-cookie", "sid=abcdefgh; Path=/; HttpOnly"];
  const { primary, shadow } = redact('{"at":"Path=/","is":"dark","on":"abcdefgh"}', '{"by":"abcdefgh"}', headers);
  assert.ok(!JSON.stringify([primary, shadow]).includes("abcdefgh"));
  assert.match(textOf(primary), /^\{"at":"Path=\/","is":"dark",/);
});

test("the differences are shown as the bodies are", () => {
  const pair = redact('{"m":"zebra-77"}', '{"m":"x","secret":"zebra-77"}', JSON_TYPE, {
    differences: [{ at: "/m", kind: "value", primary: '"zebra-77"', shadow: '"x"' }],
  });
  assert.match(pair.differences[0]?.primary ?? "", /^"\[redacted [0-9a-f]{8}\]"$/);
});

test("what the route's redact points at is found in lines, forms and parts as the comparison names it", () => {
  const part = (name: string, value: string): string =>
    `--b\r\nContent-Disposition: form-data; name=${name}\r\n\r\n${value}\r\n`;
  const lines = ["content-type", "application/x-ndjson"];
  const form = ["content-type", "application/x-www-form-urlencoded"];
  const parts = ["content-type", "multipart/form-data; boundary=b"];
  const cases: readonly (readonly [pointer: string, headers: RawHeaders, body: string])[] = [
    ["/*/own", lines, '{"n":1}\n\n{"own":"abcdefgh"}\n'],
    ["/1/own", lines, '{"own":"1"}\n\n{"own":"abcdefgh"}\n'],
    ["/*/own", ["content-type", "application/stream+json"], '{"own":"abcdefgh"}'],
    ["", form, "own=abcdefgh&n=1"],
    ["/own", form, "own=abcdefgh&n=1"],
    ["", parts, `${part("own", "abcdefgh")}--b--`],
    ["/own", parts, `${part("own", "abcdefgh")}--b--`],
    ["/own/content", parts, `${part("own", "abcdefgh")}--b--`],
    ["/meta/content/own", parts, `${part("meta", '{"own":"abcdefgh","n":1}')}--b--`],
    ["/meta", parts, `${part("meta", '{"own":"abcdefgh","n":1}')}--b--`],
    ["/own/filename", parts, `${part('own; filename="abcdefgh"', "n")}--b--`],
    ["/0/content", ["content-type", "multipart/mixed; boundary=b"], "--b\r\n\r\nabcdefgh\r\n--b--"],
  ];
  for (const source of ["answer", "body"] as const) {
    for (const [name, headers, body] of cases) {
      const given: SettledGiven = {
        route: { redact: [{ source, name }] },
        requestBody: Buffer.from(body),
        request: { headers },
      };
      for (const answers of [body, "got abcdefgh"]) {
        const pair = redact(answers, "{}", answers === body ? headers : ["content-type", "text/html"], given);
        assert.ok(!JSON.stringify(pair).includes("abcdefgh"), `${name} ${body}`);
      }
    }
  }
});
