/**
 * End to end: a blog and a rewrite of it that has nothing in common with it but what it is for. Database ids against UUIDs, tokens
 * of two makers, slugs, nested resources, other paths, methods and members.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DivergenceRecord } from "../../proxy/evidence/evidence.ts";
import { createBlog } from "../support/blog-api.ts";
import { PLANTED, playBlog } from "../support/blog-client.ts";
import { createRewrittenBlog } from "../support/blog-rewrite.ts";
import { type Bench, startBench } from "../support/crossfade.ts";
import { countedFrom } from "../support/id-api.ts";
import { moveAll } from "../support/move-all.ts";

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

/** A member that is not there is undefined. */
type Said = Readonly<Record<string, string | number | null | undefined>>;

/** What a client has got hold of. */
interface Held {
  readonly name: string;
  readonly id: string | number;
  readonly token: string;
  readonly slug: string;
  readonly comment: Said[string];
}

/** Clients that use again what they hold, whoever answers them. */
function clientsOf({ send }: Bench) {
  let requests = 0;
  async function ask(method: string, path: string, body?: unknown, token?: string): Promise<Said> {
    requests += 1;
    const answer = await send(method, path, body, token === undefined ? {} : { authorization: `Bearer ${token}` });
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
    return { ...(JSON.parse(answer.text) as Said), location: String(answer.headers["location"]) };
  }
  return {
    requests: () => requests,
    async make(name: string): Promise<Held> {
      const user = await ask("POST", "/users", { name });
      assert.equal(user["location"], `/users/${user["id"]}`);
      const token = String((await ask("POST", "/login", { name }))["token"]);
      const post = await ask("POST", "/posts", { title: `${name}'s`, text: "draft" }, token);
      assert.deepEqual([post["authorId"], post["location"]], [user["id"], `/posts/${post["slug"]}`]);
      const slug = String(post["slug"]);
      const comment = await ask("POST", `/posts/${slug}/comments`, { text: `first of ${name}` }, token);
      return { name, id: user["id"] ?? "", token, slug, comment: comment["id"] };
    },
    /** `by`: whose token is shown. All that is answered has the names that the client knows. */
    async use({ name, id, slug, comment }: Held, by: Held, when: string): Promise<void> {
      const user = await ask("GET", `/users/${id}`);
      assert.deepEqual([user["id"], user["name"]], [id, name]);
      assert.equal((await ask("PUT", `/users/${id}`, { name }))["id"], id);
      const post = await ask("PUT", `/posts/${slug}`, { text: `said ${when}` }, by.token);
      assert.deepEqual([post["slug"], post["authorId"], post["text"]], [slug, id, `said ${when}`]);
      const reply = { text: `${by.name} to ${name} ${when}`, replyToId: comment };
      const said = await ask("POST", `/posts/${slug}/comments`, reply, by.token);
      assert.equal(said["replyToId"], comment);
      const changed = await ask("PUT", `/posts/${slug}/comments/${said["id"]}`, { text: `${reply.text}!` }, by.token);
      assert.deepEqual([changed["id"], changed["replyToId"]], [said["id"], comment]);
      const read = await ask("GET", `/posts/${slug}`, undefined, by.token);
      assert.deepEqual([read["slug"], read["authorId"]], [slug, id]);
    },
  };
}

test("ids, slugs and tokens that clients hold stay good over a cutover and a rollback, whichever service made them", async (t) => {
  let suffix = 0;
  const same = (text: string): string => text;
  const old = createBlog({ makeId: countedFrom(17), makeSuffix: () => `${++suffix}x`, key: "old", store: same });
  const fresh = createRewrittenBlog(same);
  const bench = await startBench(t, { routes: ROUTES, legacy: old.answer, next: fresh.answer });
  const clients = clientsOf(bench);
  const settled = () => bench.settled(clients.requests());

  const ann = await clients.make("Ann");
  await clients.use(ann, ann, "before");
  assert.equal(typeof ann.id, "number");
  const before = await settled();
  assert.ok(before.every(({ mappedForClients }) => mappedForClients.requests + mappedForClients.answers === 0));

  await moveAll(bench, "advance");
  await clients.use(ann, ann, "at next");
  const bob = await clients.make("Bob");
  await clients.use(bob, ann, "at next");
  await clients.use(ann, bob, "at next, by Bob");
  assert.match(String(bob.id), /^[0-9a-f-]{36}$/);
  const atNext = await settled();
  assert.ok(atNext.every(({ mappedForClients }) => mappedForClients.requests > 0));
  assert.ok(atNext.every(({ mappedForClients }) => mappedForClients.unmapped === 0));

  await moveAll(bench, "rollback");
  const cid = await clients.make("Cid");
  assert.equal(typeof cid.id, "number");
  for (const [one, by] of [
    [ann, bob],
    [bob, cid],
    [cid, ann],
  ] as const)
    await clients.use(one, by, "back");
  await settled();

  await moveAll(bench, "advance");
  for (const [one, by] of [
    [ann, cid],
    [bob, ann],
    [cid, bob],
  ] as const)
    await clients.use(one, by, "again");
  const routes = await settled();

  assert.deepEqual([old.refused, fresh.refused], [[], []]);
  assert.deepEqual(fresh.state(), old.state());
  const unlike = routes.flatMap(({ name, outcomes, eligible }) =>
    outcomes["match"] === eligible ? [] : [`${name}: ${JSON.stringify(outcomes)}`],
  );
  assert.deepEqual(unlike, []);
  assert.ok(fresh.asked.every((asked) => /^(?:GET|POST|PATCH|DELETE) \/v2\//.test(asked)));
});
