/** What a user's functions are given, what is made of what they give back, and what they cannot excuse. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import type { Answer, Difference, Judge, Normalise } from "../../../docs/compare-module.d.ts";
import { compareByModule } from "../../../proxy/compare/compare-by-module.ts";
import { type ComparableAnswer, DECODED_MAX_BYTES } from "../../../proxy/compare/diff-answers.ts";
import type { HookAnswer } from "../../../proxy/compare/hook-answers.ts";
import { HookCalls, HookError, type Hooks, thrownWords } from "../../../proxy/compare/hook-calls.ts";
import type { Difference as Found } from "../../../proxy/evidence/evidence.ts";
import type { Verdict } from "../../../proxy/exchange.ts";
import { compareRules, jsonAnswer } from "../../support/compare-cases.ts";

type Rules = Parameters<typeof compareRules>[0];

const FILE = "/srv/compare-hooks.mjs";
const MODULE = { file: FILE, imports: [], sha256: "00", hooks: ["normalise", "judge"] } as const;

interface Given {
  readonly normalise?: Normalise | ((...args: never[]) => unknown);
  readonly judge?: Judge | ((...args: never[]) => unknown);
}

function compareBy(
  hooks: Given,
  primary: ComparableAnswer,
  shadow: ComparableAnswer,
  rules: Rules = {},
  limitMs = 60_000,
): Verdict {
  const calls = new HookCalls({ enter: () => {}, leave: () => {} }, FILE, limitMs);
  const pair = { primary, shadow, rules: compareRules(rules), now: 0 };
  return compareByModule(pair, { module: MODULE, route: "a", method: "PUT" }, hooks as Hooks, calls);
}

function answer(contentType: string | null, body: Buffer, more: readonly string[] = []): ComparableAnswer {
  const headers = [...(contentType === null ? [] : ["Content-Type", contentType]), ...more];
  return { status: 200, headers, body: { kind: "bytes", bytes: body } };
}

/** The bodies that normalise is given, primary first. */
function bodiesGiven(primary: ComparableAnswer, shadow: ComparableAnswer): unknown[] {
  const bodies: unknown[] = [];
  compareBy({ normalise: (given: Answer) => void bodies.push(given.body) }, primary, shadow);
  return bodies;
}

/** Compiles only while docs/compare-module.d.ts says what there is. */
const asDocumented = {
  answer: (given: HookAnswer): Answer => given,
  difference: (found: Found): Difference => found,
};

function failureOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof HookError, String(error));
    return `${error.failure.step} ${error.failure.why}`;
  }
  return assert.fail("nothing was thrown");
}

describe("normalise is given", () => {
  test("text, decoded and in any charset, as a text; everything else as bytes", () => {
    const text = '{"n":9007199254740993,"name":"Zoë"}';
    const utf16 = answer("application/json; charset=utf-16le", Buffer.from(text, "utf16le"));
    const zipped = answer("application/json", gzipSync(text), ["content-encoding", "gzip"]);
    assert.deepEqual(bodiesGiven(utf16, zipped), [text, text]);
    assert.deepEqual(bodiesGiven(answer("text/plain", Buffer.from("a")), answer("text/html", Buffer.alloc(0))), [
      "a",
      null,
    ]);
    const png = answer("image/png", Buffer.from([1, 2]));
    assert.deepEqual(bodiesGiven(png, answer(null, Buffer.from("{}"))), [
      new Uint8Array([1, 2]),
      new Uint8Array(Buffer.from("{}")),
    ]);
  });

  test("bytes where a text is none in its charset, or does not decode", () => {
    const broken = answer("application/json", Buffer.from([0xff, 0xfe, 0xfd]));
    const undecodable = answer("application/json", Buffer.from("plain"), ["content-encoding", "gzip"]);
    assert.deepEqual(bodiesGiven(broken, undecodable), [
      new Uint8Array([0xff, 0xfe, 0xfd]),
      new Uint8Array(Buffer.from("plain")),
    ]);
  });

  test("headers as pairs in their order, and the side", () => {
    const given: unknown[] = [];
    const one: HookAnswer = { status: 200, headers: [["etag", "x"]], body: null };
    assert.deepEqual(asDocumented.answer(one), one);
    const primary = answer("text/plain", Buffer.from("a"), ["Set-Cookie", "a", "set-cookie", "b"]);
    compareBy(
      { normalise: ({ headers, status }: Answer, side: string) => void given.push(side, status, headers) },
      primary,
      answer("text/plain", Buffer.from("b")),
    );
    assert.deepEqual(given.slice(0, 3), [
      "primary",
      200,
      [
        ["Content-Type", "text/plain"],
        ["Set-Cookie", "a"],
        ["set-cookie", "b"],
      ],
    ]);
    assert.equal(given[3], "shadow");
  });

  test("neither a body of which only the digest is known, nor one that is too large", () => {
    const digest: ComparableAnswer = { ...jsonAnswer("1"), body: { kind: "digest", sha256: "ab", length: 9 } };
    assert.deepEqual(bodiesGiven(digest, jsonAnswer("2")), []);
    const large = jsonAnswer(Buffer.alloc(DECODED_MAX_BYTES + 1, "1"));
    assert.deepEqual(bodiesGiven(large, jsonAnswer("2")), []);
    const bomb = answer("application/json", gzipSync(Buffer.alloc(DECODED_MAX_BYTES + 1)), [
      "content-encoding",
      "gzip",
    ]);
    assert.deepEqual(bodiesGiven(bomb, jsonAnswer("2")), []);
  });

  test("bytes of its own: what it does to them without giving them back changes nothing", () => {
    const primary = answer("image/png", Buffer.from([1, 2]));
    const spoil = (given: Answer): undefined => {
      (given.body as Uint8Array).fill(0);
      given.headers.length = 0;
      return undefined;
    };
    const { outcome } = compareBy({ normalise: spoil }, primary, answer("image/png", Buffer.from([3, 4])));
    assert.equal(outcome, "divergent");
    assert.deepEqual([...(primary.body.kind === "bytes" ? primary.body.bytes : [])], [1, 2]);
  });
});

describe("what normalise gives back is compared", () => {
  test("with the charset and coding that it has then", () => {
    const text = '{"name":"Zoë","n":1}';
    const utf16 = answer("application/json; charset=utf-16le", Buffer.from(text, "utf16le"));
    const zipped = answer("application/json", gzipSync(text.replace("1", "2")), ["Content-Encoding", "gzip"]);
    const zero = (given: Answer): Answer => ({ ...given, body: String(given.body).replace(/"n":./, '"n":0') });
    assert.deepEqual(compareBy({ normalise: zero }, utf16, zipped), {
      outcome: "ignored",
      differences: [],
      moreDifferences: 0,
      excused: 1,
      excusedBy: [{ rule: "module normalise", times: 1 }],
    });
  });

  test("with its status and headers, and what is left is told as ever", () => {
    const primary = { ...jsonAnswer('{"a":1,"b":1}'), headers: ["content-type", "application/json", "etag", "x"] };
    const shadow = { ...jsonAnswer('{"a":2,"b":2}', 201), headers: ["content-type", "application/json"] };
    const { differences, excusedBy } = compareBy(
      {
        normalise: ({ body }: Answer) => ({
          status: 200,
          headers: [["Content-Type", "application/json"]],
          body: String(body).replace(/"a":./, '"a":0'),
        }),
      },
      primary,
      shadow,
      { headers: ["etag"] },
    );
    assert.deepEqual(
      differences.map(({ at }) => at),
      ["/b"],
    );
    assert.deepEqual(excusedBy, [{ rule: "module normalise", times: 3 }]);
  });

  test("and nothing is said of it where it changes nothing that matters", () => {
    const same = (given: Answer): Answer => given;
    assert.equal(compareBy({ normalise: same }, jsonAnswer('{"a":1}'), jsonAnswer('{"a": 1}')).outcome, "match");
    assert.deepEqual(compareBy({ normalise: same }, jsonAnswer("1"), jsonAnswer("2")).excusedBy, []);
  });

  for (const [name, returned, expected] of [
    ["null", null, "null where an answer is expected"],
    ["a text", "{}", "a text where an answer is expected"],
    ["no status", {}, "an answer whose status is nothing; a whole number from 100 to 999 is one"],
    ["headers of its own kind", { status: 200, headers: { a: 1 }, body: "" }, "an answer whose headers are an object"],
    ["half a header", { status: 200, headers: [["a"]], body: "" }, "an answer with a header that is no [name, value]"],
    ["an object as body", { status: 200, headers: [], body: { a: 1 } }, "an answer whose body is an object"],
    ["half a surrogate pair", { status: 200, headers: [], body: "\ud800" }, "an answer whose body has half of"],
    [
      "a huge body",
      { status: 200, headers: [], body: "x".repeat(DECODED_MAX_BYTES + 1) },
      "an answer whose body has more",
    ],
  ] as const) {
    test(`but not ${name}`, () => {
      const failure = failureOf(() => compareBy({ normalise: () => returned }, jsonAnswer("1"), jsonAnswer("2")));
      assert.ok(failure.startsWith(`normalise returned ${expected}`), failure);
    });
  }

  test("nor what throws when it is looked at", () => {
    const trap = {
      get status(): number {
        throw new RangeError("secret");
      },
    };
    const failure = failureOf(() => compareBy({ normalise: () => trap }, jsonAnswer("1"), jsonAnswer("2")));
    assert.equal(failure, "normalise threw a RangeError");
  });
});

describe("judge", () => {
  const excuse: Judge = () => "excuse";

  test("is asked about what no rule excuses, status and headers included", () => {
    const asked: string[] = [];
    const judge = ({ at, kind }: Difference): undefined => void asked.push(`${kind} ${at}`);
    const primary = {
      ...jsonAnswer('{"a":1,"b":1,"c":[1,2]}'),
      headers: ["etag", "x", "content-type", "application/json"],
    };
    compareBy({ judge }, primary, jsonAnswer('{"a":2,"b":2,"c":[1,2,3]}', 201), {
      headers: ["etag"],
      ignore: [{ at: "/b" }],
    });
    assert.deepEqual(asked, ["status ", "header header:etag", "value /a", "extra /c/2"]);
  });

  test("that excuses a status of another class lets bodies be compared", () => {
    const judge = ({ kind }: Difference): "excuse" | "keep" => (kind === "status" ? "excuse" : "keep");
    const { differences, excusedBy } = compareBy({ judge }, jsonAnswer("1", 200), jsonAnswer("2", 404));
    assert.deepEqual(
      differences.map(({ kind }) => kind),
      ["value"],
    );
    assert.deepEqual(excusedBy, [{ rule: "module judge", times: 1 }]);
  });

  for (const [name, mustMatch, primary, shadow, kept] of [
    ["at it", "/total", '{"total":1,"a":1}', '{"total":2,"a":2}', ["/total"]],
    ["above it", "/order/total", '{"order":{"total":1},"a":1}', '{"a":2}', ["/order"]],
    ["at any depth", "/**/total", '{"x":[{"total":1,"a":1}]}', '{"x":[{"total":2,"a":2}]}', ["/x/0/total"]],
    ["above any depth", "/**/total", '{"x":[{"total":1}],"a":1}', '{"x":7,"a":2}', ["/x"]],
    ["the whole body", "/total", '{"total":1}', "", [""]],
    ["beside it, but of another name", "/total", '{"totals":1}', '{"totals":2}', []],
    ["an order above it", "/*/total", '[{"total":1},{"total":2}]', '[{"total":2},{"total":1}]', []],
  ] as const) {
    test(`cannot excuse what must match: ${name}`, () => {
      const { differences } = compareBy({ judge: excuse }, jsonAnswer(primary), jsonAnswer(shadow), {
        mustMatch: [mustMatch],
      });
      assert.deepEqual(
        differences.map(({ at }) => at),
        kept,
      );
    });
  }

  test("is asked about so many differences and no more; those beyond stay", () => {
    const numbers = (from: number): string =>
      JSON.stringify(Object.fromEntries(Array.from({ length: 30_000 }, (_, i) => [`m${i}`, from + i])));
    let asked = 0;
    const judge = (): "excuse" => {
      asked += 1;
      return "excuse";
    };
    const { outcome, excused, differences, moreDifferences } = compareBy(
      { judge },
      jsonAnswer(numbers(0)),
      jsonAnswer(numbers(1)),
    );
    assert.equal(asked, 10_000);
    assert.deepEqual([outcome, excused, differences.length + moreDifferences], ["divergent", 10_000, 20_000]);
  });

  test("answers for values as they are printed, to the last digit", () => {
    const seen: unknown[] = [];
    const found: Found = { at: "/n", kind: "precision", primary: "1", shadow: "2" };
    assert.deepEqual(asDocumented.difference(found), found);
    compareBy(
      { judge: ({ primary, shadow, route, method }: Difference) => void seen.push(primary, shadow, route, method) },
      jsonAnswer('{"n":9007199254740993}'),
      jsonAnswer('{"n":9007199254740992}'),
    );
    assert.deepEqual(seen, ["9007199254740993", "9007199254740992", "a", "PUT"]);
  });

  test("fails where it says anything else", () => {
    for (const [said, expected] of [
      ["ignore", "a text"],
      [true, "a boolean"],
      [null, "null"],
      [Promise.resolve("excuse"), "a promise (its functions are not async)"],
    ] as const) {
      const failure = failureOf(() => compareBy({ judge: () => said }, jsonAnswer("1"), jsonAnswer("2")));
      assert.equal(failure, `judge returned ${expected} where "excuse", "keep" or nothing is expected`);
    }
  });
});

describe("neither function", () => {
  test("hides what must match: it is told beside what is left", () => {
    const { differences, excused } = compareBy(
      { normalise: (given: Answer) => ({ ...given, body: "{}" }), judge: () => "excuse" },
      jsonAnswer('{"total":1,"a":1}'),
      jsonAnswer('{"total":2,"a":2}'),
      { mustMatch: ["/total"] },
    );
    assert.deepEqual(differences, [{ at: "/total", kind: "value", primary: "1", shadow: "2" }]);
    assert.equal(excused, 1);
  });

  test("is called where the answers are the same", () => {
    const called = (): never => assert.fail("called");
    for (const body of ['{"a":1}', ""]) {
      assert.equal(
        compareBy({ normalise: called, judge: called }, jsonAnswer(body), jsonAnswer(body)).outcome,
        "match",
      );
    }
  });

  test("takes longer, all its calls together, than it may", () => {
    const slow = (): "keep" => {
      const end = performance.now() + 5;
      while (performance.now() < end);
      return "keep";
    };
    const members = (from: number): string => JSON.stringify(Array.from({ length: 50 }, (_, i) => ({ i: from + i })));
    assert.equal(
      failureOf(() => compareBy({ judge: slow }, jsonAnswer(members(0)), jsonAnswer(members(100)), {}, 20)),
      "judge took longer than 20 ms",
    );
  });

  test("makes hostile bodies slow: a million differences, or differences a hundred thousand deep", () => {
    const judge = (): "keep" => "keep";
    const rules = { mustMatch: ["/**/total"] };
    const flat = (digit: string): string => `[${Array.from({ length: 1_000_000 }, () => digit).join()}]`;
    compareBy({ judge }, jsonAnswer(flat("1")), jsonAnswer(flat("2")), rules);
    // One difference at each depth: to look each up from the root would take billions of steps.
    const deep = (digit: string): string => `${`{"a":${digit},"b":`.repeat(100_000)}1${"}".repeat(100_000)}`;
    const begunAt = performance.now();
    const { outcome } = compareBy({ judge }, jsonAnswer(deep("1")), jsonAnswer(deep("2")), rules);
    assert.equal(outcome, "divergent");
    assert.ok(performance.now() - begunAt < 20_000);
  });
});

test("of an error only its kind and its place in the module are said", () => {
  const error = new SyntaxError(`Unexpected token 'x', "secret" at ${FILE}:1:1`);
  error.stack = `${error.name}: ${error.message}\n    at JSON.parse (<anonymous>)\n    at normalise (file://${FILE}?crossfade=00ff:12:7)\n    at x (file://${FILE}?crossfade=00ff:3:3)`;
  assert.equal(thrownWords(error, FILE), "threw a SyntaxError at compare-hooks.mjs:12:7");
  error.name = "secret";
  error.stack = "secret";
  assert.equal(thrownWords(error, FILE), "threw an Error of its own");
  assert.equal(thrownWords("secret", FILE), "threw what is no Error");
  const trap = Object.defineProperty(new Error("secret"), "stack", {
    get() {
      throw new Error("secret");
    },
  });
  assert.equal(thrownWords(trap, FILE), "threw an Error");
});
