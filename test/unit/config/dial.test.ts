import assert from "node:assert/strict";
import { test } from "node:test";
import { explainRequest } from "../../../proxy/config/explain.ts";
import { formatExplanation } from "../../../proxy/config/explain-text.ts";
import { decisionSteps } from "../../../proxy/cli/decision-steps.ts";
import { errorsOf, settingsOf } from "../../support/config-file.ts";

const withRoute = (route: string, next = ""): string => `
services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000"${next} } }
routes:
  - name: users
    match: { path: "/users/:id?" }
    ${route.split("\n").join("\n    ")}
`;
const SOUND = "compare: { headers: [content-type, etag] }\nreads: { dial: 10%, by: 'header:X-User' }";

test("the dial and whose reads stay on one side are read", (t) => {
  const { settings, origins } = settingsOf(t, withRoute(SOUND));
  assert.deepEqual(settings.routes[0]?.reads, {
    dialShare: 0.1,
    by: { source: "header", name: "x-user" },
    fallback: false,
  });
  assert.deepEqual([origins[0]?.["reads.dial"], origins[0]?.["reads.by"]], ["route", "route"]);
});

test("a dial by which clients would carry from one service to the other what it does not know is refused, with the way out", (t) => {
  const cases: readonly (readonly [route: string, expected: RegExp, next?: string])[] = [
    [
      "reads: { dial: 10% }",
      /reads\.dial is 10%, and nobody compares ETags, .*; write compare: \{ headers: \[content-type/,
    ],
    [
      "compare: { headers: [etag], ignore: [{ at: 'header:etag', because: build }] }\nreads: { dial: 10% }",
      /a rule of compare excuses header:etag: .* have both services make the same ETags, or none, and take the rule out/,
    ],
    [
      "values: { learn: [{ at: 'answer-header:etag', kind: etag }] }\nreads: { dial: 10% }",
      /ETags differ between the services \(values\.learn\)/,
    ],
    [
      "compare: { headers: [etag], ignore: [{ at: /nextCursor, because: opaque }] }\nreads: { dial: 10% }",
      /compare\.ignore excuses \/nextCursor, a cursor: .*; have next take legacy's cursors/,
    ],
    [
      "compare: { headers: [etag] }\nvalues: { learn: [{ at: 'answer:/page_token', kind: page }] }\nreads: { dial: 10% }",
      /values\.learn takes for another value on either side \/page_token, a cursor/,
    ],
    [
      "compare: { headers: [etag] }\nmirror: { writes: false }\nreads: { dial: 10% }",
      /writes of users do not reach next \(mirror\.writes: false\)/,
    ],
    [
      SOUND,
      /is not to see clients' credentials \(asShadow\.credentials: strip\)/,
      ", asShadow: { credentials: strip }",
    ],
    [SOUND.replace("header:X-User", "body:/user"), /reads\.by is "body:\/user", which cannot be asked for here/],
    [SOUND.replace("10%", "10"), /reads\.dial is "?10"?/],
  ];
  for (const [route, expected, next] of cases) {
    const errors = errorsOf(t, withRoute(route, next));
    assert.match(errors.join("\n"), expected);
    assert.equal(errors.length, 1, errors.join("\n"));
  }
});

test("writes of the same rows by another route count as well; a shared database needs none mirrored", (t) => {
  const other = `${withRoute(SOUND)}  - { name: changes, entity: users, match: { path: "/changes/:id" }, mirror: { writes: false } }\n`;
  assert.match(errorsOf(t, other).join("\n"), /writes of changes do not reach next/);
  assert.deepEqual(settingsOf(t, withRoute(`${SOUND}\nsharedDatabase: true`)).settings.routes[0]?.reads.dialShare, 0.1);
});

test("a fallback by which legacy would bring back what was deleted, or that can do nothing, is refused, with the way out", (t) => {
  const cases: readonly (readonly [route: string, expected: RegExp, legacy?: string])[] = [
    [
      "reads: { fallback: true }\nmirror: { writes: false }",
      /reads\.fallback is true, and writes of users are not mirrored .*; mirror them, or write fallback: false/,
    ],
    ["reads: { fallback: true }\nsharedDatabase: true", /both services use one database .*; take it out/],
    ["reads: { fallback: true }", /legacy is not to see clients' credentials/, ", asShadow: { credentials: strip }"],
    ["reads: { fallback: maybe }", /reads\.fallback is "maybe"/],
  ];
  for (const [route, expected, legacy = ""] of cases) {
    const text = withRoute(route).replace('url: "http://127.0.0.1:3000"', `url: "http://127.0.0.1:3000"${legacy}`);
    const errors = errorsOf(t, text);
    assert.match(errors.join("\n"), expected);
    assert.equal(errors.length, 1, errors.join("\n"));
  }
  assert.equal(settingsOf(t, withRoute("reads: { fallback: true }")).settings.routes[0]?.reads.fallback, true);
});

test("explain says of a read whether legacy is asked for it, and whether what it has is brought over", (t) => {
  const said = (more: string, path: string): string => {
    const text = withRoute(`phase: next-primary\nreads: { fallback: true }${more}`);
    const { settings, origins } = settingsOf(t, text);
    const explained = explainRequest(settings, origins, decisionSteps(settings), { method: "GET", path });
    return formatExplanation(explained).join(" ").replace(/\s+/g, " ");
  };
  assert.match(
    said("", "/users/7"),
    /Fallback: where next answers 404 legacy is asked, unless a write of it is not confirmed there; what legacy has is brought over, and writes of its key wait/,
  );
  assert.match(
    said("", "/users"),
    /Fallback: none, as it is not a GET or HEAD of one whole entity: next alone answers/,
  );
  assert.match(
    said('\nverify: { readBack: "GET /users/:other" }', "/users/7"),
    /what legacy has is not brought over: the write's path has no :other for verify\.readBack/,
  );
});
