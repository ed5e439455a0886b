import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compareHeader, compareTexts, readCompare, wordsOf } from "../../../support/compare-texts.ts";

const json = (value: unknown): string => JSON.stringify({ v: value });

/** The normalisers; values that agree under them; values that do not. */
const TABLE: readonly (readonly [
  as: string,
  alike: readonly (readonly [unknown, unknown])[],
  unlike: readonly (readonly [unknown, unknown])[],
])[] = [
  [
    "trim",
    [
      ["a", " a\n"],
      ["\u00a0a", "a"],
    ],
    [
      ["a b", "ab"],
      [1, "1"],
      ["a", "A"],
    ],
  ],
  [
    "lowercase",
    [
      ["a@B.c", "A@b.C"],
      ["É", "é"],
    ],
    [
      ["a", "b"],
      ["a", " a"],
    ],
  ],
  [
    "unicode",
    [
      ["é", "e\u0301"],
      ["Å", "\u212b"],
    ],
    [
      ["é", "e"],
      ["ﬁ", "fi"],
    ],
  ],
  [
    "instant",
    [
      ["2026-11-22T12:00:00Z", "2026-11-22T13:00:00+01:00"],
      ["2026-11-22T12:00:00Z", "2026-11-22t12:00:00.000z"],
      ["2026-11-22T12:00:00Z", "2026-11-22 12:00:00"],
      ["2026-11-22T12:00Z", "2026-11-22T05:30:00-0630"],
      ["2026-11-22T12:00:00Z", "Sun, 22 Nov 2026 12:00:00 GMT"],
      ["2026-11-22T12:00:00Z", "22 Nov 2026 14:00:00 +0200"],
      ["2026-11-22T12:00:00Z", 1795348800],
      ["2026-11-22T12:00:00Z", 1795348800000],
      [1795348800123, "1795348800.123"],
      ["1795348800", "1795348800000000"],
      ["2026-11-22T12:00:00.5Z", 1795348800500],
      ["2026-11-22", "2026-11-22T00:00:00Z"],
      ["2026-11-22T24:00:00Z", "2026-11-23T00:00:00Z"],
      ["2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"],
      ["1969-12-31T23:59:59Z", -1],
      ["0001-01-01T00:00:00Z", "+000001-01-01T00:00:00Z"],
      ["2026-11-22T12:00:00.123456789Z", "2026-11-22T12:00:00.1234567890Z"],
    ],
    [
      ["2026-11-22T12:00:00Z", "2026-11-22T12:00:01Z"],
      ["2026-11-22T12:00:00Z", "2026-11-22T12:00:00+01:00"],
      ["2026-11-22T12:00:00.123456789Z", "2026-11-22T12:00:00.123456788Z"],
      ["2026-02-30T00:00:00Z", "2026-03-02T00:00:00Z"],
      ["2026-13-01", "2027-01-01"],
      ["soon", "now"],
      ["2026-11-22T25:00:00Z", "2026-11-23T01:00:00Z"],
      [1795348800, true],
    ],
  ],
  [
    "number",
    [
      ["1.50", 1.5],
      ["+01.5", "1.50"],
      ["1e3", 1000],
      [".5", "0.5"],
      ["3.", 3],
      ["-0.0", 0],
      [" 7 ", 7],
      ["9007199254740993", "9007199254740993.0"],
    ],
    [
      ["9007199254740993", "9007199254740992"],
      ["1,5", 1.5],
      ["", 0],
      ["1.5a", 1.5],
      ["0x10", 16],
      [true, 1],
    ],
  ],
  [
    "url",
    [
      ["HTTP://Example.COM:80/a", "http://example.com/a"],
      ["https://example.com:443", "https://example.com/"],
      ["https://example.com?q=1", "https://example.com/?q=1"],
      ["http://h/%7Euser/%c3%a9", "http://h/~user/%C3%A9"],
      ["http://me:pw@H:80/", "http://me:pw@h/"],
      ["http://[::1]:80/x", "http://[::1]/x"],
      ["http://h:/x", "http://h/x"],
      ["/a%2dB", "/a-B"],
    ],
    [
      ["http://h/A", "http://h/a"],
      ["http://h:8080/", "http://h/"],
      ["https://h:80/", "https://h/"],
      ["http://h/a%2Fb", "http://h/a/b"],
      ["http://h/a?x=1&y=2", "http://h/a?y=2&x=1"],
      ["http://Me@h/", "http://me@h/"],
      ["http://h/a", "http://h/a/"],
    ],
  ],
  [
    "uuid",
    [
      ["0189D3C2-7E4F-7A5B-8C9D-0E1F2A3B4C5D", "0189d3c2-7e4f-7a5b-8c9d-0e1f2a3b4c5d"],
      ["{0189d3c2-7e4f-7a5b-8c9d-0e1f2a3b4c5d}", "urn:uuid:0189d3c2-7e4f-7a5b-8c9d-0e1f2a3b4c5d"],
      ["0189d3c27e4f7a5b8c9d0e1f2a3b4c5d", "0189d3c2-7e4f-7a5b-8c9d-0e1f2a3b4c5d"],
    ],
    [
      ["0189d3c2-7e4f-7a5b-8c9d-0e1f2a3b4c5d", "0189d3c2-7e4f-7a5b-8c9d-0e1f2a3b4c5e"],
      ["{0189d3c2-7e4f-7a5b-8c9d-0e1f2a3b4c5d", "0189d3c2-7e4f-7a5b-8c9d-0e1f2a3b4c5d"],
      ["A", "a"],
    ],
  ],
  [
    "html-entities",
    [
      ["a &amp; b", "a & b"],
      ["&lt;p&gt;&quot;&apos;&#39;&#x27;", "<p>\"'''"],
      ["caf&eacute; &euro;&nbsp;5&hellip;", "café €\u00a05…"],
      ["&#128512;", "😀"],
    ],
    [
      ["&amp;lt;", "<"],
      ["&unknown;", "unknown"],
      ["&#0;", "\u0000"],
      ["&#x110000;", "?"],
      ["& b", "&amp b"],
    ],
  ],
  [
    "sorted-set",
    [
      [
        [1, 2, 2],
        [2, 1],
      ],
      [
        ["a", ["x"]],
        [["x"], "a"],
      ],
      [[], []],
    ],
    [
      [[1, 2], [1]],
      [[1], [2]],
      ["ab", "ba"],
    ],
  ],
  [
    "null-as-absent",
    [[null, undefined]],
    [
      ["", undefined],
      [null, ""],
      [0, undefined],
    ],
  ],
  [
    "empty-as-absent",
    [
      ["", undefined],
      [[], undefined],
      [{}, ""],
      [[], {}],
    ],
    [
      [null, undefined],
      [0, undefined],
      [[null], []],
    ],
  ],
  [
    "[trim, empty-as-absent, null-as-absent]",
    [
      ["  ", undefined],
      [null, ""],
    ],
    [[" a", undefined]],
  ],
  ["[html-entities, trim, lowercase]", [["&Eacute; ", "é"]], [["&Eacute;", "e"]]],
];

for (const [as, alike, unlike] of TABLE) {
  describe(`as ${as}`, () => {
    test("values that mean the same are excused, from either side", (t) => {
      const rules = readCompare(t, `normalise: [{ at: /v, as: ${as} }]`);
      for (const [a, b] of alike) {
        for (const [one, other] of [
          [a, b],
          [b, a],
        ]) {
          const verdict = compareTexts(rules, json(one), json(other));
          assert.equal(
            wordsOf(verdict),
            json(one) === json(other) ? "match" : "ignored 1",
            `${json(one)} ${json(other)}`,
          );
        }
      }
    });

    test("values that do not differ as ever, shown as they were sent", (t) => {
      const rules = readCompare(t, `normalise: [{ at: /v, as: ${as} }]`);
      for (const [a, b] of unlike) {
        const verdict = compareTexts(rules, json(a), json(b));
        assert.equal(verdict.outcome, "divergent", `${json(a)} ${json(b)}`);
        const plain = compareTexts(readCompare(t, ""), json(a), json(b));
        assert.equal(verdict.differences[0]?.primary, plain.differences[0]?.primary);
      }
    });
  });
}

test("what JSON itself says agrees stays a match and counts for no rule", (t) => {
  const rules = readCompare(t, "normalise: [{ at: /v, as: number }]");
  assert.deepEqual(compareTexts(rules, '{"v":1.50}', '{"v":15e-1}').excusedBy, []);
});

test("rules at one place work one after the other, and those that changed something are counted", (t) => {
  const rules = readCompare(
    t,
    "normalise: [{ at: /v, as: trim }, { at: '/*', as: lowercase }, { at: '/**', as: unicode }]",
  );
  assert.deepEqual(compareTexts(rules, json(" A"), json("a")).excusedBy, [
    { rule: "normalise /v as trim", times: 1 },
    { rule: "normalise /* as lowercase", times: 1 },
  ]);
  assert.deepEqual(compareTexts(rules, json("A"), json("a")).excusedBy, [
    { rule: "normalise /* as lowercase", times: 1 },
  ]);
});

test("absence is not the place of another member", (t) => {
  const rules = readCompare(t, "normalise: [{ at: /a, as: null-as-absent }]");
  assert.equal(wordsOf(compareTexts(rules, '{"a":null,"b":null}', "{}")), "missing /b");
});

test("an element left out of an array on one side is excused where it is as good as absent", (t) => {
  const rules = readCompare(t, 'normalise: [{ at: "/tags/*", as: null-as-absent }]');
  assert.equal(wordsOf(compareTexts(rules, '{"tags":["a",null,"b"]}', '{"tags":["a","b"]}')), "ignored 1");
});

test("a set within a set", (t) => {
  const rules = readCompare(t, 'normalise: [{ at: /v, as: sorted-set }, { at: "/v/*", as: sorted-set }]');
  assert.equal(wordsOf(compareTexts(rules, '{"v":[[1,2],[3,4]]}', '{"v":[[4,3],[2,1,1]]}')), "ignored 3");
  assert.equal(wordsOf(compareTexts(rules, '{"v":[[1,2],[3,4]]}', '{"v":[[4,5],[2,1]]}')).includes("missing"), true);
});

describe("headers", () => {
  const headers = (as: string): string => `headers: [x], normalise: [{ at: header:x, as: ${as} }]`;
  test("texts, times and lists", (t) => {
    for (const [as, a, b] of [
      ["lowercase", "Accept", "ACCEPT"],
      ["instant", "Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z"],
      ["number", "1.50", "1.5"],
      ["sorted-set", "Accept, Origin,", "Origin, Accept,  Accept"],
      ["[lowercase, sorted-set]", "Accept, origin", "Origin, accept"],
      ["empty-as-absent", "", null],
    ] as const) {
      assert.equal(wordsOf(compareHeader(readCompare(t, headers(as)), "x", a, b)), "ignored 1", as);
      assert.equal(wordsOf(compareHeader(readCompare(t, headers(as)), "X", b, a)), "ignored 1", as);
    }
  });

  test("another value, another header", (t) => {
    const rules = readCompare(t, "headers: [x, y], normalise: [{ at: header:y, as: lowercase }]");
    assert.equal(wordsOf(compareHeader(rules, "x", "A", "a")), "header header:x");
    assert.equal(wordsOf(compareHeader(rules, "y", "A", "b")), "header header:y");
  });
});
