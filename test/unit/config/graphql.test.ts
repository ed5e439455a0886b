import assert from "node:assert/strict";
import { test } from "node:test";
import { explainRequest } from "../../../proxy/config/explain.ts";
import { formatExplanation } from "../../../proxy/config/explain-text.ts";
import { keyAtHead, samplePoint } from "../../../proxy/route/entity-key.ts";
import { dialPoint, wholeRead } from "../../../proxy/route/pin-names.ts";
import { classifyRequest, planExchange } from "../../../proxy/route/plan.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import { errorsOf, settingsOf, spellMessages } from "../../support/config-file.ts";

const route = (settings: string): string => `
services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000" } }
routes: [{ name: graph, match: { path: /graphql }, ${settings} }]
`;

test("explain says that the body of a POST tells; a GET is a read", (t) => {
  const { settings, origins } = settingsOf(t, route("treatAs: graphql"));
  const { match } = compileRouter(settings.routes);
  const steps = { match, classifyRequest, planExchange, keyAtHead, samplePoint, dialPoint, wholeRead };
  const told = (method: string): string =>
    formatExplanation(explainRequest(settings, origins, steps, { method, path: "/graphql" }))
      .join(" ")
      .replace(/\s+/g, " ");
  assert.match(told("POST"), /is a write of route graph .* unless its body holds queries alone/);
  assert.match(told("GET"), /is a read of route graph/);
});

test("a table of queries says read or write, and a route that nobody reads it on is warned of", (t) => {
  const { settings } = settingsOf(t, route("treatAs: graphql, graphql: { persisted: { abc: read } }"));
  assert.deepEqual(settings.routes[0]?.persisted, [["abc", "read"]]);
  const { warnings } = settingsOf(t, route("graphql: { persisted: { abc: read } }"));
  assert.match(spellMessages(warnings).join("\n"), /treatAs is by-method: nobody looks; write treatAs: graphql/);
  const errors = errorsOf(t, route("treatAs: graphql, graphql: { persisted: { abc: raed } }"));
  assert.match(errors.join("\n"), /graphql\.persisted\.abc .*did you mean read\?/);
});
