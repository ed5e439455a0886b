/**
 * End to end: a blog and a rewrite of it that has nothing in common with it but what it is for. Database ids against UUIDs, tokens
 * of two makers, slugs, nested resources, other paths, methods and members.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DivergenceRecord } from "../../proxy/evidence.ts";
import { createBlog } from "../support/blog-api.ts";
import { PLANTED, playBlog } from "../support/blog-client.ts";
import { createRewrittenBlog } from "../support/blog-rewrite.ts";
import { startBench } from "../support/crossfade.ts";
import { countedFrom } from "../support/id-api.ts";

const TOKEN = '{ at: "header:authorization", kind: token }';

const ROUTES = `routes:
  - name: login
    match: { path: /login }
    values: { learn: [{ at: "answer:/token", kind: token }] }
    transform:
      path: /v2/sessions
      body: [{ legacy: /name, next: /person/name, of: request }, { legacy: /token, next: /session/token, of: answer }]
  - name: users
    match: { path: "/users/:id?" }
    mirror: { reads: 100% }
    values: { learn: [{ at: "answer:/id", kind: user }], apply: [{ at: "path:id", kind: user }, { at: "answer-header:location", kind: user }] }
    transform:
      path: "/v2/people/:id?"
      methods: { PUT: PATCH }
      body: [{ legacy: /id, next: /uuid }, { legacy: /name, next: /person/name }]
  - name: comments
    match: { path: "/posts/:post/comments/:comment?" }
    values:
      learn: [{ at: "answer:/id", kind: comment }]
      apply:
        - ${TOKEN}
        - { at: "path:post", kind: post }
        - { at: "path:comment", kind: comment }
        - { at: "body:/replyToId", kind: comment }
    transform:
      path: "/v2/articles/:post/replies/:comment?"
      methods: { PUT: PATCH }
      body: [{ legacy: /id, next: /uuid }, { legacy: /text, next: /content }, { legacy: /replyToId, next: /answers }]
  - name: posts
    match: { path: "/posts/:slug?" }
    mirror: { reads: 100% }
    key: ["path:slug", "answer:/slug"]
    values:
      learn: [{ at: "answer:/slug", kind: post }]
      apply:
        - ${TOKEN}
        - { at: "path:slug", kind: post }
        - { at: "answer:/authorId", kind: user }
        - { at: "answer-header:location", kind: post }
    transform:
      path: "/v2/articles/:slug?"
      methods: { PUT: PATCH }
      body:
        - { legacy: /title, next: /heading }
        - { legacy: /text, next: /content }
        - { legacy: /authorId, next: /author/uuid, of: answer }
`;

test("a rewrite with its own ids, tokens, paths and members gets every write where it belongs, and only what is wrong differs", async (t) => {
  let suffix = 0;
  const old = createBlog({
    makeId: countedFrom(17),
    makeSuffix: () => `${++suffix}x`,
    key: "old",
    store: (text) => text,
  });
  const planted = (text: string): string =>
    PLANTED.reduce((all, each) => all.replaceAll(each, each.toUpperCase()), text);
  const fresh = createRewrittenBlog(planted);
  const bench = await startBench(t, { routes: ROUTES, legacy: old.answer, next: fresh.answer });
  const requests = await playBlog(bench);
  assert.ok(requests >= 60, `${requests} requests`);
  const routes = await bench.settled(requests);
  assert.deepEqual([old.refused, fresh.refused], [[], []]);
  assert.deepEqual(fresh.state(), old.state().map(planted).sort());
  const sums = { divergent: 0, match: 0 };
  for (const { outcomes } of routes) {
    sums.divergent += outcomes["divergent"] ?? 0;
    sums.match += outcomes["match"] ?? 0;
  }
  // The DELETE of a post says its text once more.
  assert.deepEqual(sums, { divergent: PLANTED.length + 1, match: requests - PLANTED.length - 1 });
  const { items } = await bench.api<{ items: DivergenceRecord[] }>("/api/v1/divergences?limit=1000");
  const told = items.flatMap(({ differences }) => differences.map(({ at, primary }) => `${at} ${primary}`));
  assert.deepEqual([...new Set(told)].sort(), PLANTED.map((text) => `/text ${JSON.stringify(text)}`).sort());
  // Next is asked its own way alone.
  assert.ok(fresh.asked.every((asked) => /^(?:GET|POST|PATCH|DELETE) \/v2\//.test(asked)));
});
