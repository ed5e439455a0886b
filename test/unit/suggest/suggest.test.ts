/** What is suggested, and what is not: each row's answers are compared, and compared again under what was suggested. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { describe, test, type TestContext } from "node:test";
import { parse } from "yaml";
import type { DivergenceRecord } from "../../../proxy/evidence/evidence.ts";
import type { Verdict } from "../../../proxy/exchange.ts";
import { suggestRules, type Advice } from "../../../proxy/suggest/suggest.ts";
import { spellCompare, spellRule } from "../../../proxy/suggest/yaml.ts";
import { compareBoth, readCompare } from "../../support/compare-texts.ts";
import { makeRecord, NOON } from "../../support/evidence.ts";

interface Told {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

interface Traffic {
  /** The answer to the n-th exchange. */
  readonly primary: (n: number) => Told;
  readonly shadow: (n: number) => Told;
  readonly method?: (n: number) => string;
  readonly path?: (n: number) => string;
  readonly query?: string;
  readonly count?: number;
  readonly mustMatch?: readonly string[];
}

const COUNT = 30;
const HEADERS = ["content-type", "etag", "location", "vary", "x-request-id"];

function hex(seed: string): string {
  return hash("sha256", seed, "hex");
}

function uuid(seed: string): string {
  const h = hex(seed);
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-4${h.slice(13, 16)}-a${h.slice(17, 20)}-${h.slice(20, 32)}`;
}

function instant(n: number, shiftMs = 0): string {
  return new Date(NOON + n * 1000 + shiftMs).toISOString();
}

function compareUnder(t: TestContext, traffic: Traffic, rules: string): readonly Verdict[] {
  const settings = readCompare(t, `"headers": ${JSON.stringify(HEADERS)}${rules === "" ? "" : `, ${rules}`}`);
  const answer = ({ status = 200, headers = {}, body = {} }: Told) => ({
    status,
    headers: Object.entries({ "content-type": "application/json", ...headers }).flat(),
    body: { kind: "bytes" as const, bytes: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)) },
  });
  return Array.from({ length: traffic.count ?? COUNT }, (_, n) =>
    compareBoth(answer(traffic.primary(n)), answer(traffic.shadow(n)), settings),
  );
}

function adviceOn(t: TestContext, traffic: Traffic): Advice {
  const verdicts = compareUnder(t, traffic, "");
  const records: DivergenceRecord[] = [];
  for (const [n, { outcome, differences, moreDifferences }] of verdicts.entries()) {
    if (outcome !== "divergent") continue;
    const leg = (told: Told, service: string) => ({ service, status: told.status ?? 200, ms: 1, bytes: 1 });
    records.push(
      makeRecord({
        time: instant(n),
        method: traffic.method?.(n) ?? "PUT",
        path: traffic.path?.(n) ?? `/things/${n}`,
        query: traffic.query ?? null,
        differences,
        moreDifferences,
        primary: leg(traffic.primary(n), "legacy"),
        shadow: { ...leg(traffic.shadow(n), "next"), attempts: 1 },
      }),
    );
  }
  return suggestRules({
    route: "things",
    compared: verdicts.length,
    divergent: records.length,
    mustMatch: traffic.mustMatch ?? [],
    rules: [],
    records,
    samples: [],
    places: [],
  });
}

/** As a config file's reader understands what is printed. */
function pastedOf({ suggestions }: Advice): string {
  if (suggestions.length === 0) return "";
  const { compare } = parse(spellCompare(suggestions).join("\n")) as { compare: object };
  return JSON.stringify(compare).slice(1, -1);
}

function rulesOf({ suggestions }: Advice): readonly string[] {
  return suggestions.map(({ rule }) => `${rule.kind} ${spellRule(rule, null)}`).sort();
}

type Both<T = unknown> = readonly [primary: T, shadow: T];

/** The same on both sides, but for one member. */
function member(name: string, both: (n: number) => Both): Traffic {
  const [primary, shadow] = [0, 1].map((side) => (n: number) => ({ body: { n, [name]: both(n)[side] } }));
  return { primary, shadow } as Traffic;
}

function header(name: string, both: (n: number) => Both<string>): Traffic {
  const [primary, shadow] = [0, 1].map((side) => (n: number) => ({ headers: { [name]: both(n)[side] } }));
  return { primary, shadow } as Traffic;
}

const WORDS = ["active", "closed", "on hold"];

const SUGGESTED: readonly (readonly [what: string, traffic: Traffic, rule: string])[] = [
  ["a UUID of each service", member("id", (n) => [uuid(`a${n}`), uuid(`b${n}`)]), "shapes { at: /id, as: uuid }"],
  [
    "a ULID of each service",
    member("ref", (n) => [`01JD9X3P4M5N6Q7R8S9TA${10_000 + n}`, `01JD9X3P4M5N6Q7R8S9TB${20_000 + n}`]),
    "shapes { at: /ref, as: ulid }",
  ],
  ["a digest of each service", member("rev", (n) => [hex(`a${n}`), hex(`b${n}`)]), "shapes { at: /rev, as: hash }"],
  ["serial numbers", member("orderId", (n) => [100 + n, 7000 + 3 * n]), "shapes { at: /orderId, as: integer }"],
  ["entity tags", header("etag", (n) => [`"a${n}"`, `"b${n}"`]), "shapes { at: header:etag, as: etag }"],
  ["clocks", member("createdAt", (n) => [instant(n), instant(n, 900)]), "tolerance { at: /createdAt, within: 2s }"],
  [
    "clocks in other spellings",
    member("t", (n) => [instant(n), (NOON + n * 1000 + 400) / 1000]),
    "tolerance { at: /t, within: 1s }",
  ],
  [
    "stamps as late as the copy",
    member("stamp", (n) => [instant(n), instant(n, 50_000 + n * 7_000)]),
    "shapes { at: /stamp, as: instant }",
  ],
  [
    "the same instant",
    member("born", (n) => [`1990-01-01T00:00:${10 + n}Z`, `1990-01-01T01:00:${10 + n}+01:00`]),
    "normalise { at: /born, as: instant }",
  ],
  ["digits in a text", member("width", (n) => [`${n}.50`, n + 0.5]), "normalise { at: /width, as: number }"],
  ["white space", member("name", (n) => [`Ann ${n} `, `Ann ${n}`]), "normalise { at: /name, as: trim }"],
  ["case", member("mail", (n) => [`Ann${n}@x.org`, `ann${n}@x.org`]), "normalise { at: /mail, as: lowercase }"],
  [
    "composed characters",
    member("name", (n) => [`Zoe\u0301 ${n}`, `Zoé ${n}`]),
    "normalise { at: /name, as: unicode }",
  ],
  [
    "HTML's characters",
    member("title", (n) => [`Tom &amp; ${n}`, `Tom & ${n}`]),
    "normalise { at: /title, as: html-entities }",
  ],
  ["null and nothing", member("nick", () => [null, undefined]), "normalise { at: /nick, as: null-as-absent }"],
  [
    "another order",
    member("tags", (n) => [
      ["a", "b", `${n}`],
      [`${n}`, "a", "b"],
    ]),
    "unordered { at: /tags }",
  ],
  [
    "another order of things",
    member("items", (n) => [
      [
        { id: 1, v: n },
        { id: 2, v: n },
      ],
      [
        { id: 2, v: n },
        { id: 1, v: n },
      ],
    ]),
    "unordered { at: /items, by: /id }",
  ],
  [
    "another order of a whole body",
    { primary: (n) => ({ body: [n, "a", "b"] }), shadow: (n) => ({ body: ["b", n, "a"] }) },
    'unordered { at: "" }',
  ],
  [
    "words for words",
    member("state", (n) => [WORDS[n % 3], WORDS[n % 3]?.toUpperCase()]),
    "equivalent { at: /state, values: [[active, ACTIVE], [closed, CLOSED], [on hold, ON HOLD]] }",
  ],
  [
    "numbers for words",
    member("state", (n) => [WORDS[n % 2], 1 + (n % 2)]),
    "equivalent { at: /state, values: [[active, 1], [closed, 2]] }",
  ],
  [
    "200 for 201",
    { primary: () => ({ status: 201 }), shadow: () => ({}) },
    "equivalent { at: status, values: [[200, 201]] }",
  ],
  [
    "a list",
    header("vary", () => ["Accept, Origin", "origin,accept"]),
    "normalise { at: header:vary, as: [lowercase, sorted-set] }",
  ],
  [
    "random texts",
    member("nonce", (n) => [`n-${hex(`a${n}`).slice(0, 21)}`, `n-${hex(`b${n}`).slice(0, 21)}`]),
    "ignore { at: /nonce }",
  ],
  [
    "ids within elements",
    member("rows", (n) => [
      [1, 2].map((i) => ({ id: uuid(`a${n}${i}`) })),
      [1, 2].map((i) => ({ id: uuid(`b${n}${i}`) })),
    ]),
    "shapes { at: /rows/*/id, as: uuid }",
  ],
  [
    "a name that YAML and the environment would read otherwise",
    member("a: [b]/${HOME}~\u2028", (n) => [uuid(`a${n}`), uuid(`b${n}`)]),
    'shapes { at: "/a: [b]~1$${HOME}~0\\u2028", as: uuid }',
  ],
];

describe("suggested, and accepted by the reader, and nothing is left", () => {
  for (const [what, traffic, rule] of SUGGESTED) {
    test(what, (t) => {
      const advice = adviceOn(t, traffic);
      assert.deepEqual(rulesOf(advice), [rule]);
      assert.deepEqual(advice.doubts, []);
      const [first] = advice.suggestions;
      assert.deepEqual([first?.hides.exchanges, first?.hides.share, first?.leaves], [COUNT, 1, 0]);
      assert.equal(advice.wouldAgree, COUNT);
      const after = compareUnder(t, traffic, pastedOf(advice));
      assert.deepEqual(new Set(after.map(({ outcome }) => outcome)), new Set(["ignored"]));
    });
  }
});

/** Another value in one of ten; something else differs always, so that it is known how often this does not. */
function few(name: string, both: (n: number) => Both): Traffic {
  return {
    primary: (n) => ({ body: { id: uuid(`a${n}`), [name]: both(n)[0] } }),
    shadow: (n) => ({ body: { id: uuid(`b${n}`), [name]: both(n)[n % 10 === 3 ? 1 : 0] } }),
    count: 100,
  };
}

const DOUBTED: readonly (readonly [what: string, traffic: Traffic, doubt: RegExp])[] = [
  [
    "another owner in a few",
    few("owner", (n) => [uuid(`o${n}`), uuid(`x${n}`)]),
    /equal in most exchanges, and differs in few/,
  ],
  [
    "another day in a few",
    few("due", (n) => [instant(n), instant(n, 2000)]),
    /equal in most exchanges, and differs in few/,
  ],
  ["lost case in a few", few("name", (n) => [`Ann ${n}`, `ann ${n}`]), /equal in most exchanges, and differs in few/],
  ["another total", member("total", (n) => [n, n + 1]), /somebody pays/],
  ["another spelling of a price", member("unitPrice", (n) => [`${n}.50`, n + 0.5]), /somebody pays/],
  ["ids where there are amounts", member("balance_id", (n) => [100 + n, 200 + 2 * n]), /somebody pays/],
  ["numbers that differ", member("size", (n) => [n, n + 1000]), /numbers that differ in amount/],
  ["null for a value", member("owner", (n) => [`Ann ${n}`, null]), /null on one side/],
  ["a member too few", member("owner", (n) => [`Ann ${n}`, undefined]), /one service has it/],
  [
    "lost digits",
    { primary: () => ({ body: "[9007199254740993]" }), shadow: () => ({ body: "[9007199254740992]" }) },
    /digits are lost/,
  ],
  ["a time zone", member("at", (n) => [instant(n), instant(n, 3_600_000)]), /instants that are far apart/],
  ["a swap", member("state", (n) => [WORDS[n % 2], WORDS[1 - (n % 2)]]), /no reason that could be seen/],
  ["one wrong word", member("state", () => ["paid", "open"]), /no reason that could be seen/],
  ["true for false", member("ok", (n) => [n % 2 === 0, n % 2 === 1]), /no reason that could be seen/],
  [
    "references that come again",
    member("userId", (n) => [uuid(`a${n % 3}`), uuid(`b${n % 3}`)]),
    /no reason that could be seen/,
  ],
  ["another status", { primary: () => ({}), shadow: () => ({ status: 404 }) }, /different statuses/],
  ["accepted for done", { primary: () => ({}), shadow: () => ({ status: 202 }) }, /different statuses/],
  [
    "two of them",
    {
      ...member("id", (n) => [uuid(`a${n}`), uuid(`b${n}`)]),
      count: 2,
    },
    /seen only 2 times/,
  ],
  [
    "an order that was asked for",
    {
      ...member("tags", (n) => [
        ["a", "b", n],
        [n, "a", "b"],
      ]),
      query: "_sort=name",
    },
    /the request asks for an order/,
  ],
  [
    "what must match",
    {
      ...member("meta", (n) => [{ id: uuid(`a${n}`) }, { id: uuid(`b${n}`) }]),
      mustMatch: ["/meta/**"],
    },
    /the route says it must match/,
  ],
  ["a secret that is not new", member("token", () => ["[redacted 0123abcd]", "[redacted 4567abcd]"]), /redacted/],
];

describe("not suggested, but shown with a sample and the reason", () => {
  for (const [what, traffic, doubt] of DOUBTED) {
    test(what, (t) => {
      const advice = adviceOn(t, traffic);
      assert.ok(
        rulesOf(advice).every((rule) => rule === "shapes { at: /id, as: uuid }"),
        rulesOf(advice).join(),
      );
      assert.match(advice.doubts.map(({ why }) => why).join("; "), doubt);
      assert.notEqual(advice.doubts[0]?.sample, null);
      // Nothing real is hidden by what is suggested for the rest.
      const real = (verdicts: readonly Verdict[]): number =>
        verdicts.filter(({ outcome }) => outcome === "divergent").length;
      const left = real(compareUnder(t, traffic, pastedOf(advice)));
      assert.equal(left, advice.lookedAt - advice.wouldAgree);
      assert.ok(left > 0);
    });
  }
});

/** One in ten is a creation; every other exchange agrees. */
function creations(name: string, both: (n: number) => Both): Traffic {
  const answer = (side: 0 | 1) => (n: number) => ({ body: { n, [name]: n % 10 === 0 ? both(n)[side] : "same" } });
  return {
    primary: answer(0),
    shadow: answer(1),
    method: (n) => (n % 10 === 0 ? "POST" : "PUT"),
    path: (n) => (n % 10 === 0 ? "/things" : `/things/${n}`),
    count: 200,
  };
}

test("of exchanges that agreed it is not known what they were: only values that show it themselves are excused", (t) => {
  const own = adviceOn(
    t,
    creations("id", (n) => [uuid(`a${n}`), uuid(`b${n}`)]),
  );
  assert.deepEqual(rulesOf(own), ["shapes { at: /id, as: uuid }"]);
  const clock = adviceOn(
    t,
    creations("createdAt", (n) => [instant(n), instant(n, 300)]),
  );
  assert.deepEqual(rulesOf(clock), ["tolerance { at: /createdAt, within: 1s }"]);
  const other = adviceOn(
    t,
    creations("owner", (n) => [uuid(`a${n}`), uuid(`b${n}`)]),
  );
  assert.deepEqual(rulesOf(other), []);
  assert.match(other.doubts[0]?.why ?? "", /may be equal in most of the exchanges that agreed/);
  assert.deepEqual(other.doubts[0]?.rule, { kind: "shapes", at: "/owner", as: "uuid" });
});

test("an id that is spelled in two ways when read and made twice at creation is excused when read alone", (t) => {
  const traffic: Traffic = {
    ...member("id", (n) => (n % 3 === 0 ? [n, `k${n}x`] : [n, `${n}`])),
    method: (n) => (n % 3 === 0 ? "POST" : "GET"),
    path: (n) => (n % 3 === 0 ? "/things" : `/things/${n}`),
  };
  const advice = adviceOn(t, traffic);
  assert.deepEqual(rulesOf(advice), ["normalise { at: /id, as: number }"]);
  assert.equal(advice.wouldAgree, 20);
  const after = compareUnder(t, traffic, pastedOf(advice));
  assert.equal(after.filter(({ outcome }) => outcome === "divergent").length, 10);
});

test("ids of two schemes are somebody's decision: no rule is proposed, not even in doubt", (t) => {
  const told = adviceOn(t, {
    method: () => "POST",
    path: () => "/things",
    primary: (n) => ({ status: 201, body: { id: 101 + n } }),
    shadow: (n) => ({ status: 201, body: { id: `k${hex(`${n}`).slice(0, 10)}` } }),
  });
  assert.deepEqual(told.suggestions, []);
  assert.deepEqual(
    told.doubts.map(({ at, why, rule }) => [at, why, rule]),
    [["/id", "values of two types", null]],
  );
});

test("elements that changed places and differ besides are compared by their key before anything is said of them", (t) => {
  const rows = (n: number, price: number) =>
    ["x", "y", "z"].map((sku, i) => ({ sku, name: `${sku}${n}`, price: i + price }));
  const traffic = member("rows", (n) => [rows(n, 0), rows(n, 0.5).toReversed()]);
  const advice = adviceOn(t, traffic);
  assert.deepEqual(rulesOf(advice), ["unordered { at: /rows, by: /sku }"]);
  const after = compareUnder(t, traffic, pastedOf(advice));
  assert.deepEqual(
    new Set(after.flatMap(({ differences }) => differences.map(({ at }) => at))),
    new Set(["/rows/0/price", "/rows/1/price", "/rows/2/price"]),
  );
});

test("what a rule does not reach stays, and is shown", (t) => {
  const traffic = member("createdAt", (n) => [instant(n), instant(n, n === 7 ? 3_600_000 : 200)]);
  const advice = adviceOn(t, traffic);
  assert.deepEqual(rulesOf(advice), ["tolerance { at: /createdAt, within: 1s }"]);
  assert.deepEqual([advice.suggestions[0]?.leaves, advice.wouldAgree], [1, COUNT - 1]);
  assert.equal(advice.doubts[0]?.exchanges, 1);
  const after = compareUnder(t, traffic, pastedOf(advice));
  assert.equal(after.filter(({ outcome }) => outcome === "divergent").length, 1);
});

test("what follows from a failed write, and rules that are there already, suggest nothing", () => {
  const records = Array.from({ length: 20 }, (_, n) =>
    makeRecord({
      taintedBy: n < 10 ? "01JAXK8Q1V9ZC3T6M2F4S7D5EW" : null,
      differences: [
        { at: n < 10 ? "/a" : "/b", kind: "value", primary: `"${uuid(`a${n}`)}"`, shadow: `"${uuid(`b${n}`)}"` },
      ],
    }),
  );
  const evidence = { route: "users", compared: 20, divergent: 20, mustMatch: [], records, samples: [], places: [] };
  assert.deepEqual(rulesOf(suggestRules({ ...evidence, rules: [] })), ["shapes { at: /b, as: uuid }"]);
  const again = suggestRules({ ...evidence, rules: ["shapes /b as uuid"] });
  assert.deepEqual(rulesOf(again), []);
  assert.match(again.doubts[0]?.why ?? "", /has such a rule/);
});

test("200,000 differences at as many places take neither much time nor much memory", () => {
  const records = Array.from({ length: 2_000 }, (_, n) =>
    makeRecord({
      path: `/${"a/".repeat(500)}${n}`,
      differences: Array.from({ length: 100 }, (_each, i) => ({
        at: i % 2 === 0 ? `/m${n}x/p${i}q` : `/rows/${i}/id`,
        kind: "value" as const,
        primary: JSON.stringify(`${"1a".repeat(200)}${n} ${i}`),
        shadow: JSON.stringify(`${"9".repeat(500)}${n}${i}`),
      })),
    }),
  );
  const from = process.cpuUsage();
  const advice = suggestRules({
    route: "r",
    compared: 2_000,
    divergent: 2_000,
    mustMatch: [],
    rules: [],
    records,
    samples: [],
    places: [],
  });
  const { user } = process.cpuUsage(from);
  assert.ok(advice.left > 90_000);
  assert.ok(user < 20_000_000, `${user / 1e6} s of CPU`);
});
