import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { formatExplanation } from "../../../proxy/config/explain-text.ts";
import { explainRequest } from "../../../proxy/config/explain.ts";
import { keyAtHead, samplePoint } from "../../../proxy/route/entity-key.ts";
import { dialPoint, wholeRead } from "../../../proxy/route/pin-names.ts";
import { classifyRequest, planExchange } from "../../../proxy/route/plan.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import { errorsOf, makeFolder, settingsOf, spellMessages } from "../../support/config-file.ts";

const SERVICES = `services:
  legacy: { url: "http://127.0.0.1:3000" }
  next: { url: "http://127.0.0.1:4000" }
`;

function routes(own: string, defaults = ""): string {
  return `${SERVICES}${defaults}routes:
  - name: a
    match: { path: "/a/**" }
${own}`;
}

test("shares are those of the route, then of defaults, then none", (t) => {
  const noise = (text: string) => settingsOf(t, text).settings.routes[0]?.compare.noise;
  const shared = "defaults:\n  compare: { noise: { reads: 1%, compared: 5% } }\n";
  assert.deepEqual(noise(routes("")), { readShare: 0, comparedShare: 0 });
  assert.deepEqual(noise(routes("", shared)), { readShare: 0.01, comparedShare: 0.05 });
  assert.deepEqual(noise(routes("    compare: { noise: { reads: 0% } }\n", shared)), {
    readShare: 0,
    comparedShare: 0.05,
  });
});

test("what is no share, or no name, is refused with what to write", (t) => {
  const [share, name] = errorsOf(t, routes("    compare: { noise: { reads: 1, compare: 1% } }\n"));
  assert.match(`${share} ${name}`, /reads is 1.*%/);
  assert.match(`${share} ${name}`, /compared/);
});

test("with a module nothing is learnt, and check says so", (t) => {
  const folder = makeFolder(t);
  writeFileSync(join(folder, "hooks.mjs"), "export function judge() {}");
  const noise = "noise: { reads: 1%, compared: 5% }";
  const text = routes(`    compare: { module: ${join(folder, "hooks.mjs")}, ${noise} }\n`);
  const warnings = spellMessages(settingsOf(t, text).warnings);
  assert.equal(
    warnings.filter((line) => /learns nothing: route a has a module/.test(line)).length,
    2,
    warnings.join("\n"),
  );
});

test("explain says what is learnt", (t) => {
  const { settings, origins } = settingsOf(t, routes("    compare: { noise: { reads: 1%, compared: 5% } }\n"));
  const router = compileRouter(settings.routes);
  const steps = {
    match: router.match.bind(router),
    classifyRequest,
    planExchange,
    keyAtHead,
    samplePoint,
    dialPoint,
    wholeRead,
  };
  const explained = explainRequest(settings, origins, steps, { method: "GET", path: "/a/1" });
  const text = formatExplanation(explained).join(" ").replace(/\s+/g, " ");
  assert.ok(
    text.includes(
      "Noise: 1% of safe reads go to the primary twice; the places of 5% of compared exchanges are counted.",
    ),
    text,
  );
});
