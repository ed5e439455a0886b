import assert from "node:assert/strict";
import { test } from "node:test";
import { explainRequest } from "../../../proxy/config/explain.ts";
import { formatExplanation } from "../../../proxy/config/explain-text.ts";
import { keyAtHead, samplePoint } from "../../../proxy/route/entity-key.ts";
import { dialPoint, wholeRead } from "../../../proxy/route/pin-names.ts";
import { classifyRequest, planExchange } from "../../../proxy/route/plan.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import { errorsOf, settingsOf, spellMessages } from "../../support/config-file.ts";

const withPath = (path: string, more = ""): string => `
services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000" } }
routes:
  - name: users
    match: { path: "/v1/users/:id?" }
    transform: { path: "${path}" }
    ${more}
`;

test("a path at next that cannot be told from the client's is refused, with its place and what to write instead", (t) => {
  const errors = (yaml: string, flags = {}): string => errorsOf(t, yaml, { flags }).join("\n").replaceAll('"', "");
  assert.match(
    errors(withPath("/users/:uid?")),
    /routes\[0\]\.transform\.path is \/users\/:uid\?, which has :uid\?, and match\.path has no :uid; write the same in both/,
  );
  assert.match(errors(withPath("users")), /transform\.path is users, which .* write \/users/);
  assert.equal(errors(withPath("/users/:id?", "phase: next-primary"), { adoptPhases: true }), "");
  const inDefaults = `defaults: { transform: { path: /users } }\n${withPath("/users/:id?")}`;
  assert.match(errors(inDefaults), /defaults\.transform is told by the path of one route/);
});

test("explain tells where the copy of a request goes", (t) => {
  const { settings, origins } = settingsOf(t, withPath("/users/:id?"));
  const { match } = compileRouter(settings.routes);
  const steps = { match, classifyRequest, planExchange, keyAtHead, samplePoint, dialPoint, wholeRead };
  const explained = explainRequest(settings, origins, steps, { method: "PUT", path: "/v1/users/7?x=1" });
  assert.ok(formatExplanation(explained).includes("Path at next: /users/7?x=1."));
  const cutOver = settingsOf(t, withPath("/users/:id?", "phase: next-only"), { flags: { adoptPhases: true } });
  const later = { ...steps, match: compileRouter(cutOver.settings.routes).match };
  const asked = explainRequest(cutOver.settings, cutOver.origins, later, { method: "PUT", path: "/v1/users/7" });
  assert.ok(formatExplanation(asked).includes("Path at next: /users/7."));
});

const withTransform = (transform: string, more = ""): string => `
services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000" } }
routes:
  - name: users
    match: { path: "/users/:id?" }
    transform: ${transform}
    ${more}
`;

test("a transform that could not be done, or not undone, is refused with its place", (t) => {
  const errors = (transform: string): string => errorsOf(t, withTransform(transform)).join("\n").replaceAll('"', "");
  const cases: readonly (readonly [transform: string, error: RegExp])[] = [
    ["{ methods: { PUT: PATHC } }", /transform\.methods\.PUT is PATHC, .* did you mean PATCH\?/],
    ["{ methods: { PUT: CONNECT } }", /methods\.PUT is CONNECT, and tunnels are never mirrored/],
    ["{ headers: [{ legacy: x-a, next: content-length }] }", /headers\[0\]\.next is content-length, which is set by/],
    [
      "{ headers: [{ legacy: x-a, next: x-b }, { legacy: x-c, next: X-B }] }",
      /headers\[1\]\.next is x-b a second time/,
    ],
    ["{ body: [{ legacy: name, next: /b }] }", /body\[0\]\.legacy is name, a pointer that does not begin with a slash/],
    ["{ body: [{ legacy: /items/*/a, next: /b }] }", /body\[0\]\.next is \/b for \/items\/\*\/a, which .* last \*/],
    ["{ body: [{ legacy: /a, next: /b }, { legacy: /c, next: /b }] }", /body\[1\]\.next is \/b as at body\[0\]/],
  ];
  for (const [transform, error] of cases) assert.match(errors(transform), error);
  assert.equal(errors("{ body: [{ legacy: /a, next: /b, of: request }, { legacy: /a, next: /c, of: answer }] }"), "");
});

test("two routes whose different paths are one at next are warned of", (t) => {
  const routes = (match: string): string => `
services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000" } }
routes:
  - { name: one, match: { path: "/v1/users/:id" }, transform: { path: "/people/:id" } }
  - { name: two, match: { path: "${match}", methods: [PUT] }, transform: { path: "/people/:id" } }
`;
  const warningsOf = (yaml: string): string[] => spellMessages(settingsOf(t, yaml).warnings);
  assert.match(warningsOf(routes("/users/:id")).join("\n"), /is "\/people\/:id", as at route one/);
  assert.deepEqual(
    warningsOf(routes("/v1/users/:id")).filter((text) => text.includes("as at route")),
    [],
  );
});

test("explain tells what else is another thing at next", (t) => {
  const transform =
    "{ methods: { PUT: PATCH }, headers: [{ legacy: x-a, next: x-b }], body: [{ legacy: /a, next: /b }] }";
  const { settings, origins } = settingsOf(t, withTransform(transform));
  const { match } = compileRouter(settings.routes);
  const steps = { match, classifyRequest, planExchange, keyAtHead, samplePoint, dialPoint, wholeRead };
  const explained = explainRequest(settings, origins, steps, { method: "PUT", path: "/users/7" });
  assert.match(
    formatExplanation(explained).join(" ").replace(/\s+/g, " "),
    /method PATCH in place of PUT header x-a is x-b at next bodies: \/a is \/b at next/,
  );
});
