import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { classifyGraphql, tellsErrors } from "../../../proxy/route/graphql.ts";

const PERSISTED = [
  ["abc", "read"],
  ["def", "write"],
] as const;

function classOf(body: unknown, { query = "", contentType = "application/json" as string | null } = {}): string {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return classifyGraphql({ query, contentType, body: Buffer.from(text) }, PERSISTED);
}

const document = (query: string, operationName?: string): string => classOf({ query, operationName });

test("a query reads, a mutation writes; which one is meant is told by operationName", () => {
  assert.equal(document("{ user(id: 1) { name } }"), "read");
  assert.equal(document("query Q($a: In = {x: [1]}) @live { user { name } }"), "read");
  assert.equal(document("mutation { rename(id: 1) { id } }"), "write");
  assert.equal(document("subscription { changes }"), "write");
  assert.equal(document("query A { a } mutation B { b }", "A"), "read");
  assert.equal(document("query A { a } mutation B { b }", "B"), "write");
  assert.equal(document("query A { a } mutation B { b }"), "write");
  assert.equal(document("query A { a } query B { b }"), "read");
  assert.equal(document("query A { a } mutation A { b }", "A"), "write");
  assert.equal(document("query A { a }", "B"), "write");
  assert.equal(document("fragment F on User { name } query { user { ...F } }"), "read");
});

test("words in texts and comments are none of the document's", () => {
  assert.equal(document('# mutation { x }\n{ search(text: "} mutation { x }") { id } }'), "read");
  assert.equal(document('{ search(text: """ " \\""" } mutation M { x } """) { id } }'), "read");
  assert.equal(document('{ search(text: "\\" }") } mutation { x }'), "write");
  assert.equal(document("{ mutation }"), "read");
  assert.equal(document('{ a(text: "open) } mutation { x }'), "write");
});

test("what cannot be told is a write", () => {
  for (const query of ["", "{", "}", "{ a } }", "query", "type A { a: Int }", "query {", "{ a } x { b }", "mutation"]) {
    assert.equal(document(query), "write", query);
  }
  for (const body of ["", "[]", "null", "7", "{", '{"query":7}', '{"query":"{ a }","query":"mutation { b }"}']) {
    assert.equal(classOf(body), "write", body);
  }
  assert.equal(classOf({ query: "{ a }" }, { contentType: "multipart/form-data" }), "write");
  assert.equal(classOf({ query: "{ a }" }, { contentType: null }), "write");
  // Servers take what the URL says before what the body does.
  assert.equal(classOf({ query: "{ a }" }, { query: "?query=mutation%20%7B%20b%20%7D" }), "write");
  assert.equal(
    classOf({ query: "query A { a } mutation B { b }", operationName: "A" }, { query: "?operationName=B" }),
    "write",
  );
  assert.equal(classOf({ query: "{ a }" }, { query: "?trace=1" }), "read");
  assert.equal(classifyGraphql({ query: "", contentType: "application/json", body: null }, []), "write");
});

test("a batch reads where each of it reads; a persisted query is what the table says, and its text before its id", () => {
  assert.equal(classOf([{ query: "{ a }" }, { query: "query { b }" }]), "read");
  assert.equal(classOf([{ query: "{ a }" }, { query: "mutation { b }" }]), "write");
  assert.equal(classOf([{ query: "{ a }" }, 7]), "write");
  const apollo = (sha256Hash: string) => ({ extensions: { persistedQuery: { version: 1, sha256Hash } } });
  assert.deepEqual(
    [apollo("abc"), apollo("def"), apollo("other")].map((body) => classOf(body)),
    ["read", "write", "write"],
  );
  assert.equal(classOf({ documentId: "abc" }), "read");
  assert.equal(classOf({ id: "abc", documentId: "def" }), "write");
  assert.equal(classOf({ ...apollo("abc"), query: "mutation { b }" }), "write");
  assert.equal(classOf("{ a }", { contentType: "application/graphql" }), "read");
  assert.equal(classOf("mutation { a }", { contentType: "application/graphql" }), "write");
});

test("no document with a mutation that may be executed counts as a read, whatever is around it", () => {
  const noise = fc.constantFrom(
    '"a } b"',
    "# x {\n",
    '""" { """',
    "@d(a: {b: 1})",
    ",",
    "...F",
    "f(x: [1, {y: 2}])",
    "{ g }",
  );
  const fields = fc.array(noise, { maxLength: 4 }).map((parts) => `{ h ${parts.join(" ")} }`);
  const definition = fc.tuple(fc.constantFrom("query A", "fragment F on T", "", "query"), fields);
  fc.assert(
    fc.property(
      fc.array(definition, { maxLength: 3 }),
      fields,
      fc.array(definition, { maxLength: 3 }),
      (before, own, after) => {
        const text = [...before, ["mutation", own] as const, ...after].map((parts) => parts.join(" ")).join("\n");
        assert.equal(document(text), "write", text);
      },
    ),
  );
});

test("an answer tells of errors where it has a list of them, of any operation of a batch", () => {
  const tells = (text: string): boolean => tellsErrors(Buffer.from(text));
  for (const text of ['{"errors":[{"message":"no"}]}', '{"data":{"a":1},"errors":[1]}', '[{"data":1},{"errors":[1]}]'])
    assert.equal(tells(text), true, text);
  for (const text of ['{"data":{"errors":[1]}}', '{"errors":[]}', '{"errors":null}', "[]", "no JSON", ""])
    assert.equal(tells(text), false, text);
  assert.equal(tellsErrors(null), false);
});
