/**
 * CouchDB replication with Crossfade between PouchDB's client and two pouchdb-servers (express-pouchdb is their server
 * side). A database is one lane, since `_bulk_docs` writes many documents; several of its POSTs only ask. Revisions are
 * made from a document's content, so both services must end with the same documents, revisions, conflicts and sequence.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test, type TestContext } from "node:test";
import type { DivergenceRecord } from "../../proxy/evidence/evidence.ts";
import { startBetween, type Between } from "../support/between.ts";
import { localPouch, remotePouch, startCouch, type Pouch } from "../support/couch.ts";
import { sumOf } from "../support/crossfade.ts";
import { connectTo, type Wire } from "../support/wire.ts";

const ASKING = ["_revs_diff", "_bulk_get", "_all_docs", "_find", "_explain", "_changes"];
const ROUTES = `
defaults:
  entity: databases
  key: ["path:db"]
  # express-pouchdb writes the port that it listens on, where CouchDB writes the host that it was asked for.
  compare: { ignore: [{ at: header:location, because: the port of the service itself }] }
routes:
${ASKING.map((name) => `  - { name: ${name.slice(1)}, match: { path: "/:db/${name}", methods: [POST] }, treatAs: read, mirror: { reads: ${name === "_changes" ? 0 : 100}% } }`).join("\n")}
  - { name: database, match: { path: "/:db/**" } }
`;

interface Pair {
  readonly legacyUrl: string;
  readonly nextUrl: string;
  readonly crossfade: Between;
  /** The database as clients address it. */
  readonly url: string;
  readonly remote: Pouch;
}

async function startPair(t: TestContext): Promise<Pair> {
  const [legacyUrl, nextUrl] = await Promise.all([startCouch(t), startCouch(t)]);
  const crossfade = await startBetween(t, legacyUrl, nextUrl, {
    routes: ROUTES,
    nextService: "effects: suppressed\nasShadow: { timeout: 60s, maxAge: 120s }",
  });
  const url = `${crossfade.proxyUrl}/shop`;
  const remote = remotePouch(url);
  await remote.allDocs();
  return { legacyUrl, nextUrl, crossfade, url, remote };
}

interface Change {
  readonly seq: number;
  readonly id: string;
  readonly changes: readonly { readonly rev: string }[];
}

/** All that a database holds: documents with revision, conflicts and attachments; every leaf in order, deleted ones too. */
async function stateOf(serviceUrl: string): Promise<{ documents: unknown; leaves: Change[] }> {
  const ask = async (path: string): Promise<unknown> => (await fetch(`${serviceUrl}/shop/${path}`)).json();
  return {
    documents: await ask("_all_docs?include_docs=true&conflicts=true&attachments=true"),
    leaves: ((await ask("_changes?style=all_docs&since=0")) as { results: Change[] }).results,
  };
}

async function assertSameState({ legacyUrl, nextUrl, crossfade }: Pair, { inOrder = true } = {}): Promise<void> {
  const routes = await crossfade.settled();
  const { items } = await crossfade.api<{ items: DivergenceRecord[] }>("/api/v1/divergences");
  const noted = items.filter(({ reason }) => reason !== "key-written-meanwhile");
  assert.deepEqual(
    noted.map(({ method, path, outcome, differences }) => ({ method, path, outcome, differences })),
    [],
  );
  for (const route of Object.values(routes)) assert.equal(sumOf(route), route.eligible, route.name);
  const [ofLegacy, ofNext] = [await stateOf(legacyUrl), await stateOf(nextUrl)];
  assert.notEqual(ofLegacy.leaves.length, 0);
  assert.deepEqual(ofNext.documents, ofLegacy.documents);
  if (inOrder) assert.deepEqual(ofNext.leaves, ofLegacy.leaves);
  else assert.deepEqual(byId(ofNext.leaves), byId(ofLegacy.leaves));
}

function byId(leaves: readonly Change[]): unknown {
  return Object.fromEntries(leaves.map(({ id, changes }) => [id, changes]));
}

test("what two clients push, with conflicts, deletions and attachments, a third pulls whole, and both services hold the same", async (t) => {
  const pair = await startPair(t);
  const { remote, url } = pair;
  const [ann, bob, eve] = [localPouch("ann"), localPouch("bob"), localPouch("eve")];
  const picture = randomBytes(1_500_000);
  for (let n = 0; n < 30; n++) await ann.put({ _id: `order/${n}`, n, words: "é ☃ \ud83d\ude00 \u0000" });
  await ann.remove("order/3", (await ann.get("order/3"))._rev ?? "");
  await ann.put({ ...(await ann.get("order/4")), paid: true });
  await ann.put({ _id: "picture", _attachments: { "a b.png": { content_type: "image/png", data: picture } } });
  await ann.put({ _id: "shared", by: "ann" });
  await bob.put({ _id: "shared", by: "bob" });

  assert.equal((await ann.replicate.to(remote, { batch_size: 7 })).ok, true);
  assert.equal((await bob.replicate.to(remote)).ok, true);
  assert.equal((await eve.replicate.from(remote, { batch_size: 11 })).ok, true);

  const pulled = await eve.allDocs({ include_docs: true, conflicts: true });
  assert.deepEqual(pulled.rows, (await remote.allDocs({ include_docs: true, conflicts: true })).rows);
  assert.equal(pulled.rows.length, 31);
  const shared = pulled.rows.find(({ id }) => id === "shared");
  assert.equal((shared?.doc["_conflicts"] as string[] | undefined)?.length, 1);
  assert.ok((await eve.getAttachment("picture", "a b.png")).equals(picture));

  const found = await fetch(`${url}/_find`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ selector: { n: { $gt: 27 } } }),
  });
  assert.deepEqual(((await found.json()) as { docs: { n: number }[] }).docs.map(({ n }) => n).sort(), [28, 29]);
  assert.equal((await remote.allDocs({ keys: ["order/1", "order/3", "none"] })).rows.length, 3);
  await assertSameState(pair);
});

test("an attachment of its own, a binary body either way, is the same at both services and at the client", async (t) => {
  const pair = await startPair(t);
  const { remote } = pair;
  const bytes = randomBytes(3 * 1024 * 1024);
  let { rev } = await remote.put({ _id: "film" });
  for (const [name, body] of Object.entries({
    empty: Buffer.alloc(0),
    "all bytes": bytes,
    "a/b": Buffer.from("\r\n0\r\n\r\n"),
  })) {
    ({ rev } = await remote.putAttachment("film", name, rev, body, "application/octet-stream"));
    assert.ok((await remote.getAttachment("film", name)).equals(body), name);
  }
  await remote.remove("film", rev);
  await remote.put({ _id: "last" });
  await assertSameState(pair);
});

test("a continuous feed brings each change while the next does not yet exist, and its heartbeats in between", async (t) => {
  const pair = await startPair(t);
  const feed = await openFeed(t, pair, "feed=continuous&since=0&heartbeat=25");
  for (let n = 0; n < 10; n++) {
    assert.ok(!feed.received().includes(`"id":"line-${n}"`));
    await pair.remote.put({ _id: `line-${n}` });
    assert.ok((await feed.until(`"id":"line-${n}"`)).includes(`"id":"line-${n}"`));
    const alive = feed.received().length;
    await beat(feed, alive);
  }
  await assertSameState(pair);
});

/** Resolves when an empty line, a heartbeat, has come in a chunk of its own after the first `length` characters. */
async function beat(feed: Wire, length: number): Promise<void> {
  while (!feed.received().slice(length).includes("\r\n1\r\n\n\r\n")) {
    await new Promise((resolve) => feed.socket.once("data", resolve));
  }
}

test("a long poll begins its answer at once and ends it with the change that it waited for", async (t) => {
  const pair = await startPair(t);
  for (let n = 0; n < 5; n++) {
    const poll = await openFeed(t, pair, `feed=longpoll&since=${n}`);
    await poll.until('{"results":[');
    assert.ok(!poll.received().includes(`"id":"doc-${n}"`));
    await pair.remote.put({ _id: `doc-${n}` });
    assert.ok((await poll.until("\r\n0\r\n\r\n")).includes(`"id":"doc-${n}"`));
  }
  await assertSameState(pair);
});

async function openFeed(t: TestContext, { url }: Pair, query: string): Promise<Wire> {
  const { pathname, host } = new URL(url);
  const wire = await connectTo(url);
  t.after(() => wire.close());
  wire.write(`GET ${pathname}/_changes?${query} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  return wire;
}

test("two clients that stay in sync through Crossfade hear of each other's changes, and both services agree", async (t) => {
  const pair = await startPair(t);
  const [ann, bob] = [localPouch("live-ann"), localPouch("live-bob")];
  const feeds = [ann, bob].map((local) => local.sync(pair.remote, { live: true, retry: true }));
  t.after(() => feeds.forEach((feed) => feed.cancel()));
  for (let n = 0; n < 6; n++) {
    const [from, to] = n % 2 === 0 ? [ann, bob] : [bob, ann];
    const id = `note-${n}`;
    const heard = hears(to, id);
    await from.put({ _id: id, n });
    await heard;
    assert.equal((await to.get(id))["n"], n);
  }
  for (const feed of feeds) {
    const over = new Promise((resolve) => feed.on("complete", resolve));
    feed.cancel();
    await over;
  }
  // What the two wrote at the same time has no order that anybody could know.
  await assertSameState(pair, { inOrder: false });
});

/** Resolves when the database has a document of this name. */
function hears(database: Pouch, id: string): Promise<void> {
  return new Promise((resolve) => {
    const feed = database.changes({ live: true, since: 0 });
    feed.on("change", (change) => {
      if (change.id !== id) return;
      feed.cancel();
      resolve();
    });
  });
}
