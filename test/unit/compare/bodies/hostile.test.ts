import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import {
  type AnswerPair,
  compareAnswers,
  compareCheaply,
  type ComparableAnswer,
  DECODED_MAX_BYTES,
} from "../../../../proxy/compare/diff-answers.ts";
import { compareRules } from "../../../support/compare-cases.ts";

/** Far beyond what these take (some seconds): a quadratic step would not end within it. */
const LINEAR = { timeout: 120_000 };
const RULES = compareRules();

const TYPES = [
  "application/json",
  "application/json; charset=utf-16le",
  "application/x-ndjson",
  "application/json-seq",
  "application/x-www-form-urlencoded",
  "application/x-www-form-urlencoded; charset=shift_jis",
  "multipart/form-data; boundary=b",
  "multipart/mixed; boundary=b",
  "application/xml",
  "text/html",
  "text/plain",
  "text/plain; charset=gb18030",
  "text/plain; charset=nonsense",
  "image/png",
  "nonsense",
];

function answer(contentType: string, body: string | Uint8Array, ...headers: string[]): ComparableAnswer {
  const bytes = Buffer.from(body as string);
  return { status: 200, headers: ["content-type", contentType, ...headers], body: { kind: "bytes", bytes } };
}

function pairOf(primary: ComparableAnswer, shadow: ComparableAnswer): AnswerPair {
  return { primary, shadow, rules: RULES, now: 0 };
}

function differ(type: string, primary: string, shadow: string): readonly string[] {
  const { differences } = compareAnswers(answer(type, primary), answer(type, shadow), RULES, 0);
  return differences.map(({ at, kind }) => `${kind} ${at}`);
}

describe("any bytes under any type", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc
      .array(
        fc.constantFrom(
          "{",
          "}",
          "[",
          "]",
          '"a"',
          ":",
          ",",
          "1",
          "\n",
          "\r\n",
          "\x1e",
          "a=b",
          "&",
          "%e9",
          "--b",
          "--b--",
          "<a>",
          "</a>",
          " ",
          "\ufeff",
          "é",
        ),
        { maxLength: 20 },
      )
      .map((pieces) => new Uint8Array(Buffer.from(pieces.join("")))),
  );
  const types = fc.constantFrom(...TYPES);

  test("one answer is the same as itself, and nothing is thrown for two", () => {
    fc.assert(
      fc.property(types, types, bytes, bytes, (typeA, typeB, a, b) => {
        assert.equal(compareAnswers(answer(typeA, a), answer(typeA, a), RULES, 0).outcome, "match");
        const verdict = compareAnswers(answer(typeA, a), answer(typeB, b), RULES, 0);
        if (Buffer.from(a).equals(b)) assert.equal(verdict.outcome, "match");
        for (const { at, primary, shadow } of verdict.differences) {
          // Redaction knows words from content by how they begin.
          if (at !== "" || primary === null || shadow === null || !primary.includes("differs")) continue;
          assert.match(primary, /^\d+ bytes?,/);
          assert.match(shadow, /^\d+ bytes?,/);
        }
      }),
      { numRuns: 4000 },
    );
  });

  test("who is compared with whom does not decide whether they differ", () => {
    fc.assert(
      fc.property(types, types, bytes, bytes, (typeA, typeB, a, b) => {
        const one = compareAnswers(answer(typeA, a), answer(typeB, b), RULES, 0);
        const other = compareAnswers(answer(typeB, b), answer(typeA, a), RULES, 0);
        assert.equal(one.outcome, other.outcome);
        assert.equal(one.differences.length, other.differences.length);
      }),
      { numRuns: 3000 },
    );
  });

  test("the verdict on the event loop is the worker's, where there is one", () => {
    fc.assert(
      fc.property(types, types, bytes, bytes, (typeA, typeB, a, b) => {
        const inline = compareCheaply(pairOf(answer(typeA, a), answer(typeB, b)));
        if (inline !== null) assert.deepEqual(inline, compareAnswers(answer(typeA, a), answer(typeB, b), RULES, 0));
      }),
      { numRuns: 2000 },
    );
  });

  test("the same bytes under a coding are the same, and cut or garbled they are told, not thrown", () => {
    fc.assert(
      fc.property(types, bytes, fc.nat(), (type, plain, seed) => {
        const coded = gzipSync(plain);
        const codedAnswer = (content: Uint8Array) => answer(type, content, "content-encoding", "gzip");
        assert.equal(compareAnswers(codedAnswer(coded), answer(type, plain), RULES, 0).outcome, "match");
        const garbled = Buffer.from(coded);
        const at = seed % garbled.length;
        garbled[at] = (garbled[at] as number) ^ 0xff;
        compareAnswers(codedAnswer(garbled), answer(type, plain), RULES, 0);
        if (plain.length === 0) return;
        const cut = coded.subarray(0, Math.max(1, at));
        assert.equal(compareAnswers(codedAnswer(cut), answer(type, plain), RULES, 0).outcome, "divergent");
      }),
      { numRuns: 1000 },
    );
  });
});

describe("megabytes", LINEAR, () => {
  const repeat = (piece: string, bytes = 8_000_000): string => piece.repeat(Math.ceil(bytes / piece.length));

  test("lines of JSON: one value among 100,000, one line put in, one nested 100,000 deep", () => {
    const lines = Array.from({ length: 100_000 }, (_, i) => `{"id":${i},"name":"user ${i}"}`);
    const type = "application/x-ndjson";
    const changed = lines.with(70_000, '{"id":70000,"name":"someone"}');
    assert.deepEqual(differ(type, lines.join("\n"), changed.join("\n")), ["value /70000/name"]);
    assert.deepEqual(differ(type, lines.join("\n"), lines.toSpliced(5, 0, "{}").join("\n")), ["extra /5"]);
    const deep = (leaf: number): string => `1\n${"[".repeat(100_000)}${leaf}${"]".repeat(100_000)}\n`;
    assert.match(differ(type, deep(1), deep(2))[0] ?? "", /^value \/1\/0\/0/);
  });

  test("lines that are not JSON, up to the bound and beyond it", () => {
    const type = "application/x-ndjson";
    assert.deepEqual(differ(type, `${"x\n".repeat(9_999)}1`, `${"x\n".repeat(9_999)}2`), ["value /9999"]);
    assert.deepEqual(differ(type, `${repeat("x\n")}1`, `${repeat("x\n")}2`), ["body "]);
  });

  test("forms of many pairs and of one", () => {
    const type = "application/x-www-form-urlencoded";
    assert.deepEqual(differ(type, `${repeat("a=1&", 390_000)}b=1`, `${repeat("a=1&", 390_000)}b=2`), ["value /b"]);
    assert.deepEqual(differ(type, `${repeat("a&")}b=1`, `${repeat("a&")}b=2`), ["body "]);
    assert.deepEqual(differ(type, `a=${repeat("%41")}1`, `a=${repeat("%41")}2`), ["value /a"]);
  });

  test("markup of any shape, well-formed or not", () => {
    for (const piece of [
      "<a> </a>",
      "<",
      "<!--",
      "<![CDATA[",
      "<?",
      "<pre>",
      "<script></script> ",
      "<a b='",
      "<a>  x",
      " ",
      "\n",
      ">",
      "]]>",
    ]) {
      for (const type of ["application/xml", "text/html"]) {
        assert.deepEqual(
          differ(type, `${repeat(piece, 2_000_000)}x1`, `${repeat(piece, 2_000_000)}x2`),
          ["body "],
          piece,
        );
      }
    }
  });

  test("depth of markup costs nothing", () => {
    const nest = (leaf: string): string => `${"<a> ".repeat(100_000)}${leaf}${"</a>\n".repeat(100_000)}`;
    assert.deepEqual(differ("application/xml", nest("<b/>"), nest("\n<b/>\n")), []);
    assert.deepEqual(differ("application/xml", nest("<b/>"), nest("<c/>")), ["body "]);
  });

  test("beyond the bound every kind is bytes, and that is said", () => {
    const giant = "x".repeat(DECODED_MAX_BYTES + 1);
    for (const [type, words] of [
      ["application/x-ndjson", "more than 33554432 bytes are not read as JSON"],
      ["multipart/mixed; boundary=b", "more than 33554432 bytes are not read as multipart"],
      ["text/plain", "not read as text: more than 33554432 bytes"],
    ] as const) {
      const { differences } = compareAnswers(answer(type, giant), answer(type, "x"), RULES, 0);
      assert.match(differences[0]?.primary ?? "", new RegExp(`^33554433 bytes, ${words}, sha256 [0-9a-f]{16}…$`));
    }
  });
});

describe("what the event loop leaves to the worker", () => {
  const part = (content: string): string => `--b\r\n\r\n${content}\r\n`;

  test("multiparts of many parts, and lists with many lines that are not JSON", () => {
    const parts = (count: number, last: string): string => `${part("x").repeat(count - 1)}${part(last)}--b--`;
    const type = "multipart/mixed; boundary=b";
    assert.notEqual(compareCheaply(pairOf(answer(type, parts(32, "1")), answer(type, parts(32, "2")))), null);
    assert.equal(compareCheaply(pairOf(answer(type, parts(33, "1")), answer(type, parts(33, "2")))), null);
    const lines = (count: number, last: string): string => `${"x\n".repeat(count)}${last}`;
    const list = "application/x-ndjson";
    assert.notEqual(compareCheaply(pairOf(answer(list, lines(32, "1")), answer(list, lines(32, "2")))), null);
    assert.equal(compareCheaply(pairOf(answer(list, lines(33, "1")), answer(list, lines(33, "2")))), null);
  });

  test("large bodies of every kind that differ", () => {
    for (const type of TYPES) {
      const pair = pairOf(answer(type, `${"x".repeat(17_000)}1`), answer(type, `${"x".repeat(17_000)}2`));
      assert.equal(compareCheaply(pair), null, type);
    }
  });
});
