import assert from "node:assert/strict";
import { test } from "node:test";
import { answerHeaders, endToEndHeaders } from "../../proxy/headers.ts";

function forwarded(headers: string[], host: string | null = null): string[] {
  const request = {
    method: "GET",
    target: "/",
    path: "/",
    query: "",
    headers,
    remoteAddress: "10.0.0.9",
    scheme: "http" as const,
  };
  return endToEndHeaders(request, { host, proto: "http" });
}

test("end-to-end headers keep order, case and repetition; ours are added at the end", () => {
  assert.deepEqual(forwarded(["Host", "api", "X-b", "1", "x-B", "2", "ACCEPT", "*/*"]), [
    ...["Host", "api", "X-b", "1", "x-B", "2", "ACCEPT", "*/*"],
    ...["x-forwarded-for", "10.0.0.9", "x-forwarded-proto", "http", "x-forwarded-host", "api"],
  ]);
});

test("hop-by-hop headers and those that Connection names end here; the framing stays where it stood", () => {
  const headers = [
    "Connection",
    "keep-alive, X-Mine",
    "Keep-Alive",
    "x",
    "x-mine",
    "1",
    "TE",
    "trailers",
    "Transfer-Encoding",
    "chunked",
  ];
  const out = forwarded([...headers, "Upgrade", "h2c", "Proxy-Connection", "close", "A", "b"]);
  const added = ["x-forwarded-for", "10.0.0.9", "x-forwarded-proto", "http"];
  // Trailers we take ourselves, since we pass them on.
  const ours = ["Connection", "TE", "TE", "trailers"];
  assert.deepEqual(out, [...ours, "Transfer-Encoding", "chunked", "A", "b", ...added]);
  assert.deepEqual(answerHeaders(["Connection", "X-Hop", "X-Hop", "1", "Set-Cookie", "a", "set-cookie", "b"], true), [
    "Set-Cookie",
    "a",
    "set-cookie",
    "b",
  ]);
});

test("an answer's framing is kept or dropped with its head", () => {
  const headers = ["A", "1", "transfer-Encoding", "chunked", "B", "2"];
  assert.deepEqual(answerHeaders(headers, true), headers);
  assert.deepEqual(answerHeaders(headers, false), ["A", "1", "B", "2"]);
});

test("a client cannot talk the proxy out of host, length or credentials by naming them in Connection", () => {
  const out = forwarded([
    "Connection",
    "Host, Content-Length, Authorization, Cookie",
    "Host",
    "h",
    "Content-Length",
    "3",
    "Authorization",
    "x",
    "Cookie",
    "c",
  ]);
  assert.deepEqual(out.slice(0, 8), ["Host", "h", "Content-Length", "3", "Authorization", "x", "Cookie", "c"]);
});

test("a client's own x-crossfade headers never pass", () => {
  const out = forwarded([
    "X-Crossfade-Shadow",
    "v1.x.y",
    "x-crossfade-order",
    "1.1",
    "X-CROSSFADE-EPOCH",
    "9",
    "x-crossfad",
    "stays",
  ]);
  assert.deepEqual(out.slice(0, 2), ["x-crossfad", "stays"]);
  assert.equal(out.join(" ").toLowerCase().includes("x-crossfade-"), false);
});

test("x-forwarded-for is continued in place; -proto and -host of an earlier proxy stay", () => {
  const headers = [
    "X-Forwarded-For",
    "1.1.1.1",
    "Host",
    "h",
    "x-forwarded-proto",
    "https",
    "x-forwarded-host",
    "public",
  ];
  assert.deepEqual(forwarded(headers), [
    "X-Forwarded-For",
    "1.1.1.1, 10.0.0.9",
    "Host",
    "h",
    "x-forwarded-proto",
    "https",
    "x-forwarded-host",
    "public",
  ]);
});

test("host: target sends the service's own host and tells the client's in x-forwarded-host", () => {
  const out = forwarded(["A", "1", "Host", "public"], "127.0.0.1:3000");
  assert.deepEqual(out, [
    "A",
    "1",
    "Host",
    "127.0.0.1:3000",
    "x-forwarded-for",
    "10.0.0.9",
    "x-forwarded-proto",
    "http",
    "x-forwarded-host",
    "public",
  ]);
});
