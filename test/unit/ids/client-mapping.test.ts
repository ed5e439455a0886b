import assert from "node:assert/strict";
import { test } from "node:test";
import { createClientMapping } from "../../../proxy/ids/client-mapping.ts";
import { ClientValues } from "../../../proxy/mirror/values/client-values.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import { readBodyForValues } from "../../../proxy/ids/value-bodies.ts";
import { settingsOf } from "../../support/config-file.ts";

const never = (): never => assert.fail("nothing is looked at before a request is sent");
const head = (path: string) =>
  ({ method: "GET", target: path, path, query: "", headers: [], remoteAddress: "", scheme: "http" }) as const;

test("a route is mapped for clients where next is its primary, or its values have been turned; else nothing stands in its way", (t) => {
  const mapping = createClientMapping({
    values: new ClientValues({ book: { partnerOf: never, look: never }, readBody: readBodyForValues }),
    transforms: { clientRequest: never, clientAnswer: never },
    counted: { count: never },
    caught: never,
  });
  const mappedUnder = (phase: string, epochs: ReadonlyMap<string, number> = new Map()): string => {
    const { settings } = settingsOf(
      t,
      `
services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000" } }
defaults: { compare: { status: exact } }
routes:
  - { name: values, phase: ${phase}, match: { path: /values }, values: { learn: [{ at: "answer:/id", kind: user }] } }
  - { name: moved, phase: ${phase}, match: { path: /moved }, transform: { path: /elsewhere } }
  - { name: given, phase: ${phase}, match: { path: /given }, values: { give: [{ from: "answer:/id", at: "body:/id" }] } }
  - { name: plain, phase: ${phase}, match: { path: /plain } }
`,
      { flags: { adoptPhases: true } },
    );
    const snapshot = { revision: 1, settings, router: compileRouter(settings.routes), epochs };
    return settings.routes
      .filter(({ name }) => {
        const request = head(`/${name}`);
        const found = snapshot.router.match(request);
        return found !== null && mapping.of({ snapshot, request, found }) !== null;
      })
      .map(({ name }) => name)
      .join(" ");
  };
  assert.equal(mappedUnder("dual-write"), "");
  assert.equal(mappedUnder("legacy-only"), "");
  assert.equal(mappedUnder("next-primary"), "values moved");
  assert.equal(mappedUnder("next-only"), "values moved");
  // Back at legacy, whose paths clients have always asked.
  assert.equal(
    mappedUnder(
      "dual-write",
      new Map([
        ["values", 3],
        ["moved", 3],
      ]),
    ),
    "values",
  );
});
