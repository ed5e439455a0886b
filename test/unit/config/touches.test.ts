import assert from "node:assert/strict";
import { test } from "node:test";
import { errorsOf, settingsOf } from "../../support/config-file.ts";

const config = (touches: string): string => `
services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000" } }
routes:
  - { name: users, match: { path: "/users/**" }, entity: people }
  - { name: orders, match: { path: "/orders/**" }, touches: ${touches} }
`;

test("touches names the entity, and the place of its id or none", (t) => {
  const { settings } = settingsOf(t, config('[{ entity: people, at: "body:/user" }, { entity: orders }]'));
  assert.deepEqual(settings.routes[1]?.touches, [
    { entity: "people", at: { source: "body", name: "/user" } },
    { entity: "orders", at: null },
  ]);
  assert.deepEqual(settings.routes[0]?.touches, []);
});

test("an entity that no route has is told with the nearest one", (t) => {
  const told = errorsOf(t, config("[{ entity: peple }]")).join("\n");
  assert.match(told, /is peple, and no route is about an entity of that name; did you mean people\?/);
  assert.match(errorsOf(t, config("[{ entity: x }]")).join("\n"), /there are people, orders/);
  assert.match(errorsOf(t, config('[{ entity: people, at: "bdy:/x" }]')).join("\n"), /did you mean body:\/x\?/);
});
