/** A file that is changed in the middle of a move: it is held against what acts when it is taken into use, never against what acted before. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { createDesk } from "../../../proxy/compose/desk.ts";
import { followFile } from "../../../proxy/compose/follow-file.ts";
import type { ActingPhases } from "../../../proxy/config/reload-rules.ts";
import type { Settings } from "../../../proxy/config/settings.ts";
import { settingsOf } from "../../support/config-file.ts";

const SERVICES = 'services:\n  legacy: { url: "http://127.0.0.1:3000" }\n  next: { url: "http://127.0.0.1:4000" }\n';
const USERS = '  - { name: users, match: { path: "/users/**" } }\n';
const ORDERS = '  - { name: orders, match: { path: "/orders/**" } }\n';

test("a changed file waits for the move, and is refused where it would send the moved requests elsewhere", async (t) => {
  const { settings: running } = settingsOf(t, `${SERVICES}routes:\n${USERS}${ORDERS}`);
  const file = running.file ?? assert.fail("it has a file");
  const taken: Settings[] = [];
  const state = { isMoving: true, acting: {} as ActingPhases };
  const followed = followFile({
    ...{ file, running, files: [], flags: {}, env: {} },
    actingPhases: () => state.acting,
    isMoving: () => state.isMoving,
    take: (next) => void taken.push(next),
    revision: () => 1,
    telemetry: { configReload: () => undefined },
    desk: createDesk("silent", undefined),
  });
  t.after(() => followed.close());
  // As long as legacy answers users it may be left to the rest.
  writeFileSync(file, `${SERVICES}routes:\n${ORDERS}`);
  let isDone = false;
  const reloaded = followed.reload().then(() => (isDone = true));
  await wait(200);
  assert.deepEqual([isDone, taken], [false, []]);
  state.acting = { users: "next-primary" };
  state.isMoving = false;
  await reloaded;
  assert.deepEqual(taken, []);
  assert.match(followed.refusal() ?? "", /could move requests between legacy and next as their source of truth/);
  state.acting = { users: "dual-write" };
  await followed.reload();
  assert.deepEqual([taken.length, followed.refusal()], [1, null]);
});

test("what is moved while the file is read has it read again", async (t) => {
  const { settings: running } = settingsOf(t, `${SERVICES}routes:\n${USERS}${ORDERS}`);
  const file = running.file ?? assert.fail("it has a file");
  const taken: Settings[] = [];
  let asked = 0;
  const followed = followFile({
    ...{ file, running, files: [], flags: {}, env: {} },
    // It moves behind the first look.
    actingPhases: () => (++asked === 1 ? {} : { users: "next-primary" }),
    isMoving: () => false,
    take: (next) => void taken.push(next),
    revision: () => 1,
    telemetry: { configReload: () => undefined },
    desk: createDesk("silent", undefined),
  });
  t.after(() => followed.close());
  writeFileSync(file, `${SERVICES}routes:\n${ORDERS}`);
  await followed.reload();
  assert.deepEqual(taken, []);
  assert.match(followed.refusal() ?? "", /could move requests between legacy and next as their source of truth/);
});
