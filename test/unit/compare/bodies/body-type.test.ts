import assert from "node:assert/strict";
import { test } from "node:test";
import { type BodyKind, bodyTypeOf } from "../../../../proxy/compare/bodies/body-type.ts";

test("a type says how its body is read", () => {
  const kinds: readonly (readonly [string, BodyKind])[] = [
    ["application/json", "json"],
    ["APPLICATION/PROBLEM+JSON; charset=utf-8", "json"],
    ["application/vnd.api+json", "json"],
    ["application/graphql-response+json", "json"],
    ["application/x-amz-json-1.0", "json"],
    ["text/json", "json"],
    ["application/x-ndjson", "json-lines"],
    ["application/jsonl", "json-lines"],
    ["application/stream+json", "json-lines"],
    ["application/json-seq", "json-seq"],
    ["application/geo+json-seq", "json-seq"],
    ["application/x-www-form-urlencoded; charset=utf-8", "form"],
    ["multipart/form-data; boundary=x", "multipart"],
    ["Multipart/Mixed", "multipart"],
    ["text/html", "markup"],
    ["application/xml", "markup"],
    ["text/xml", "markup"],
    ["application/soap+xml", "markup"],
    ["image/svg+xml", "markup"],
    ["text/plain", "text"],
    ["text/csv", "text"],
    ["application/javascript", "text"],
    ["application/openapi+yaml", "text"],
    ["text/event-stream", "binary"],
    ["application/octet-stream", "binary"],
    ["image/png", "binary"],
    ["application/jsonp", "binary"],
    ["nonsense", "unsaid"],
    ["", "unsaid"],
  ];
  for (const [type, kind] of kinds) assert.equal(bodyTypeOf(["Content-Type", type]).kind, kind, type);
  assert.equal(bodyTypeOf([]).kind, "unsaid");
});

test("parameters count, in any case and quoted or not", () => {
  const type = bodyTypeOf(["content-type", 'multipart/form-data; Boundary="a b"; CHARSET="UTF-8"']);
  assert.equal(type.boundary, "a b");
  assert.equal(type.charset, "utf-8");
  assert.equal(type.isFormData, true);
});

test("the types of a service that makes up ever new ones are read all the same", () => {
  for (let i = 0; i < 1000; i += 1) {
    assert.equal(bodyTypeOf(["content-type", `multipart/mixed; boundary=${i}`]).boundary, String(i));
  }
  assert.equal(bodyTypeOf(["content-type", "multipart/mixed; boundary=3"]).boundary, "3");
});
