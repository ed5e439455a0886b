import assert from "node:assert/strict";
import { test } from "node:test";
import { isLoopbackAuthority, ownerOf, type Tokens } from "../../../proxy/admin/access.ts";

const TOKENS: Tokens = [
  { name: "ops", role: "operate", token: "s3cret" },
  { name: "graphs", role: "read", token: "other" },
];

test("a bearer token is known whole or not at all", () => {
  assert.equal(ownerOf("Bearer s3cret", TOKENS)?.name, "ops");
  assert.equal(ownerOf("bearer other", TOKENS)?.name, "graphs");
  for (const given of [
    undefined,
    "",
    "s3cret",
    "Bearer",
    "Bearer ",
    "Bearer s3cre",
    "Bearer s3crett",
    "Basic s3cret",
    "Bearer s3cret other",
  ]) {
    assert.equal(ownerOf(given, TOKENS), null, String(given));
  }
  assert.equal(ownerOf("Bearer s3cret", []), null);
});

test("only names of this machine pass for loopback, with or without a port", () => {
  for (const host of [
    "localhost",
    "localhost:9090",
    "LOCALHOST",
    "127.0.0.1",
    "127.0.0.1:1",
    "127.8.9.1",
    "[::1]",
    "[::1]:9090",
  ]) {
    assert.equal(isLoopbackAuthority(host), true, host);
  }
  const strangers = [
    undefined,
    "",
    "evil.example",
    "evil.example:9090",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
  ];
  for (const host of [
    ...strangers,
    "10.0.0.1",
    "0.0.0.0",
    "localhost:9090:9090",
    "user@localhost",
    "[::2]",
    "127.0.0.1, evil",
    "::1",
  ]) {
    assert.equal(isLoopbackAuthority(host), false, String(host));
  }
});
