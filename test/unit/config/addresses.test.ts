import assert from "node:assert/strict";
import { test } from "node:test";
import { collide, isLoopback, parseAddress, parseOrigin, reaches } from "../../../proxy/config/addresses.ts";
import { endpointOf, spellEndpoint } from "../../../proxy/endpoint.ts";

test("listen addresses are read and spelled back", () => {
  for (const text of ["127.0.0.1:8080", "0.0.0.0:0", "[::1]:65535", "localhost:80", "api.example.com:1"]) {
    const parsed = parseAddress(text);
    assert.ok(parsed.ok, text);
    assert.equal(spellEndpoint(parsed.value), text);
  }
});

test("an address that cannot be listened on is refused with what to write", () => {
  const table: readonly (readonly [text: string, error: RegExp])[] = [
    ["8080", /no host; write 127\.0\.0\.1:8080/],
    [":8080", /no host; write 0\.0\.0\.0:8080/],
    ["*:8080", /write 0\.0\.0\.0:8080/],
    ["localhost", /no port; write localhost:8080/],
    ["localhost:", /no port; write localhost:8080/],
    ["::1", /write \[::1\]:8080/],
    ["127.0.0.1:65536", /none of 0 to 65535/],
    ["127.0.0.1:http", /none of 0 to 65535/],
    ["127.0.0.256:80", /is no host/],
    ["[::g]:80", /no IPv6 address/],
    ["http://127.0.0.1:80", /a URL; write host:port/],
    ["a b:80", /is no host/],
  ];
  for (const [text, error] of table) {
    const parsed = parseAddress(text);
    assert.equal(parsed.ok, false, text);
    if (!parsed.ok) assert.match(parsed.error, error, text);
  }
});

test("a service's URL is an origin and nothing more", () => {
  const good: readonly (readonly [string, string])[] = [
    ["http://127.0.0.1:3000", "http://127.0.0.1:3000"],
    ["http://127.0.0.1:3000/", "http://127.0.0.1:3000"],
    ["HTTPS://Api.Example.com:443", "https://api.example.com"],
    ["http://[::1]:80", "http://[::1]"],
    ["unix:/run/legacy.sock", "unix:/run/legacy.sock"],
    ["unix:///run/legacy.sock", "unix:/run/legacy.sock"],
    ["unix:/run/x/../legacy.sock", "unix:/run/legacy.sock"],
  ];
  for (const [text, origin] of good) assert.deepEqual(parseOrigin(text), { ok: true, value: origin }, text);
  const bad: readonly (readonly [text: string, error: RegExp])[] = [
    ["127.0.0.1:3000", /no URL; write http:\/\/127\.0\.0\.1:3000/],
    ["localhost:3000", /no URL; write http:\/\/localhost:3000/],
    ["", /no URL/],
    ["ftp://h", /scheme is ftp/],
    ["http://h/api", /base path is not supported yet: write http:\/\/h,/],
    ["http://h?x=1", /query or fragment/],
    ["http://h/#", /query or fragment/],
    ["http://h:0", /port 0/],
    ["unix:run/legacy.sock", /named by its whole path: write unix:\/run\/legacy\.sock/],
    ["unix:./legacy.sock", /named by its whole path: write unix:\/legacy\.sock/],
    ["unix://run/legacy.sock", /named by its whole path: write unix:\/run\/legacy\.sock/],
    ["unix:@legacy", /named by its whole path/],
    ["unix:", /named by its whole path: write unix:\/run\/legacy\.sock/],
    ["unix:/run/", /a folder; name the socket in it, as in unix:\/run\/legacy\.sock/],
    [`unix:/${"x".repeat(103)}`, /of 104 bytes; systems take 103/],
    ["/run/legacy.sock", /a Unix socket is written unix:\/run\/legacy\.sock/],
    ["http://unix:/run/legacy.sock", /a Unix socket is written unix:\/run\/legacy\.sock/],
    ["http+unix:///run/legacy.sock", /a Unix socket is written unix:\/run\/legacy\.sock/],
  ];
  for (const [text, error] of bad) {
    const parsed = parseOrigin(text);
    assert.equal(parsed.ok, false, text);
    if (!parsed.ok) assert.match(parsed.error, error, text);
  }
});

test("credentials in a URL are refused and never repeated", () => {
  const parsed = parseOrigin("http://user:hunter2@h:1");
  assert.equal(parsed.ok, false);
  if (!parsed.ok) {
    assert.match(parsed.error, /holds credentials/);
    assert.doesNotMatch(parsed.error, /hunter2/);
  }
});

test("loopback is what never leaves the machine", () => {
  for (const host of [
    "localhost",
    "app.localhost",
    "127.0.0.1",
    "127.255.0.9",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
  ]) {
    assert.equal(isLoopback(host), true, host);
  }
  for (const host of [
    "10.0.0.1",
    "0.0.0.0",
    "::",
    "128.0.0.1",
    "localhost.example.com",
    "127.example.com",
    "::ffff:a00:1",
  ]) {
    assert.equal(isLoopback(host), false, host);
  }
});

test("whether a service is the proxy's own listener takes wildcards and names of loopback into account", () => {
  const reach = (origin: string, listen: string): boolean => {
    const listening = parseAddress(listen);
    assert.ok(listening.ok);
    return reaches(endpointOf(origin), listening.value);
  };
  assert.equal(reach("http://localhost:8080", "127.0.0.1:8080"), true);
  assert.equal(reach("http://127.0.0.1:8080", "0.0.0.0:8080"), true);
  assert.equal(reach("http://[::1]:8080", "[::]:8080"), true);
  assert.equal(reach("https://h", "0.0.0.0:443"), false);
  assert.equal(reach("http://127.0.0.2:8080", "127.0.0.1:8080"), false);
  assert.equal(reach("http://127.0.0.1:8081", "127.0.0.1:8080"), false);
  assert.equal(collide({ host: "0.0.0.0", port: 1 }, { host: "127.0.0.1", port: 1 }), true);
  assert.equal(collide({ host: "0.0.0.0", port: 0 }, { host: "0.0.0.0", port: 0 }), false);
});
