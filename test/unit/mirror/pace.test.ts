import assert from "node:assert/strict";
import { test } from "node:test";
import { Pace } from "../../../proxy/mirror/pace.ts";

test("bytes are spread so that the rate holds over any span, and an idle time is not saved up", () => {
  const pace = new Pace(1_000_000);
  let now = 0;
  let sent = 0;
  while (now < 1000) {
    sent += 64_000;
    now += pace.pauseAfter(64_000, now);
  }
  assert.ok(sent >= 1_000_000 && sent <= 1_100_000, `${sent} bytes in a second`);
  assert.equal(pace.pauseAfter(1000, 10_000), 0);
  assert.equal(Math.round(pace.pauseAfter(99_000, 10_000)), 100);
});
