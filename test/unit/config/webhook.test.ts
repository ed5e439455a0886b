import assert from "node:assert/strict";
import { test } from "node:test";
import { errorsOf, settingsOf } from "../../support/config-file.ts";

const SERVICES = "services: { legacy: { url: http://127.0.0.1:3000 }, next: { url: http://127.0.0.1:4000 } }\n";

test("a webhook has a URL and headers, both perhaps from the environment", (t) => {
  const webhook = 'webhook: { url: "${HOOK}", headers: { Authorization: "Bearer ${TOKEN}" } }';
  const env = { HOOK: "https://hooks.example.com/x?y=1#z", TOKEN: "s3cret" };
  assert.deepEqual(settingsOf(t, `${SERVICES}${webhook}`, { env }).settings.webhook, {
    url: "https://hooks.example.com/x?y=1",
    headers: [["authorization", "Bearer s3cret"]],
  });
});

test("what is wrong with a webhook is told without its secrets", (t) => {
  const cases: readonly (readonly [webhook: string, text: RegExp])[] = [
    ["{ headers: {} }", /webhook\.url is missing|webhook/],
    ['{ url: "hooks.example.com/S3CRET" }', /webhook\.url .*which is no URL; write https:\/\/host\/path/],
    ['{ url: "ftp://example.com/S3CRET" }', /begins with "ftp:"; write https:\/\//],
    ['{ url: "https://ann:S3CRET@example.com/" }', /holds a user or password; send them in headers/],
    ['{ url: "https://example.com/", headers: { Host: S3CRET } }', /is written by Crossfade itself/],
    ['{ url: "https://example.com/", headers: { x-a: "S3CRET\\r\\nx-b: 1" } }', /line break/],
    ['{ url: "https://example.com/", header: {} }', /did you mean headers\?/],
  ];
  for (const [webhook, text] of cases) {
    const told = errorsOf(t, `${SERVICES}webhook: ${webhook}\n`).join("\n");
    assert.match(told, text);
    assert.doesNotMatch(told, /S3CRET/);
  }
});
