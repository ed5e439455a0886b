import assert from "node:assert/strict";
import { test } from "node:test";
import { hostOf, splitPath } from "../../proxy/target.ts";

test("a target's path is found in every form of RFC 9112, 3.2", () => {
  const table: readonly (readonly [target: string, segments: readonly string[] | null])[] = [
    ["", []],
    ["/", []],
    ["//", [""]],
    ["//x", ["", "x"]],
    ["/a/b", ["a", "b"]],
    ["/a/b/", ["a", "b"]],
    ["/a/b//", ["a", "b", ""]],
    ["/%zz/..", ["%zz", ".."]],
    ["http://h", []],
    ["http://h/", []],
    ["HTTPS://u:p@h:1/a//b/", ["a", "", "b"]],
    ["*", null],
    ["h:443", null],
    ["a b://h/x", null],
    ["://h/x", null],
    ["urn:x/y", null],
  ];
  for (const [target, segments] of table) assert.deepEqual(splitPath(target), segments, target);
});

test("the host is without port and in lower case; an absolute-form target wins over the header", () => {
  const table: readonly (readonly [path: string, header: string | null, host: string])[] = [
    ["/", "Api.Example.com:8080", "api.example.com"],
    ["/", "[::1]:80", "[::1]"],
    ["/", "[::1]", "[::1]"],
    ["/", null, ""],
    ["/", "", ""],
    ["http://Other:81/x", "api.example.com", "other"],
    ["http://u:p@other", "api.example.com", "other"],
    ["*", "h:1", "h"],
  ];
  for (const [path, header, host] of table) {
    assert.equal(hostOf({ path, headers: header === null ? [] : ["Host", header] }), host, `${path} ${header}`);
  }
});
