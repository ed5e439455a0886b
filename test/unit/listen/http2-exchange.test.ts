import assert from "node:assert/strict";
import { test } from "node:test";
import { answerHead, http1Headers, problemOf } from "../../../proxy/listen/http2-exchange.ts";

test("header lines of a request become those of HTTP/1.1", () => {
  const table: readonly (readonly [from: readonly string[], hasBody: boolean, to: readonly string[]])[] = [
    [[":method", "GET", ":authority", "a", "x", "1"], false, ["host", "a", "x", "1"]],
    [[":method", "GET", "x", "1", "host", "b"], false, ["x", "1", "host", "b"]],
    [[":authority", "a", "host", "b", "x", "1"], false, ["host", "a", "x", "1"]],
    [["cookie", "a=1", "x", "1", "cookie", "b=2", "cookie", "c"], false, ["cookie", "a=1; b=2; c", "x", "1"]],
    [["te", "trailers", "connection", "x", "keep-alive", "1", "upgrade", "h2c"], false, []],
    [["x", "1"], true, ["x", "1", "transfer-encoding", "chunked"]],
    [["content-length", "5"], true, ["content-length", "5"]],
  ];
  for (const [from, hasBody, to] of table) assert.deepEqual(http1Headers(from, hasBody), to);
});

test("heads that no HTTP/1.1 request line can say are told", () => {
  const head = (method: string, path: string, ...more: string[]): string[] => [
    ":method",
    method,
    ":path",
    path,
    ...more,
  ];
  const table: readonly (readonly [head: readonly string[], problem: number | null])[] = [
    [head("GET", "/", ":authority", "a"), null],
    [head("GET", "/", "host", "a"), null],
    [head("OPTIONS", "*", ":authority", "a"), null],
    [head("GET", "*", ":authority", "a"), 400],
    [head("GET", "x", ":authority", "a"), 400],
    [head("GET", "/"), 400],
    [head("GET", "/", "host", "a", "host", "b"), 400],
    [head("CONNECT", "/", ":authority", "a"), 405],
    [[":path", "/", ":authority", "a"], 405],
  ];
  for (const [given, problem] of table) assert.equal(problemOf(given), problem, given.join(" "));
});

test("an answer's head is a list where Node takes one, else lines by name", () => {
  const lines = [
    "Set-Cookie",
    "a=1",
    "X",
    "1",
    "Set-Cookie",
    "b=2",
    "Connection",
    "close",
    "Transfer-Encoding",
    "chunked",
  ];
  assert.deepEqual(answerHead(200, lines, true), [
    ":status",
    "200",
    "set-cookie",
    "a=1",
    "x",
    "1",
    "set-cookie",
    "b=2",
  ]);
  const grouped = answerHead(200, lines, false);
  assert.deepEqual(Object.entries(grouped), [
    [":status", 200],
    ["set-cookie", ["a=1", "b=2"]],
    ["x", ["1"]],
  ]);
});
