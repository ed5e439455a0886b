/** tolerance, equivalent, shapes, ignore; conditions and ends. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { compareAnswers } from "../../../../proxy/compare/diff-answers.ts";
import { jsonAnswer } from "../../../support/compare-cases.ts";
import { compareBoth, compareHeader, compareTexts, readCompare, wordsOf } from "../../../support/compare-texts.ts";
import { NOW } from "../../../support/config-file.ts";

const raw = (text: string): string => `{"v":${text}}`;

describe("tolerance", () => {
  const NEAR: readonly (readonly [within: string, a: string, b: string])[] = [
    ["0.001", "1", "1.001"],
    ["0.001", "-0.0005", "0.0005"],
    ["0.1", "0.3", "0.4"],
    ["1", "9007199254740993", "9007199254740992"],
    ["0.5", "9007199254740993", "9007199254740992.5"],
    ["1", "0", "-0"],
    ["1e-7", "1e-7", "2E-7"],
    ['"1%"', "100", "99"],
    ['"1%"', "-100", "-101"],
    ['"0.1%"', "1000000000000000000001", "1000000000000000000000"],
    ['"100%"', "0", "5"],
    ["5s", '"2026-11-22T12:00:00Z"', '"2026-11-22T12:00:05Z"'],
    ["5s", '"2026-11-22T12:00:00Z"', "1795348805"],
    ["5s", "1795348800000", "1795348795000"],
    ["1ms", '"2026-11-22T12:00:00.0005Z"', '"2026-11-22T12:00:00.0015Z"'],
    ["1d", '"2026-11-22"', '"2026-11-23"'],
  ];
  const FAR: typeof NEAR = [
    ["0.001", "1", "1.0010000000000000000001"],
    ["0.1", "0.3", "0.40000000000000001"],
    ["0.5", "9007199254740993", "9007199254740992"],
    ["0.5", "9007199254740993", "9007199254740992.4999999"],
    ["1", '"1"', "1"],
    ["1", "null", "0"],
    ["1", "1e400", "2e400"],
    ["1", "1e999999999", "2e999999999"],
    ['"1%"', "100", "98.99"],
    ['"1%"', "1", "-1"],
    ['"1%"', "0", "1e-9"],
    ["5s", '"2026-11-22T12:00:00Z"', '"2026-11-22T12:00:05.0000001Z"'],
    ["5s", '"a"', '"b"'],
    ["1ms", '"2026-11-22T12:00:00Z"', '"2026-11-22T13:00:00Z"'],
  ];

  test("the bound itself is within, to the digit, from either side", (t) => {
    for (const [within, a, b] of NEAR) {
      const rules = readCompare(t, `tolerance: [{ at: /v, within: ${within} }]`);
      assert.equal(wordsOf(compareTexts(rules, raw(a), raw(b))), "ignored 1", `${a} ${b} within ${within}`);
      assert.equal(wordsOf(compareTexts(rules, raw(b), raw(a))), "ignored 1", `${b} ${a} within ${within}`);
    }
  });

  test("beyond it, by however little, is a difference; so is what is no number", (t) => {
    for (const [within, a, b] of FAR) {
      const rules = readCompare(t, `tolerance: [{ at: /v, within: ${within} }]`);
      assert.equal(compareTexts(rules, raw(a), raw(b)).outcome, "divergent", `${a} ${b} within ${within}`);
      assert.equal(compareTexts(rules, raw(b), raw(a)).outcome, "divergent", `${b} ${a} within ${within}`);
    }
  });

  test("agrees with arithmetic on whole numbers of any size", (t) => {
    const rules = readCompare(t, "tolerance: [{ at: /v, within: 1000.25 }]");
    const size = 10n ** 40n;
    const hundredths = fc.bigInt({ min: -size, max: size });
    const spelled = (value: bigint): string => {
      const digits = (value < 0n ? -value : value).toString().padStart(3, "0");
      return `${value < 0n ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`;
    };
    fc.assert(
      fc.property(hundredths, fc.bigInt({ min: -100_100n, max: 100_100n }), (value, apart) => {
        const near = apart <= 100_025n && apart >= -100_025n;
        const verdict = compareTexts(rules, raw(spelled(value)), raw(spelled(value + apart)));
        assert.equal(verdict.outcome, apart === 0n ? "match" : near ? "ignored" : "divergent");
      }),
      { numRuns: 2000 },
    );
  });

  test("works on what normalising left, and counts both rules", (t) => {
    const rules = readCompare(t, "normalise: [{ at: /v, as: number }], tolerance: [{ at: /v, within: 0.01 }]");
    assert.deepEqual(compareTexts(rules, raw('"1.50"'), raw("1.505")).excusedBy, [
      { rule: "normalise /v as number", times: 1 },
      { rule: "tolerance /v within 0.01", times: 1 },
    ]);
    assert.equal(wordsOf(compareTexts(rules, raw('"1.50"'), raw("1.52"))), "type /v");
  });

  test("numbers and times in headers", (t) => {
    const rules = readCompare(
      t,
      "headers: [date, age], tolerance: [{ at: header:date, within: 5s }, { at: header:age, within: 1 }]",
    );
    assert.equal(wordsOf(compareHeader(rules, "age", "10", "11")), "ignored 1");
    assert.equal(wordsOf(compareHeader(rules, "age", "10", "11.5")), "header header:age");
    const [a, b] = ["Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:41 GMT"];
    assert.equal(wordsOf(compareHeader(rules, "date", a, b)), "ignored 1");
    assert.equal(wordsOf(compareHeader(rules, "date", a, null)), "header header:date");
  });
});

describe("equivalent", () => {
  test("any two of a list agree, whatever their types; two lists do not mix", (t) => {
    const rules = readCompare(t, "equivalent: [{ at: /v, values: [[active, ACTIVE, 1, null], [closed, 2, 1.5]] }]");
    for (const [a, b] of [
      ['"active"', '"ACTIVE"'],
      ["1.0", '"active"'],
      ["null", "1"],
      ["15e-1", '"closed"'],
    ] as const) {
      assert.equal(wordsOf(compareTexts(rules, raw(a), raw(b))), "ignored 1", `${a} ${b}`);
    }
    assert.equal(wordsOf(compareTexts(rules, raw('"active"'), raw("2"))), "type /v");
    assert.equal(wordsOf(compareTexts(rules, raw('"active"'), raw('"Active"'))), "value /v");
    assert.equal(wordsOf(compareTexts(rules, raw('"1"'), raw("1"))), "type /v");
    assert.equal(wordsOf(compareTexts(rules, raw("null"), "{}")), "missing /v");
  });

  test("a value of two lists agrees with both", (t) => {
    const rules = readCompare(t, "equivalent: [{ at: /v, values: [[a, b], [b, c]] }]");
    assert.equal(wordsOf(compareTexts(rules, raw('"b"'), raw('"c"'))), "ignored 1");
    assert.equal(wordsOf(compareTexts(rules, raw('"a"'), raw('"c"'))), "value /v");
  });

  test("statuses and headers", (t) => {
    const rules = readCompare(
      t,
      'headers: [x], equivalent: [{ at: status, values: [[200, 201], [404, 410, "500"]] }, { at: header:x, values: [[1, yes]] }]',
    );
    const answer = (status: number) => jsonAnswer("{}", status);
    assert.equal(wordsOf(compareBoth(answer(200), answer(201), rules)), "ignored 1");
    assert.equal(wordsOf(compareBoth(answer(404), answer(500), rules)), "ignored 1");
    assert.equal(wordsOf(compareBoth(answer(200), answer(404), rules)), "status ");
    assert.equal(wordsOf(compareBoth(answer(200), answer(204), rules)), "status ");
    assert.equal(wordsOf(compareHeader(rules, "x", "1", "yes")), "ignored 1");
    assert.equal(wordsOf(compareHeader(rules, "x", "1", "no")), "header header:x");
  });

  test("statuses that agree leave the bodies to be compared", (t) => {
    const rules = readCompare(t, "equivalent: [{ at: status, values: [[404, 200]] }]");
    const verdict = compareBoth(jsonAnswer('{"a":1}', 404), jsonAnswer('{"a":2}', 200), rules);
    assert.equal(wordsOf(verdict), "value /a");
    assert.equal(verdict.excused, 1);
  });
});

describe("shapes", () => {
  const U = '"0189d3c2-7e4f-7a5b-8c9d-0e1f2a3b4c5d"';
  const TABLE: readonly (readonly [
    as: string,
    alike: readonly [string, string][],
    unlike: readonly [string, string][],
  ])[] = [
    [
      "uuid",
      [[U, U.replaceAll("0", "F")]],
      [
        [U, '"k3f9"'],
        [U, U.replaceAll("-", "")],
        [U, "1"],
      ],
    ],
    [
      "ulid",
      [['"01ARZ3NDEKTSV4RRFFQ69G5FAV"', '"01jd9x3p4m5n6q7r8s9tavbwcx"']],
      [
        ['"01ARZ3NDEKTSV4RRFFQ69G5FAV"', U],
        ['"81ARZ3NDEKTSV4RRFFQ69G5FAV"', '"91ARZ3NDEKTSV4RRFFQ69G5FAV"'],
      ],
    ],
    [
      "instant",
      [
        ['"2026-11-22T12:00:00Z"', '"Sun, 06 Nov 1994 08:49:37 GMT"'],
        ["1795348800", "1795348800123"],
      ],
      [
        ['"2026-11-22T12:00:00Z"', "1795348800"],
        ["1", "2"],
        ['"2026-11-22T12:00:00Z"', '"soon"'],
      ],
    ],
    [
      "jwt",
      [['"eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln"', '"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIyIn0.c2lnbg"']],
      [['"eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln"', '"a.b.c"']],
    ],
    [
      "etag",
      [
        ['"\\"a\\""', '"\\"b\\""'],
        ['"W/\\"a\\""', '"W/\\"b\\""'],
      ],
      [
        ['"\\"a\\""', '"W/\\"b\\""'],
        ['"a"', '"b"'],
      ],
    ],
    [
      "hash",
      [
        [`"${"a".repeat(64)}"`, `"${"0".repeat(64)}"`],
        [`"sha256:${"a".repeat(64)}"`, `"sha256:${"b".repeat(64)}"`],
      ],
      [
        [`"${"a".repeat(64)}"`, `"${"a".repeat(40)}"`],
        ['"abc"', '"def"'],
        [`"sha256:${"a".repeat(64)}"`, `"${"b".repeat(64)}"`],
      ],
    ],
    [
      "integer",
      [
        ["101", "102.0"],
        ['"101"', '"9007199254740993"'],
        ["0", "1e3"],
      ],
      [
        ["101", '"101"'],
        ["101", '"k3f9"'],
        ["1", "1.5"],
        ["1", "-1"],
      ],
    ],
    [
      "id",
      [
        ["101", '"k3f9"'],
        [U, "9007199254740993"],
        ['"101"', "101"],
        ['"_x-1"', '"urn:isbn:0451450523"'],
      ],
      [
        ["101", '""'],
        ["101", "null"],
        ["101", '"null"'],
        ["101", '"Undefined"'],
        ["101", "0"],
        ["101", '"not found"'],
        ["101", `"${"x".repeat(129)}"`],
        ["101", "[101]"],
        ["101", "true"],
      ],
    ],
  ];

  for (const [as, alike, unlike] of TABLE) {
    test(`two values of class ${as} agree, and nothing else does`, (t) => {
      const rules = readCompare(t, `shapes: [{ at: /v, as: ${as} }]`);
      for (const [a, b] of alike) assert.equal(wordsOf(compareTexts(rules, raw(a), raw(b))), "ignored 1", `${a} ${b}`);
      for (const [a, b] of unlike) assert.equal(compareTexts(rules, raw(a), raw(b)).outcome, "divergent", `${a} ${b}`);
      assert.equal(wordsOf(compareTexts(rules, raw(alike[0]?.[0] ?? ""), "{}")), "missing /v");
    });
  }

  test("in a header", (t) => {
    const rules = readCompare(t, "headers: [etag], shapes: [{ at: header:etag, as: etag }]");
    assert.equal(wordsOf(compareHeader(rules, "etag", '"a"', '"b"')), "ignored 1");
    assert.equal(wordsOf(compareHeader(rules, "etag", '"a"', null)), "header header:etag");
  });
});

describe("when and until", () => {
  const answer = (text: string, status: number, type: string) => ({
    ...jsonAnswer(text, status),
    headers: ["Content-Type", type],
  });
  const verdictOf = (rules: ReturnType<typeof readCompare>, status: number, type: string): string =>
    wordsOf(compareBoth(answer(raw("1"), status, type), answer(raw("2"), status, "application/json"), rules));

  test("a condition looks at the primary's type and status class", (t) => {
    const rules = readCompare(t, "ignore: [{ at: /v, because: test, when: { type: application/json, status: 2xx } }]");
    assert.equal(verdictOf(rules, 201, "application/json; charset=utf-8"), "ignored 1");
    assert.equal(verdictOf(rules, 404, "application/json"), "value /v");
    assert.equal(verdictOf(rules, 200, "application/problem+json"), "value /v");
  });

  test("a type may be all of a kind", (t) => {
    const rules = readCompare(t, 'ignore: [{ at: /v, because: test, when: { type: "application/*" } }]');
    assert.equal(verdictOf(rules, 500, "application/problem+json"), "ignored 1");
    assert.equal(verdictOf(rules, 200, "text/json"), "value /v");
  });

  test("a condition on a header rule and on a status rule", (t) => {
    const rules = readCompare(
      t,
      "headers: [x], ignore: [{ at: status, because: test, when: { status: 4xx } }, { at: header:x, because: test, when: { status: 4xx } }]",
    );
    const pair = (a: number, b: number): string =>
      wordsOf(
        compareBoth(
          { ...jsonAnswer("", a), headers: ["x", "1"] },
          { ...jsonAnswer("", b), headers: ["x", "2"] },
          rules,
        ),
      );
    assert.equal(pair(404, 410), "ignored 2");
    assert.equal(pair(200, 201), "status , header header:x");
  });

  test("past its end a rule of any kind excuses nothing, without a new config", (t) => {
    const rules = readCompare(t, "tolerance: [{ at: /v, within: 5, until: 2026-11-30 }]");
    const at = (now: number) => compareAnswers(jsonAnswer(raw("1")), jsonAnswer(raw("2")), rules, now).outcome;
    assert.equal(at(NOW), "ignored");
    assert.equal(at(Date.UTC(2026, 11, 1) - 1), "ignored");
    assert.equal(at(Date.UTC(2026, 11, 1)), "divergent");
    assert.equal(at(NOW), "ignored");
  });
});

describe("accounting", () => {
  test("how often each rule excused, by its name; an ignore rule comes first", (t) => {
    const rules = readCompare(
      t,
      'ignore: [{ at: "/*/at", because: test }], tolerance: [{ at: "/*/n", within: 1 }, { at: "/*/at", within: 1 }]',
    );
    const texts = [1, 2].map((n) => JSON.stringify({ a: { at: n, n }, b: { at: n, n }, c: { at: n, n: n * 3 } }));
    const verdict = compareTexts(rules, texts[0] ?? "", texts[1] ?? "");
    assert.equal(verdict.outcome, "divergent");
    assert.equal(verdict.excused, 5);
    assert.deepEqual(verdict.excusedBy, [
      { rule: "ignore /*/at", times: 3 },
      { rule: "tolerance /*/n within 1", times: 2 },
    ]);
  });

  test("of several rules the one nearest to hand is asked, each place by its own", (t) => {
    const rules = readCompare(
      t,
      'shapes: [{ at: "/**/id", as: uuid }, { at: "/0/id", as: integer }], ignore: [{ at: "/1/id", because: test }]',
    );
    const verdict = compareTexts(rules, '[{"id":1},{"id":1}]', '[{"id":2},{"id":2}]');
    assert.deepEqual(verdict.excusedBy, [
      { rule: "shapes /0/id as integer", times: 1 },
      { rule: "ignore /1/id", times: 1 },
    ]);
  });
});
