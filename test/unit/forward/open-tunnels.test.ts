import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { CLOSED_WITHIN_MS, OpenTunnels } from "../../../proxy/forward/open-tunnels.ts";
import { streamPrimaries } from "../../../proxy/moves/phases.ts";

class Held extends EventEmitter {
  isClosed = false;
  destroy(): void {
    this.isClosed = true;
    this.emit("close");
  }
}

function opened(open: OpenTunnels, route: string, kind: "tunnel" | "events" = "tunnel"): Held {
  const held = new Held();
  open.opened({ route, kind, primary: "legacy" }, held);
  return held;
}

const routes = (phase: "dual-write" | "next-primary") =>
  streamPrimaries({
    routes: [
      { name: "users", phase, keepStreams: false },
      { name: "kept", phase, keepStreams: true },
    ],
  });

test("those of the old primary are closed, each at a moment of its own, and no others", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const open = new OpenTunnels();
  const [first, second] = [opened(open, "users"), opened(open, "users", "events")];
  const others = [opened(open, "kept"), opened(open, "(none)")];
  assert.deepEqual([open.count("users"), open.lasting("users")], [1, 2]);
  open.follow(routes("dual-write"), () => 0);
  const moments = [0.2, 0.9];
  open.follow(routes("next-primary"), () => moments.shift() ?? assert.fail("no other is closed"));
  // Told again, they keep their moments.
  open.follow(routes("next-primary"), () => assert.fail("they have theirs"));
  t.mock.timers.tick(0.2 * CLOSED_WITHIN_MS);
  assert.deepEqual([first.isClosed, second.isClosed], [true, false]);
  t.mock.timers.tick(CLOSED_WITHIN_MS);
  assert.deepEqual([second.isClosed, ...others.map(({ isClosed }) => isClosed)], [true, false, false]);
  assert.deepEqual([open.lasting("users"), open.lasting("kept")], [0, 1]);
});

test("where the move is taken back meanwhile, they stay", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const open = new OpenTunnels();
  const held = opened(open, "users");
  open.follow(routes("next-primary"), () => 0.5);
  open.follow(routes("dual-write"), () => 0.5);
  t.mock.timers.tick(CLOSED_WITHIN_MS);
  assert.equal(held.isClosed, false);
  open.follow(routes("next-primary"), () => 0);
  t.mock.timers.tick(1);
  assert.equal(held.isClosed, true);
});

test("a stream that was asked of the old primary before the move, and is answered behind it, is closed too", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const open = new OpenTunnels();
  open.follow(routes("next-primary"), () => 0.5);
  const [late, kept] = [opened(open, "users", "events"), opened(open, "kept", "events")];
  t.mock.timers.tick(0.4 * CLOSED_WITHIN_MS);
  assert.equal(late.isClosed, false);
  t.mock.timers.tick(0.2 * CLOSED_WITHIN_MS);
  assert.deepEqual([late.isClosed, kept.isClosed, open.lasting("users")], [true, false, 0]);
});
