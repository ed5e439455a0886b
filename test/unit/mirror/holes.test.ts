import assert from "node:assert/strict";
import { test } from "node:test";
import { Holes } from "../../../proxy/mirror/holes.ts";

const HOLE = { madeAt: 100, exchangeId: "lost", lost: "expired" };
const relative = (): boolean => false;

test("what was answered before the hole is lost behind it, up to the next that stands alone", () => {
  const holes = new Holes<string>();
  holes.note(["users/1"], HOLE);
  assert.equal(holes.behind(["users/2"], 50, relative), null);
  assert.equal(holes.behind(["users/1"], 50, relative), HOLE);
  assert.equal(
    holes.behind(["users/1"], 60, () => true),
    null,
  );
  assert.equal(holes.behind(["users/1"], 70, relative), null, "it is the state that was missing");
});

test("what was answered after the hole is delivered, and what follows it", () => {
  const holes = new Holes<string>();
  holes.note(["users/1"], HOLE);
  assert.equal(holes.behind(["users/1"], 101, relative), null);
  assert.equal(holes.behind(["users/1"], 102, relative), null);
});

test("a batch that is lost behind a hole of one key leaves one in all of its keys", () => {
  const holes = new Holes<string>();
  holes.note(["users/1"], HOLE);
  assert.equal(holes.behind(["users/2", "users/1"], 50, relative), HOLE);
  assert.equal(holes.behind(["users/2"], 60, relative), HOLE);
  holes.clear();
  assert.equal(holes.behind(["users/2"], 60, relative), null);
});
