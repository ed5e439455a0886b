import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLocator } from "../../../proxy/config/locator.ts";
import { createRedactor } from "../../../proxy/record/redaction.ts";
import { makeSettled, type SettledGiven } from "../../support/evidence.ts";

const REDACTOR = createRedactor(Buffer.alloc(32, 7));

function locator(text: string) {
  const read = parseLocator(text);
  assert.ok(read.ok, text);
  return read.value;
}

/** Redacts `key` as evidence is, and proves that it is known again and no other key is. */
function recognised(key: string, given: SettledGiven = {}): string {
  const shown = REDACTOR.redact(makeSettled({ key, ...given })).key;
  assert.ok(shown !== null);
  assert.equal(REDACTOR.recognise(key)(shown), true, shown);
  for (const other of [`${key}1`, key.slice(0, -1), key.slice(1), `users/${key}`, key.replace("/", "//")]) {
    assert.equal(REDACTOR.recognise(other)(shown), false, `${shown} is not ${other}`);
  }
  return shown;
}

test("a plain key is known, quotes, newlines and 10 kB included", () => {
  for (const key of [
    "users/42",
    `users/"it's"\n\r\\ \u2028`,
    `users/${"x".repeat(10_000)}`,
    "users/%zz",
    "users/\ud800",
  ]) {
    assert.equal(recognised(key), key);
  }
});

test("a key that the route redacts is known", () => {
  const route = { key: [locator("header:x-account")], redact: [locator("header:x-account")] };
  assert.match(recognised("users/NL91ABNA0417164300", { route }), /^users\/\[redacted \w{8}\]$/);
});

test("a key that was secret in one exchange alone is known: a segment of it, a part of it, a token in it", () => {
  const query = { query: "?token=s3cr3t-value" };
  assert.match(recognised("users/s3cr3t-value", { request: query }), /^users\/\[redacted \w{8}\]$/);
  assert.match(recognised("users/a-s3cr3t-value-b", { request: query }), /^users\/a-\[redacted \w{8}\]-b$/);
  assert.match(
    recognised("users/s3cr3t-value.s3cr3t-value", { request: query }),
    /^users\/\[redacted \w{8}\]\.\[redacted \w{8}\]$/,
  );
  const path = "/users/reset-password/a%20b%C3%A4cdef/x";
  assert.match(recognised(`users:${path}`, { request: { path } }), /^users:\/users\/reset-password\/\[redacted/);
  assert.match(recognised("users/ghp_abcdefghijklmnopqrstuvwxyz"), /^users\/\[redacted \w{8}\]$/);
  const route = { redactDetect: ["email" as const] };
  assert.match(recognised("users/ann@example.com", { route }), /^users\/\[redacted \w{8}\]$/);
});

test("stand-ins side by side are read", () => {
  const shown = `users/${REDACTOR.standIn("ann")}${REDACTOR.standIn("bob")}x`;
  assert.equal(REDACTOR.recognise("users/annbobx")(shown), true);
  assert.equal(REDACTOR.recognise("users/annbobbx")(shown), false);
});

test("made by another secret key, a stand-in is not known", () => {
  const shown = `users/${createRedactor(Buffer.alloc(32, 8)).standIn("42")}`;
  assert.equal(REDACTOR.recognise("users/42")(shown), false);
});

test("a shown key with more readings than can be tried is taken for the plain one, after bounded work", () => {
  const hostile = `users/${"[redacted 00000000]a".repeat(5_000)}`;
  const plain = `users/${"a".repeat(20_000)}`;
  assert.equal(REDACTOR.recognise(plain)(hostile), true);
  assert.equal(REDACTOR.recognise("users/42")(hostile), false);
});
