import assert from "node:assert/strict";
import { chmodSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CrossfadeError } from "../../../proxy/errors.ts";
import { deriveKey, loadSecretKey, randomSecretKey } from "../../../proxy/record/secret-key.ts";
import { evidenceFolder } from "../../support/evidence.ts";

function refused(...words: readonly (string | RegExp)[]): (thrown: unknown) => boolean {
  return (thrown) => {
    assert.ok(thrown instanceof CrossfadeError);
    assert.equal(thrown.source, "store");
    return words.every((word) =>
      typeof word === "string" ? thrown.message.includes(word) : word.test(thrown.message),
    );
  };
}

test("the key is made once, of 32 bytes, the owner's alone, and is the same ever after", (t) => {
  const file = join(evidenceFolder(t), "crossfade.db.key");
  const key = loadSecretKey(file);
  assert.equal(key.length, 32);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(loadSecretKey(file), key);
  assert.notDeepEqual(randomSecretKey(), randomSecretKey());
});

test("a key file that others could read is theirs no more", (t) => {
  const file = join(evidenceFolder(t), "crossfade.db.key");
  writeFileSync(file, randomSecretKey());
  chmodSync(file, 0o644);
  loadSecretKey(file);
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

test("a key of another length is refused with both lengths and the way out, and left alone", (t) => {
  const file = join(evidenceFolder(t), "crossfade.db.key");
  for (const length of [0, 31, 33]) {
    writeFileSync(file, Buffer.alloc(length));
    assert.throws(() => loadSecretKey(file), refused(file, `holds ${length} bytes where a key has 32`, /delete it/));
    assert.equal(statSync(file).size, length);
  }
});

test("a place that cannot be read or written is named", (t) => {
  const folder = evidenceFolder(t);
  assert.throws(() => loadSecretKey(join(folder, "none", "x.key")), refused(join(folder, "none", "x.key"), "ENOENT"));
  mkdirSync(join(folder, "x.key"));
  assert.throws(() => loadSecretKey(join(folder, "x.key")), refused("EISDIR"));
});

test("keys for two purposes have nothing in common, and each is always the same", () => {
  const secret = Buffer.alloc(32, 1);
  assert.deepEqual(deriveKey(secret, "evidence"), deriveKey(secret, "evidence"));
  assert.notDeepEqual(deriveKey(secret, "evidence"), deriveKey(secret, "shadow mark"));
  assert.equal(deriveKey(secret, "evidence").length, 32);
});
