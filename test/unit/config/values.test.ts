import assert from "node:assert/strict";
import { test } from "node:test";
import { explainRequest } from "../../../proxy/config/explain.ts";
import { formatExplanation } from "../../../proxy/config/explain-text.ts";
import { keyAtHead, samplePoint } from "../../../proxy/route/entity-key.ts";
import { dialPoint, wholeRead } from "../../../proxy/route/pin-names.ts";
import { classifyRequest, planExchange } from "../../../proxy/route/plan.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import { errorsOf, settingsOf, spellMessages } from "../../support/config-file.ts";

const withValues = (values: string): string => `
services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000" } }
routes:
  - name: users
    match: { path: "/users/:id?" }
    values: ${values}
`;

test("what is written becomes places: a location's last part, parts that are named, what is kept for a time", (t) => {
  const { settings, origins } = settingsOf(
    t,
    withValues(
      `{ learn: [{ at: "answer-header:location", kind: user }, { at: "cookie:sid", kind: session, keep: 12h }, { at: "answer:/self", kind: user, segment: 2 }, { at: "answer-header:location", kind: state, query: s }] }`,
    ),
  );
  const { learn, apply, unmapped } = settings.routes[0]?.values ?? {};
  assert.deepEqual(
    learn?.map(({ at, kind, part, keepMs }) => [at.source, kind, part, keepMs]),
    [
      ["answer-header", "user", { kind: "segment", number: -1 }, null],
      ["cookie", "session", { kind: "whole" }, 12 * 60 * 60 * 1000],
      ["answer", "user", { kind: "segment", number: 2 }, null],
      ["answer-header", "state", { kind: "query", name: "s" }, null],
    ],
  );
  assert.deepEqual([apply, unmapped], [[], "pass"]);
  assert.deepEqual([origins[0]?.["values.learn"], origins[0]?.["values.apply"]], ["route", "built-in"]);
});

test("what cannot be meant is refused, with its place and what to write instead", (t) => {
  const cases: readonly (readonly [values: string, expected: RegExp])[] = [
    [`{ learn: [{ at: "path:id", kind: user }] }`, /values\.learn\[0\]\.at is path:id, which cannot be asked for here/],
    [`{ learn: [{ at: "answer:/id" }] }`, /values\.learn\[0\]\.kind is missing/],
    [`{ apply: [{ at: "path", kind: user }] }`, /values\.apply\[0\] is at the whole path; write the part/],
    [`{ apply: [{ at: "path:id", kind: user, segment: 0 }] }`, /segment is 0; write 1 for the first part/],
    [`{ apply: [{ at: "body:/u", kind: user, segment: 1, query: q }] }`, /has segment and query; .* write two entries/],
    [
      `{ give: [{ from: "body:/id", at: "body:/id" }] }`,
      /give\[0\]\.from is body:\/id, which cannot be asked for here/,
    ],
    [
      `{ give: [{ from: "answer:/id", at: "body:/*/id" }] }`,
      /give\[0\] has a body pointer that names no single member/,
    ],
    [
      `{ find: { read: "GET /users", by: [{ at: "answer:/email" }] } }`,
      /values\.find has no query in by, so that everything would be read; write one: by: \[\{ at: answer:\/email/,
    ],
    [`{ find: { read: "POST /users", by: [{ at: "answer:/email", query: email }] } }`, /find\.read is .*; write a GET/],
    [
      `{ learn: [{ at: "answer:/id", kind: user }], find: { read: "GET /teams/:team/users", by: [{ at: "answer:/email", query: email }] } }`,
      /values\.find\.read is GET \/teams\/:team\/users, and \/users\/:id\? has no :team; write a path/,
    ],
    [
      `{ learn: [{ at: "answer-header:location", kind: user }], find: { read: "GET /users", by: [{ at: "answer:/email", query: email }] } }`,
      /values\.find finds entities, and no learn entry says where in them their id stands; write one: learn/,
    ],
    [`{ unmapped: drop }`, /values\.unmapped is drop; write one of pass, skip/],
    [`{ clientSees: next }`, /values\.clientSees is next; write one of legacy, primary/],
    [
      `{ clientSees: primary, learn: [{ at: "answer:/id", kind: user }] }`,
      /values\.clientSees is primary, and next has values of its own here: .*; write legacy, or hand next legacy's/,
    ],
  ];
  for (const [values, expected] of cases) {
    const errors = errorsOf(t, withValues(values)).join("\n");
    assert.match(errors.replaceAll('"', ""), expected, values);
  }
});

test("next may be the primary of a route with values: clients keep legacy's, and explain says so", (t) => {
  const values = `{ learn: [{ at: "answer:/id", kind: user }], apply: [{ at: "path:id", kind: user }] }`;
  const yaml = withValues(values).replace("    values:", "    phase: next-only\n    values:");
  const { settings, origins, warnings } = settingsOf(t, yaml, { flags: { adoptPhases: true } });
  assert.deepEqual(spellMessages(warnings), []);
  assert.equal(settings.routes[0]?.values.clientSees, "legacy");
  const { match } = compileRouter(settings.routes);
  const steps = { match, classifyRequest, planExchange, keyAtHead, samplePoint, dialPoint, wholeRead };
  const explained = explainRequest(settings, origins, steps, { method: "PUT", path: "/users/7" });
  assert.match(
    formatExplanation(explained).join(" ").replace(/\s+/g, " "),
    /Clients keep the values that legacy gave them/,
  );
  assert.deepEqual(
    errorsOf(t, withValues(`{ clientSees: primary, give: [{ from: "answer:/id", at: "body:/id" }] }`)),
    [],
  );
});

test("check warns of a kind that nobody learns, of a part that the path has not, and of a primary that gives its own", (t) => {
  const warningsOf = (yaml: string, flags = {}): string =>
    spellMessages(settingsOf(t, yaml, { flags }).warnings).join("\n");
  const learn = `learn: [{ at: "answer:/id", kind: user-id }]`;
  assert.equal(warningsOf(withValues(`{ ${learn}, apply: [{ at: "path:id", kind: user-id }] }`)), "");
  assert.match(
    warningsOf(withValues(`{ ${learn}, apply: [{ at: "path:id", kind: userid }] }`)),
    /apply\[0\]\.kind is userid, which no route learns, .*; did you mean user-id\?/,
  );
  assert.match(
    warningsOf(withValues(`{ ${learn}, apply: [{ at: "path:user", kind: user-id }] }`)),
    /apply\[0\]\.at is path:user, and \/users\/:id\? has no :user/,
  );
});

test("explain tells what is learnt, applied and given, and what becomes of a value that nobody knows", (t) => {
  const yaml = withValues(
    `{ learn: [{ at: "answer:/id", kind: user, keep: 1d }], apply: [{ at: "path:id", kind: user }], give: [{ from: "answer:/id", at: "header:x-id" }], find: { read: "GET /users", by: [{ at: "answer:/email", query: email }] }, unmapped: skip }`,
  );
  const { settings, origins } = settingsOf(t, yaml);
  const router = compileRouter(settings.routes);
  const steps = {
    match: (head: Parameters<typeof router.match>[0]) => router.match(head),
    classifyRequest,
    planExchange,
    keyAtHead,
    samplePoint,
    dialPoint,
    wholeRead,
  };
  const explained = explainRequest(settings, origins, steps, { method: "PUT", path: "/users/7" });
  const text = formatExplanation(explained).join("\n").replace(/\n +/g, " ");
  assert.match(
    text,
    /Values: a shadow gets its own; one that has no partner and that no earlier write makes keeps the copy from being sent\./,
  );
  assert.match(text, /Repair: GET \/users\/7 on both services \(derived from the path\)/);
  assert.match(text, /looked up before a repair makes it at the shadow: GET \/users by answer:\/email \(\?email=…\)/);
  assert.match(
    text,
    /learnt: user at answer:\/id, for 1d applied: user at path:id given to creates: answer:\/id at header:x-id/,
  );
});
