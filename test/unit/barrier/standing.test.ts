import assert from "node:assert/strict";
import { test } from "node:test";
import { OwnStanding } from "../../../proxy/barrier/standing.ts";
import type { Standing } from "../../../proxy/members/standing.ts";

test("one that leaves says so, whatever its file says of the process before, and also where it could not say that it came", () => {
  // The process before was killed.
  let file: Standing = { isRegistered: true, inDoubt: ["users"] };
  let isFull = true;
  const standing = new OwnStanding({
    read: () => file,
    write(next) {
      if (isFull) throw new Error("ENOSPC: no space left on device");
      file = next;
    },
  });
  assert.throws(() => standing.registered([]), /ENOSPC/);
  isFull = false;
  standing.left();
  // Others may move on from here: its next process must not forward by its own copy.
  assert.deepEqual(file, { isRegistered: false, inDoubt: [] });
});

test("what is so already is not written again", () => {
  const written: Standing[] = [];
  const standing = new OwnStanding({ read: () => null, write: (next) => void written.push(next) });
  standing.registered([]);
  standing.registered([]);
  standing.agrees(["users"]);
  assert.equal(standing.isInDoubt, true);
  standing.agrees(["users"]);
  standing.agrees([]);
  standing.left();
  assert.deepEqual(written, [
    { isRegistered: true, inDoubt: [] },
    { isRegistered: true, inDoubt: ["users"] },
    { isRegistered: true, inDoubt: [] },
    { isRegistered: false, inDoubt: [] },
  ]);
});
