import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { formatExplanation } from "../../../proxy/config/explain-text.ts";
import { explainRequest } from "../../../proxy/config/explain.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import { keyAtHead, samplePoint } from "../../../proxy/route/entity-key.ts";
import { dialPoint, wholeRead } from "../../../proxy/route/pin-names.ts";
import { classifyRequest, planExchange } from "../../../proxy/route/plan.ts";
import { namedRules } from "../../../proxy/evidence/rule-names.ts";
import { errorsOf, settingsOf, spellMessages } from "../../support/config-file.ts";

const TWO_URLS = `services:
  legacy: { url: "http://127.0.0.1:3000" }
  next: { url: "http://127.0.0.1:4000" }
`;

function withCompare(compare: string): string {
  return `${TWO_URLS}routes:\n  - name: a\n    match: { path: "/**" }\n    compare: { ${compare} }\n`;
}

function rulesOf(t: TestContext, compare: string) {
  return settingsOf(t, withCompare(compare)).settings.routes[0]?.compare ?? assert.fail();
}

function adviceOf(t: TestContext, compare: string): string[] {
  return spellMessages(settingsOf(t, withCompare(compare)).advice).map((line) => line.replace(/^\S+ /, ""));
}

describe("what is written becomes settings", () => {
  test("every kind of rule, with reason, end and condition", (t) => {
    const rules = rulesOf(
      t,
      `mustMatch: [/total],
      ignore: [{ at: /updatedAt, because: clock, until: 2027-03-01, when: { type: Application/JSON, status: 2xx } }],
      normalise: [{ at: /email, as: [trim, lowercase] }, { at: /createdAt, as: instant, because: two spellings }],
      tolerance: [{ at: /score, within: 0.001 }, { at: /price, within: "1%" }, { at: "header:date", within: 5s }],
      unordered: [{ at: /tags }, { at: /items, by: /sku }, { at: "" }],
      equivalent: [{ at: /state, values: [[active, ACTIVE, 1]] }, { at: status, values: [[200, 201]] }],
      shapes: [{ at: /id, as: uuid, when: { status: 4XX } }]`,
    );
    const plain = { because: null, until: null, when: null };
    assert.deepEqual(rules.mustMatch, ["/total"]);
    assert.deepEqual(rules.ignore, [
      {
        at: "/updatedAt",
        because: "clock",
        until: Date.UTC(2027, 2, 2) - 1,
        when: { type: "application/json", statusClass: 2 },
      },
    ]);
    assert.deepEqual(rules.normalise, [
      { ...plain, at: "/email", as: ["trim", "lowercase"] },
      { ...plain, at: "/createdAt", as: ["instant"], because: "two spellings" },
    ]);
    assert.deepEqual(
      rules.tolerance.map(({ within }) => within),
      [
        { kind: "absolute", by: "0.001" },
        { kind: "percent", percent: "1" },
        { kind: "time", ms: 5000 },
      ],
    );
    assert.deepEqual(
      rules.unordered.map(({ at, by }) => [at, by]),
      [
        ["/tags", null],
        ["/items", "/sku"],
        ["", null],
      ],
    );
    assert.deepEqual(
      rules.equivalent.map(({ at, values }) => [at, values]),
      [
        ["/state", [["active", "ACTIVE", 1]]],
        ["status", [[200, 201]]],
      ],
    );
    assert.deepEqual(rules.shapes, [{ ...plain, at: "/id", as: "uuid", when: { type: null, statusClass: 4 } }]);
    assert.deepEqual(
      namedRules(rules).map(({ name }) => name),
      [
        "ignore /updatedAt when application/json 2xx",
        "normalise /email as trim, lowercase",
        "normalise /createdAt as instant",
        "tolerance /score within 0.001",
        "tolerance /price within 1%",
        "tolerance header:date within 5s",
        "equivalent /state",
        "equivalent status",
        "shapes /id as uuid when 4xx",
        "unordered /tags",
        "unordered /items by /sku",
        "unordered ",
      ],
    );
  });

  test("two rules that are written alike have two names", (t) => {
    const rules = rulesOf(t, "equivalent: [{ at: /s, values: [[a, b]] }, { at: /s, values: [[c, d]] }]");
    assert.deepEqual(
      namedRules(rules).map(({ name }) => name),
      ["equivalent /s", "equivalent /s #2"],
    );
  });

  test("each list of a route takes the place of the one in defaults, by itself", (t) => {
    const yaml = `${TWO_URLS}defaults: { compare: { shapes: [{ at: /id, as: ulid }], unordered: [{ at: /tags }] } }
routes:\n  - { name: a, match: { path: "/**" }, compare: { shapes: [] } }\n`;
    const { settings, origins } = settingsOf(t, yaml);
    assert.deepEqual(settings.routes[0]?.compare.shapes, []);
    assert.equal(settings.routes[0]?.compare.unordered.length, 1);
    assert.equal(origins[0]?.["compare.shapes"], "route");
    assert.equal(origins[0]?.["compare.unordered"], "defaults");
    assert.equal(origins[0]?.["compare.tolerance"], "built-in");
  });
});

/** The compare settings, and the error with `line:column`; the line of `compare:` is 7. */
const REFUSED: readonly (readonly [compare: string, error: string | RegExp])[] = [
  [
    "normalise: [{ at: /a, as: lowercse }]",
    '7:42 routes[0].compare.normalise[0].as is "lowercse"; did you mean lowercase?',
  ],
  [
    "normalise: [{ at: /a, as: [trim, date] }]",
    /^7:49 routes\[0\]\.compare\.normalise\[0\]\.as\[1\] is "date"; write one of trim, lowercase, unicode, instant,/,
  ],
  ["normalise: [{ at: /a, as: 5 }]", /^7:42 routes\[0\]\.compare\.normalise\[0\]\.as is 5; write one of trim, /],
  ["normalise: [{ at: /a }]", "7:28 routes[0].compare.normalise[0].as is missing; write as: trim"],
  ["shapes: [{ at: /a, as: guid }]", /^7:39 routes\[0\]\.compare\.shapes\[0\]\.as is "guid"; /],
  [
    "tolerance: [{ at: /a, within: a bit }]",
    '7:46 routes[0].compare.tolerance[0].within is "a bit", which is no bound; write a number such as 0.001, a share such as 1%, or a time such as 5s',
  ],
  ["tolerance: [{ at: /a, within: -1 }]", /^7:46 routes\[0\]\.compare\.tolerance\[0\]\.within is -1, below 0; write/],
  ["tolerance: [{ at: /a, within: 0 }]", /within is 0, which excuses nothing; write/],
  ["tolerance: [{ at: /a, within: 0s }]", /within is "0s", which excuses nothing; write/],
  ["tolerance: [{ at: /a, within: 101% }]", /within is "101%", more than the whole; write/],
  ["tolerance: [{ at: /a, within: [1] }]", /within is a list; write a number such as 0\.001/],
  ["tolerance: [{ at: /a }]", "7:28 routes[0].compare.tolerance[0].within is missing; write within: 0.001"],
  [
    "unordered: [{ at: /a, by: sku }]",
    '7:42 routes[0].compare.unordered[0].by is "sku", which does not begin with a slash; write a pointer within the element, such as /sku',
  ],
  ["unordered: [{ at: /a, by: /*/sku }]", /by is "\/\*\/sku"; a key stands in one place: write it without \*$/],
  [
    "unordered: [{ at: header:vary }]",
    '7:34 routes[0].compare.unordered[0].at is "header:vary", which only every rule but unordered can be about; for a list in a header write normalise with as: sorted-set',
  ],
  [
    "shapes: [{ at: status, as: integer }]",
    '7:31 routes[0].compare.shapes[0].at is "status", which only ignore and equivalent rules can be about',
  ],
  [
    "equivalent: [{ at: /a, values: [[x]] }]",
    /values\[0\] is a list of fewer than two values, which agree with nothing/,
  ],
  ["equivalent: [{ at: /a, values: [[1, 9007199254740993]] }]", /values\[0\]\[1\] is 9007199254740992, more digits/],
  [
    "equivalent: [{ at: /a, values: [[x, [y]]] }]",
    /values\[0\]\[1\] is a list; write a text, a number, true, false or null/,
  ],
  ["equivalent: [{ at: /a }]", /equivalent\[0\]\.values is missing; write values: \[\[active, ACTIVE\]\]/],
  [
    "ignore: [{ at: /a, because: clock, when: { status: 200 } }]",
    /when\.status is 200, which is no class of statuses; write 2xx/,
  ],
  [
    'ignore: [{ at: /a, because: clock, when: { type: "application/json; charset=utf-8" } }]',
    /when\.type is "application\/json; charset=utf-8", which has parameters; they do not count: write/,
  ],
  ["ignore: [{ at: /a, because: clock, when: { content: x } }]", /when\.content is not a setting; /],
  [
    "mustMatch: [total]",
    /^7:28 routes\[0\]\.compare\.mustMatch\[0\] is "total", which does not begin with a slash; write \/total/,
  ],
];

describe("what cannot be meant is refused, with its place and what to write instead", () => {
  for (const [compare, expected] of REFUSED) {
    test(compare, (t) => {
      const errors = errorsOf(t, withCompare(compare)).map((line) => line.replace("crossfade.yaml:", ""));
      assert.equal(errors.length, 1, errors.join("\n"));
      if (typeof expected === "string") assert.equal(errors[0], expected);
      else assert.match(errors[0] ?? "", expected);
    });
  }
});

describe("mustMatch", () => {
  const clash = (t: TestContext, pointer: string, rule: string): boolean =>
    errorsOf(t, withCompare(`mustMatch: [${JSON.stringify(pointer)}], ${rule}`)).some((error) =>
      error.includes("so that nothing may excuse it"),
    );
  const ignoring = (at: string): string => `ignore: [{ at: ${JSON.stringify(at)}, because: test }]`;

  test("a rule at or above such a place is refused, in words", (t) => {
    assert.deepEqual(errorsOf(t, withCompare(`mustMatch: [/order/total], ${ignoring("/order")}`)), [
      "crossfade.yaml:7:58 routes[0].compare.ignore[0].at is /order, which reaches /order/total: route a says it must match, so that nothing may excuse it; take the rule out, or the place out of mustMatch",
    ]);
  });

  test("patterns reach what they may stand for; what lies beside or below is free", (t) => {
    for (const at of ["/total", "/*", "/**", "/**/total"]) assert.ok(clash(t, "/total", ignoring(at)), at);
    for (const at of ["/totals", "/total/currency", "/**/at", "/a/*"]) assert.ok(!clash(t, "/total", ignoring(at)), at);
    assert.ok(clash(t, "/items/*/price", ignoring("/items/0/price")));
    assert.ok(clash(t, "/items/*/price", ignoring("/items/*")));
    assert.ok(!clash(t, "/**/total", ignoring("/**/updatedAt")));
  });

  test("every kind of rule excuses, but an order hides nothing below its array", (t) => {
    assert.ok(clash(t, "/total", "tolerance: [{ at: /total, within: 1 }]"));
    assert.ok(clash(t, "/total", "normalise: [{ at: /total, as: number }]"));
    assert.ok(clash(t, "/total", "shapes: [{ at: /total, as: integer }]"));
    assert.ok(clash(t, "/tags", "unordered: [{ at: /tags }]"));
    assert.ok(!clash(t, "/items/*/price", "unordered: [{ at: /items, by: /sku }]"));
  });
});

describe("what check points out", () => {
  test("a rule that an ignore rule always precedes, and the one that does", (t) => {
    assert.deepEqual(
      adviceOf(t, 'ignore: [{ at: "/meta/**", because: test }], normalise: [{ at: /meta/at, as: instant }]'),
      [
        "routes[0].compare.normalise[0].at is /meta/at, where normalise never acts: compare.ignore[0] (ignore /meta/**) excuses all that it could; take one of the two out",
      ],
    );
  });

  test("only where it is certain: place, condition and end", (t) => {
    const hidden = (compare: string): boolean => adviceOf(t, compare).some((line) => line.includes("never acts"));
    const when = "when: { status: 2xx }";
    assert.ok(hidden("ignore: [{ at: /a, because: test }, { at: /a, because: test }]"));
    assert.ok(hidden(`ignore: [{ at: /a, because: test }], shapes: [{ at: /a, as: uuid, ${when} }]`));
    assert.ok(!hidden(`ignore: [{ at: /a, because: test, ${when} }], shapes: [{ at: /a, as: uuid }]`));
    assert.ok(hidden(`ignore: [{ at: /a, because: test, ${when} }], shapes: [{ at: /a, as: uuid, ${when} }]`));
    assert.ok(!hidden("ignore: [{ at: /a, because: test, until: 2027-01-01 }], shapes: [{ at: /a, as: uuid }]"));
    assert.ok(!hidden("ignore: [{ at: /a, because: test }], shapes: [{ at: /a/b, as: uuid }]"));
    assert.ok(hidden('ignore: [{ at: "/*/b", because: test }], shapes: [{ at: /a/b, as: uuid }]'));
    assert.ok(!hidden('ignore: [{ at: /a/b, because: test }], shapes: [{ at: "/*/b", as: uuid }]'));
    assert.ok(hidden('ignore: [{ at: "/**/b", because: test }], shapes: [{ at: "/*/x/**/b", as: uuid }]'));
    assert.ok(hidden("ignore: [{ at: status, because: test }], equivalent: [{ at: status, values: [[200, 201]] }]"));
    assert.ok(!hidden("ignore: [{ at: /tags, because: test }], unordered: [{ at: /tags }]"));
    assert.ok(hidden('ignore: [{ at: "/tags/**", because: test }], unordered: [{ at: /tags }]'));
  });

  test("a rule about a header that is not compared", (t) => {
    assert.deepEqual(adviceOf(t, "ignore: [{ at: header:ETag, because: test }]"), [
      "routes[0].compare.ignore[0].at is header:etag, which route a does not compare, so that ignore never acts; write etag in compare.headers, or take the rule out",
    ]);
    assert.deepEqual(adviceOf(t, "headers: [etag], ignore: [{ at: header:ETag, because: test }]"), []);
  });

  test("an ignore rule that blinds the comparison", (t) => {
    for (const at of ["/**", "/*", "/*/**"]) {
      const { warnings } = settingsOf(t, withCompare(`ignore: [{ at: "${at}", because: test }]`));
      assert.match(spellMessages(warnings)[0] ?? "", /^crossfade\.yaml:7:31 .*\.at is \/.*, which excuses e/, at);
    }
    assert.deepEqual(settingsOf(t, withCompare('ignore: [{ at: "/**/at", because: test }]')).warnings, []);
  });

  test("what all routes have from defaults is said once", (t) => {
    const routes = ["a", "b", "c"].map((name) => `  - { name: ${name}, match: { path: "/${name}" } }\n`).join("");
    const yaml = `${TWO_URLS}defaults: { compare: { ignore: [{ at: /a, because: test }, { at: /a, because: test }] } }\nroutes:\n${routes}`;
    const said = spellMessages(settingsOf(t, yaml).advice).filter((line) => line.includes("never acts"));
    assert.equal(said.length, 1);
    assert.match(said[0] ?? "", /:4:\d+ defaults\.compare\.ignore\[1\]\.at/);
  });
});

test("a rule of any kind that is past is told apart and refuses nothing", (t) => {
  const compare = "unordered: [{ at: /tags, until: 2026-11-21 }], mustMatch: [/total]";
  assert.deepEqual(spellMessages(settingsOf(t, withCompare(compare)).expired), [
    "crossfade.yaml:7:48 routes[0].compare.unordered[0].until is past (2026-11-21): /tags is excused no longer; write a later date, or take the rule out",
  ]);
});

test("explain shows every rule, and what must match", (t) => {
  const loaded = settingsOf(
    t,
    withCompare(
      "mustMatch: [/total], ignore: [{ at: /at, because: clock }], tolerance: [{ at: /score, within: 1%, until: 2027-01-01 }]",
    ),
  );
  const steps = {
    match: compileRouter(loaded.settings.routes).match,
    classifyRequest,
    planExchange,
    keyAtHead,
    samplePoint,
    dialPoint,
    wholeRead,
  };
  const lines = formatExplanation(
    explainRequest(loaded.settings, loaded.origins, steps, { method: "PUT", path: "/users/42" }),
  );
  const from = lines.findIndex((line) => line.startsWith("Compared:"));
  assert.deepEqual(lines.slice(from + 1, from + 4), [
    "  must match, whatever the rules: /total",
    "  excused: /at (clock)",
    "  tolerance /score within 1% (until 2027-01-01)",
  ]);
});
