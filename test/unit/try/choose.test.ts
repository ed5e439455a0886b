import assert from "node:assert/strict";
import { test } from "node:test";
import { headerOf } from "../../../proxy/exchange.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import { type Chosen, chooseRequest } from "../../../proxy/try/choose.ts";
import { HarFault } from "../../../proxy/try/har-scan.ts";
import { settingsOf } from "../../support/config-file.ts";
import { type HarEntry, harEntry } from "../../support/har.ts";

const CONFIG = `services:
  legacy: { url: "http://127.0.0.1:3000" }
  next: { url: "http://127.0.0.1:4000" }
routes:
  - { name: search, match: { path: "/search" }, treatAs: read }
  - { name: counter, match: { path: "/count" }, treatAs: write }
  - { name: api, match: { path: "/api/**" } }
`;

test("only what reads is chosen; everything else has a reason", (t) => {
  const router = compileRouter(settingsOf(t, CONFIG).settings.routes);
  const choose = (entry: HarEntry, host: string | null = null): Chosen | string => {
    const { request } = harEntry(entry) as { request: object };
    return chooseRequest(Buffer.from(JSON.stringify(request)), "entry 1", router, host);
  };
  const url = "https://api.example.com/api/a";
  const cases: readonly (readonly [entry: HarEntry, expected: string])[] = [
    [{ url }, "api"],
    [{ url, method: "HEAD" }, "api"],
    [{ url: "https://x/search", method: "POST", postData: { text: "q=1" } }, "search"],
    [{ url, method: "POST" }, "unsafe-method"],
    [{ url, method: "get" }, "unsafe-method"],
    [{ url, method: "OPTIONS" }, "unsafe-method"],
    [{ url: "https://x/search", method: "PUT" }, "unsafe-method"],
    [{ url, headers: { "X-HTTP-Method-Override": "DELETE" } }, "unsafe-method"],
    [{ url: "https://x/search", method: "POST", headers: { "x-method-override": "PUT" } }, "unsafe-method"],
    [{ url: "https://x/count" }, "declared-write"],
    [{ url: "https://x/elsewhere" }, "no-route"],
    [{ url: "data:text/plain,hello" }, "not-http"],
    [{ url: "wss://x/api/a" }, "not-http"],
    [{ url, headers: { upgrade: "websocket" } }, "upgrade"],
    [{ url: "https://x/api/a b" }, "unsendable"],
    [{ url, headers: { a: "1\r\nb: 2" } }, "unsendable"],
    [{ url, headers: { "a b": "1" } }, "unsendable"],
    [{ url: "https://x/search", method: "POST", bodySize: 7 }, "body-unknown"],
    [{ url: "https://x/search", method: "POST", bodySize: 7, postData: { text: "" } }, "body-unknown"],
    [
      { url: "https://x/search", method: "POST", headers: { "content-encoding": "gzip" }, postData: { text: "q" } },
      "body-unknown",
    ],
  ];
  for (const [entry, expected] of cases) {
    const chosen = choose(entry);
    assert.equal(typeof chosen === "string" ? chosen : chosen.route.name, expected, JSON.stringify(entry));
  }
  assert.equal(choose({ url }, "other"), "other-host");
  assert.notEqual(choose({ url: "https://API.example.com:8443/api/a" }, "api.example.com"), "other-host");
});

test("path and query stay byte for byte, headers but for those of one connection", (t) => {
  const router = compileRouter(settingsOf(t, CONFIG).settings.routes);
  const request = {
    method: "GET",
    url: "https://u:p@api.example.com:8443/api/./%7e/..//%C3%A9?b=%2F&a=+&a&&#frag?",
    headers: [
      { name: ":method", value: "GET" },
      { name: ":authority", value: "api.example.com:8443" },
      { name: "cookie", value: "a=1" },
      { name: "X-Name", value: "Zo\u00eb \u{1f600}" },
      { name: "content-length", value: "5" },
      { name: "cookie", value: "b=2" },
      { name: "accept", value: "*/*" },
      { name: "accept", value: "text/plain" },
    ],
  };
  const chosen = chooseRequest(Buffer.from(JSON.stringify(request)), "entry 1", router, null) as Chosen;
  const { head, body } = chosen.recorded;
  assert.equal(head.target, "/api/./%7e/..//%C3%A9?b=%2F&a=+&a&&");
  assert.equal(head.path + "?" + head.query, head.target);
  assert.equal(head.scheme, "https");
  assert.equal(body.length, 0);
  assert.deepEqual(
    head.headers.filter((_, i) => i % 2 === 0),
    ["Host", "cookie", "X-Name", "accept", "accept"],
  );
  assert.equal(headerOf(head.headers, "host"), "api.example.com:8443");
  assert.equal(headerOf(head.headers, "cookie"), "a=1; b=2");
  assert.equal(Buffer.from(headerOf(head.headers, "x-name") ?? "", "latin1").toString("utf8"), "Zo\u00eb \u{1f600}");
});

test("bodies are sent as recorded: text, base64, form parameters", (t) => {
  const router = compileRouter(settingsOf(t, CONFIG).settings.routes);
  const bodyOf = (postData: object): string => {
    const { request } = harEntry({ url: "http://x/search", method: "POST", postData, bodySize: 9 }) as {
      request: object;
    };
    const chosen = chooseRequest(Buffer.from(JSON.stringify(request)), "entry 1", router, null);
    return typeof chosen === "string" ? chosen : chosen.recorded.body.toString();
  };
  assert.equal(bodyOf({ mimeType: "application/json", text: '{"q":"\u00e9"}' }), '{"q":"\u00e9"}');
  assert.equal(bodyOf({ mimeType: "x/y", encoding: "base64", text: "aGVsbG8=" }), "hello");
  const form = "application/x-www-form-urlencoded; charset=UTF-8";
  assert.equal(
    bodyOf({
      mimeType: form,
      params: [
        { name: "a b", value: "1&2" },
        { name: "c", value: "" },
      ],
    }),
    "a+b=1%262&c=",
  );
  assert.equal(bodyOf({ mimeType: form, params: [{ name: "a" }] }), "body-unknown");
  assert.equal(bodyOf({ mimeType: "multipart/form-data", params: [{ name: "a", value: "b" }] }), "body-unknown");
});

test("a part that is missing is told with its entry", (t) => {
  const router = compileRouter(settingsOf(t, CONFIG).settings.routes);
  const cases: readonly (readonly [request: string, expected: RegExp])[] = [
    ['{"method":}', /^has a request in entry 9 that is not JSON; take it out$/],
    ['{"url":"http://x/","headers":[]}', /without "method" \(a text\) in entry 9/],
    ['{"method":"GET","url":7,"headers":[]}', /without "url" \(a text\) in entry 9/],
    ['{"method":"GET","url":"http://x/"}', /without "headers" \(a list\) in entry 9/],
    [
      '{"method":"GET","url":"http://x/","headers":[{"name":"a","value":"b"},{"name":"c"}]}',
      /entry 9, request\.headers\[1\]/,
    ],
    ['{"method":"GET","url":"http://x/","headers":[null]}', /entry 9, request\.headers\[0\]/],
  ];
  for (const [request, expected] of cases) {
    assert.throws(
      () => chooseRequest(Buffer.from(request), "entry 9", router, null),
      (thrown) => thrown instanceof HarFault && expected.test(thrown.message),
    );
  }
});
