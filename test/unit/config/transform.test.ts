import assert from "node:assert/strict";
import { test } from "node:test";
import { explainRequest } from "../../../proxy/config/explain.ts";
import { formatExplanation } from "../../../proxy/config/explain-text.ts";
import { keyAtHead, samplePoint } from "../../../proxy/route/entity-key.ts";
import { classifyRequest, planExchange } from "../../../proxy/route/plan.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import { errorsOf, settingsOf } from "../../support/config-file.ts";

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
  assert.match(
    errors(withPath("/users/:id?", "phase: next-primary"), { adoptPhases: true }),
    /in phase next-primary clients' requests go to next as they are/,
  );
  const inDefaults = `defaults: { transform: { path: /users } }\n${withPath("/users/:id?")}`;
  assert.match(errors(inDefaults), /defaults\.transform is told by the path of one route/);
});

test("explain tells where the copy of a request goes", (t) => {
  const { settings, origins } = settingsOf(t, withPath("/users/:id?"));
  const { match } = compileRouter(settings.routes);
  const steps = { match, classifyRequest, planExchange, keyAtHead, samplePoint };
  const explained = explainRequest(settings, origins, steps, { method: "PUT", path: "/v1/users/7?x=1" });
  assert.ok(formatExplanation(explained).includes("Path at next: /users/7?x=1."));
});
