import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { test } from "node:test";
import { keyedHash } from "../../../proxy/record/keyed-hash.ts";

test("it is HMAC-SHA-256, whatever key and content: stand-ins of older evidence stay the same", () => {
  for (const length of [0, 1, 31, 32, 63, 64]) {
    const key = randomBytes(length);
    const hash = keyedHash(key);
    for (const content of ["", "a", "é\ud800", "x".repeat(1000), randomBytes(200)]) {
      assert.equal(hash(content), createHmac("sha256", key).update(content).digest("hex"));
    }
  }
  // RFC 4231, 4.3.
  const jefe = keyedHash(Buffer.from("Jefe"))("what do ya want for nothing?");
  assert.equal(jefe, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  assert.throws(() => keyedHash(randomBytes(65)), RangeError);
});
