/** A GraphQL endpoint: one path, one method; what a request does stands in its body. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { request } from "undici";
import { startBench } from "../support/crossfade.ts";
import { json } from "../support/service.ts";

const ROUTES = `routes:
  - name: graph
    match: { path: /graphql }
    treatAs: graphql
    entity: users
    key: ["body:/variables/id", "answer:/data/create/id"]
    graphql: { persisted: { abc: read } }
`;

test("queries are answered and not mirrored, mutations are, in the lane of what they are about", async (t) => {
  const bench = await startBench(t, { routes: ROUTES });
  bench.legacy.answerWith(json(200, { data: { create: { id: 7 } } }));
  bench.next.answerWith(json(200, { data: { create: { id: 7 } } }));
  const post = (body: unknown): Promise<unknown> => bench.send("POST", "/graphql", body);
  await post({ query: "{ users { name } }" });
  await post({ extensions: { persistedQuery: { version: 1, sha256Hash: "abc" } } });
  await post([{ query: "{ a }" }, { query: "query { b }" }]);
  await post({ query: 'mutation { create(name: "Ann") { id } }' });
  await post({ query: "mutation($id: ID!) { rename(id: $id) { id } }", variables: { id: "7" } });
  await post({ extensions: { persistedQuery: { version: 1, sha256Hash: "unknown" } } });
  const [route] = await bench.settled(6);
  assert.equal(bench.legacy.seen.length, 6);
  assert.deepEqual(
    bench.next.seen.map(({ body }) => body.toString()),
    bench.legacy.seen.slice(3).map(({ body }) => body.toString()),
  );
  assert.deepEqual([route?.outcomes["match"], route?.reasons["sampled-out"], route?.repairs], [3, 3, 0]);
  // Of each query a line would push out what the log is for.
  const { items } = await bench.api<{ items: unknown[] }>("/api/v1/divergences");
  assert.deepEqual(items, []);
});

test("a compressed query is read, a query by GET is a read at once, and one with a file is a write", async (t) => {
  const bench = await startBench(t, { routes: ROUTES });
  const url = `${bench.crossfade.proxyUrl}/graphql`;
  const headers = { "content-type": "application/json", "content-encoding": "gzip" };
  await (await request(url, { method: "POST", headers, body: gzipSync('{"query":"{ a }"}') })).body.dump();
  await (await request(`${url}?query=%7Ba%7D`)).body.dump();
  const type = { "content-type": "multipart/form-data; boundary=b" };
  const form = '--b\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{"query":"{ a }"}\r\n--b--\r\n';
  await (await request(url, { method: "POST", headers: type, body: form })).body.dump();
  const [route] = await bench.settled(2);
  assert.deepEqual([route?.eligible, route?.reasons["sampled-out"]], [2, 1]);
  assert.equal(bench.next.seen.length, 1);
});
