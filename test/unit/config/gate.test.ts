import assert from "node:assert/strict";
import { test } from "node:test";
import { GATE_DEFAULTS } from "../../../proxy/config/defaults.ts";
import { formatExplanation } from "../../../proxy/config/explain-text.ts";
import { explainRequest } from "../../../proxy/config/explain.ts";
import { keyAtHead, samplePoint } from "../../../proxy/route/entity-key.ts";
import { dialPoint, wholeRead } from "../../../proxy/route/pin-names.ts";
import { classifyRequest, planExchange } from "../../../proxy/route/plan.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import { errorsOf, settingsOf, spellMessages } from "../../support/config-file.ts";

function routes(gate: string, defaults = "", methods = ""): string {
  return `services:
  legacy: { url: "http://127.0.0.1:3000" }
  next: { url: "http://127.0.0.1:4000" }
${defaults}routes:
  - name: users
    match: { path: "/users/**"${methods} }
${gate}`;
}

test("what is written comes before the profile, the route before defaults", (t) => {
  const gateOf = (gate: string, defaults?: string) => settingsOf(t, routes(gate, defaults)).settings.routes[0]?.gate;
  assert.deepEqual(gateOf(""), GATE_DEFAULTS.normal);
  assert.deepEqual(gateOf("    gate: { profile: strict }\n"), GATE_DEFAULTS.strict);
  const shared = "defaults: { gate: { profile: low-traffic, span: 3d } }\n";
  assert.deepEqual(gateOf("", shared), { ...GATE_DEFAULTS["low-traffic"], spanMs: 3 * 24 * 3_600_000 });
  const written =
    "divergenceBelow: 0.5%, confidence: 99%, latencyRatioBelow: 1.2, reconcileFresherThan: 6h, failuresBelow: 2%, automaticReturn: true";
  assert.deepEqual(gateOf(`    gate: { ${written} }\n`, shared), {
    profile: "low-traffic",
    divergenceBelow: 0.005,
    confidence: 0.99,
    spanMs: 3 * 24 * 3_600_000,
    latencyRatioBelow: 1.2,
    reconcileFresherThanMs: 6 * 3_600_000,
    failuresBelow: 0.02,
    automaticReturn: true,
  });
});

test("what cannot be is refused with its place and what to write", (t) => {
  const errors = errorsOf(
    t,
    routes(
      "    gate: { profile: lax, divergenceBelow: 1, confidence: 100%, span: 0s, latencyRatioBelow: 2x, reconcileFresherThan: 0s }\n",
    ),
  ).join("\n");
  assert.match(errors, /gate\.profile is "lax"; .*strict, normal, low-traffic/);
  assert.match(errors, /gate\.divergenceBelow is 1, which has no unit; write 1%/);
  assert.match(errors, /gate\.confidence is "100%", outside of 50% to 99\.999%/);
  assert.match(errors, /gate\.span is "0s", outside of 1s to 365d/);
  assert.match(errors, /gate\.latencyRatioBelow is "2x"; write a number from 0\.1 to 100/);
  assert.match(errors, /gate\.reconcileFresherThan is "0s", outside of 1s to 365d/);
});

test("where a gate is written and GET is never compared, check says that it will stay shut", (t) => {
  const warned = (gate: string, methods?: string): boolean =>
    spellMessages(settingsOf(t, routes(gate, "", methods)).warnings).some((line) =>
      /gate .*GET.*mirror\.reads/.test(line),
    );
  const gate = "    gate: { profile: normal }\n";
  assert.ok(warned(gate));
  assert.ok(warned(gate, ", methods: [GET, PUT]"));
  assert.ok(!warned(gate, ", methods: [PUT]"));
  assert.ok(!warned(`${gate}    mirror: { reads: 5% }\n`));
  assert.ok(!warned(""));
});

test("explain says what the gate asks for", (t) => {
  const { settings, origins } = settingsOf(t, routes("    gate: { profile: low-traffic }\n"));
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
  const explained = explainRequest(settings, origins, steps, { method: "PUT", path: "/users/1" });
  const text = formatExplanation(explained).join(" ").replace(/\s+/g, " ");
  assert.match(
    text,
    /Gate \(low-traffic\): fewer than 1% divergent, 95% sure, over 14d or more, at less than 3 times the latency\./,
  );
});
