import assert from "node:assert/strict";
import { test } from "node:test";
import { CrossfadeError } from "../../../proxy/errors.ts";
import { startWithoutStore } from "../../../proxy/store-away/start-without-store.ts";
import { settingsOf } from "../../support/config-file.ts";

test("an upload that goes on and on holds other writes up more and more rarely once the store is back", async (t) => {
  const urls = 'services:\n  legacy: { url: "http://127.0.0.1:3000" }\n  next: { url: "http://127.0.0.1:4000" }\n';
  const { settings } = settingsOf(t, `${urls}routes: [{ name: users, match: { path: "/**" } }]\n`);
  const told: string[] = [];
  const door = {
    settled() {
      told.push("held");
      // It has ended by the eighth time.
      return Promise.resolve(told.filter((one) => one === "held").length === 8);
    },
    goOn: () => void told.push("on"),
    unmatched: () => 0,
    close: () => Promise.resolve(),
  };
  const { whole } = await startWithoutStore({
    settings,
    thrown: new CrossfadeError("store-unavailable", "it is away", { source: "store", retryable: true }),
    standing: () => ({ isRegistered: true, inDoubt: [] }),
    phases: () => [],
    lock: () => ({ close: () => undefined }),
    markUnjournaled: () => undefined,
    openDoor: () => Promise.resolve(door),
    storeIsBack: () => Promise.resolve(),
    open: () => Promise.resolve("opened"),
    begin: (opened) => Promise.resolve(`whole: ${opened}`),
    pause: async (ms) => void told.push(`${ms / 1_000} s`),
    clock: { now: () => 0, monotonic: () => 0 },
    warn: () => undefined,
  });
  assert.equal(await whole, "whole: opened");
  const pauses = told.filter((one) => one.endsWith(" s"));
  assert.deepEqual(pauses, ["1 s", "2 s", "4 s", "8 s", "10 s", "10 s", "10 s"]);
  assert.deepEqual(told.slice(0, 4), ["held", "on", "1 s", "held"], "nobody is held back in a pause");
});
