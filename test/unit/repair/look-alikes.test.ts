import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import type { FindSettings } from "../../../proxy/config/settings.ts";
import type { Answer } from "../../../proxy/exchange.ts";
import { isSameKey, itemsOf, naturalKeyOf, queryFor } from "../../../proxy/repair/look-alikes.ts";

function answerOf(body: string | Buffer, headers: readonly string[] = []): Answer {
  return { status: 200, headers, body: { kind: "memory", bytes: Buffer.from(body) }, ms: 1 };
}

function findBy(names: readonly string[], within = ""): FindSettings {
  const by = names.map((name, i) => ({
    at: { source: "answer", name: `/${name}` } as const,
    query: i === 0 ? name : null,
  }));
  return { read: "/users", by, within };
}

test("what is listed is read wherever the list is, each as if it had been asked for alone and nothing rounded", () => {
  const said = (body: string, within = ""): unknown => {
    const listed = itemsOf(answerOf(body), findBy(["email"], within));
    return listed.ok
      ? listed.items.map((item) => (item.body.kind === "memory" ? item.body.bytes.toString() : ""))
      : listed.why;
  };
  assert.deepEqual(said('[{"id":9007199254740993}, {"id":1.0}]'), ['{"id":9007199254740993}', '{"id":1.0}']);
  assert.deepEqual(said('{"page":{"items":[{"id":1}]}}', "/page/items"), ['{"id":1}']);
  assert.deepEqual(said('[[{"id":1}]]', "/0"), ['{"id":1}']);
  assert.deepEqual(said('{"id":1}'), ['{"id":1}']);
  assert.deepEqual(said("[]"), []);
  assert.match(String(said('{"items":[]}', "/users")), /nothing at values\.find\.in/);
  assert.match(String(said("<html>")), /no JSON/);
  assert.match(String(said(`[${Array.from({ length: 101 }, () => "{}").join(",")}]`)), /more than 100/);
  const packed = itemsOf(answerOf(gzipSync('[{"id":1}]'), ["content-encoding", "gzip"]), findBy(["email"]));
  assert.ok(packed.ok && packed.items.length === 1);
});

test("two are the same where each place of the key says the same text, and what says none is nobody's", () => {
  const find = findBy(["email", "born"]);
  const key = naturalKeyOf(answerOf('{"email":"a&b@x.y","born":1990,"more":true}'), find);
  assert.ok(key !== null);
  assert.equal(queryFor(find, key), "email=a%26b%40x.y");
  const same = (body: string): boolean => isSameKey(key, naturalKeyOf(answerOf(body), find));
  assert.equal(same('{"born":1990,"email":"a\\u0026b@x.y"}'), true);
  assert.equal(same('{"born":"1990","email":"a&b@x.y"}'), false);
  assert.equal(same('{"born":1990,"email":"A&b@x.y"}'), false);
  assert.equal(same('{"born":1990}'), false);
  assert.equal(same('{"born":null,"email":"a&b@x.y"}'), false);
  // Which of two counts is not known.
  assert.equal(same('{"born":1990,"born":1990,"email":"a&b@x.y"}'), false);
  assert.equal(naturalKeyOf(answerOf("[]"), find), null);
});
