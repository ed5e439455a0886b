/**
 * git's own client and git's own server with Crossfade between them: pushes and clones over smart HTTP, legacy and next
 * each with a bare repository. A repository is one lane. Negotiating a fetch is a POST that only reads; a push that the
 * server refuses is a 200 like one that it takes, so the shadow sees it too, and must refuse it for the same reason.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { appendFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test, type TestContext } from "node:test";
import type { DivergenceRecord, RepairRecord } from "../../proxy/evidence/evidence.ts";
import { startBetween, type Between } from "../support/between.ts";
import { git, requireGit, startGitServer, tryGit, type GitServer } from "../support/git.ts";
import { sumOf } from "../support/crossfade.ts";

const ROUTES = `
defaults: { entity: repositories, key: ["path:repository"] }
routes:
  - { name: fetch, match: { path: "/:repository/git-upload-pack", methods: [POST] }, treatAs: read }
  - { name: push, match: { path: "/:repository/git-receive-pack", methods: [POST] } }
  - { name: refs, match: { path: "/:repository/info/refs" }, mirror: { reads: 100% } }
`;

interface Pair {
  readonly legacy: GitServer;
  readonly next: GitServer;
  readonly crossfade: Between;
  /** Holds the clients' working copies. */
  readonly folder: string;
  readonly url: string;
}

before(requireGit);

async function startPair(t: TestContext): Promise<Pair> {
  const legacy = await startGitServer(t);
  const next = await startGitServer(t);
  for (const { root } of [legacy, next]) {
    await git(root, "init", "--quiet", "--bare", "--initial-branch=main", "app.git");
    await git(join(root, "app.git"), "config", "receive.denyNonFastForwards", "true");
  }
  const crossfade = await startBetween(t, legacy.url, next.url, {
    routes: ROUTES,
    nextService: "effects: suppressed\nasShadow: { timeout: 60s, maxAge: 120s }",
  });
  const folder = mkdtempSync(join(tmpdir(), "crossfade-git-client-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return { legacy, next, crossfade, folder, url: `${crossfade.proxyUrl}/app.git` };
}

/** A working copy with one commit on main, which nobody has yet. */
async function startWork(pair: Pair, name: string): Promise<string> {
  const work = join(pair.folder, name);
  await git(pair.folder, "init", "--quiet", "--initial-branch=main", name);
  await git(work, "remote", "add", "origin", pair.url);
  await commit(work, "first");
  return work;
}

async function commit(work: string, words: string): Promise<string> {
  appendFileSync(join(work, "story.txt"), `${words}\n`);
  await git(work, "add", "--all");
  await git(work, "commit", "--quiet", "-m", words);
  return (await git(work, "rev-parse", "HEAD")).trim();
}

/** Everything a bare repository is: its head, its refs, every object that it holds. */
async function stateOf({ root }: GitServer): Promise<{ head: string; refs: string; objects: string }> {
  const repository = join(root, "app.git");
  await git(repository, "fsck", "--full", "--strict");
  return {
    head: await git(repository, "symbolic-ref", "HEAD"),
    refs: await git(repository, "for-each-ref"),
    objects: await git(repository, "cat-file", "--batch-all-objects", "--batch-check"),
  };
}

async function assertSameState({ legacy, next, crossfade }: Pair): Promise<void> {
  await crossfade.settled();
  const [ofLegacy, ofNext] = [await stateOf(legacy), await stateOf(next)];
  assert.notEqual(ofLegacy.refs, "");
  assert.deepEqual(ofNext, ofLegacy);
}

function hook({ root }: GitServer, name: string, script: string): void {
  writeFileSync(join(root, "app.git/hooks", name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

test("pushes small and large, branches, tags and deletions reach both repositories in order, and a clone is whole", async (t) => {
  const pair = await startPair(t);
  const { legacy, next, crossfade } = pair;
  const work = await startWork(pair, "work");
  for (let n = 0; n < 6; n++) {
    await commit(work, `change ${n}`);
    await git(work, "push", "--quiet", "origin", "main");
  }
  writeFileSync(join(work, "large.bin"), randomBytes(6 * 1024 * 1024));
  await commit(work, "large");
  await git(work, "-c", "http.postBuffer=65536", "push", "--quiet", "origin", "main");
  await git(work, "tag", "-a", "v1", "-m", "one");
  await git(work, "push", "--quiet", "origin", "HEAD:refs/heads/side", "v1");
  await git(work, "push", "--quiet", "origin", "--delete", "side");

  await git(pair.folder, "clone", "--quiet", pair.url, "clone");
  const clone = join(pair.folder, "clone");
  await git(clone, "fsck", "--full", "--strict");
  assert.equal(await git(clone, "rev-parse", "HEAD", "v1"), await git(work, "rev-parse", "HEAD", "v1"));

  await assertSameState(pair);
  const { push, refs } = await crossfade.settled();
  assert.ok(push !== undefined);
  // git asks with an empty push whether it may send a large one.
  assert.equal(push.eligible, 6 + 2 + 2);
  assert.equal(push.outcomes["match"], push.eligible);
  assert.equal(push.repairs, 0);
  // What refs a service has is asked before each push, and asked of the shadow in the key's turn: the same, or overtaken.
  assert.ok(refs !== undefined);
  assert.ok((refs.outcomes["match"] ?? 0) > 0);
  assert.equal((refs.outcomes["match"] ?? 0) + (refs.reasons["key-written-meanwhile"] ?? 0), refs.eligible);
  const pushesOf = (server: GitServer): string[] =>
    server.seen
      .filter(({ line }) => line === "POST /app.git/git-receive-pack")
      .map(({ status, bytes }) => `${status} ${bytes} bytes`);
  assert.deepEqual(pushesOf(next), pushesOf(legacy));
  assert.equal(legacy.seen.filter(({ chunked }) => chunked).length, 1);
  assert.equal(
    next.seen.filter(({ line }) => line.startsWith("POST") && line.endsWith("git-upload-pack")).length,
    0,
    "a fetch is not mirrored",
  );
});

test("a fetch that negotiates at length sends its haves gzipped, and gets what it lacks", async (t) => {
  const pair = await startPair(t);
  const work = await startWork(pair, "work");
  await git(work, "push", "--quiet", "origin", "main");
  await git(pair.folder, "clone", "--quiet", pair.url, "other");
  const other = join(pair.folder, "other");
  // Commits that the server has never heard of are offered one by one.
  for (let n = 0; n < 70; n++) await git(other, "commit", "--quiet", "--allow-empty", "-m", `own ${n}`);
  for (const version of ["2", "0"]) {
    const pushed = await commit(work, `news ${version}`);
    await git(work, "push", "--quiet", "origin", "main");
    await git(other, "update-ref", "-d", "refs/remotes/origin/main");
    const before = pair.legacy.seen.length;
    await git(
      other,
      "-c",
      `protocol.version=${version}`,
      "fetch",
      "--quiet",
      "origin",
      "main:refs/remotes/origin/main",
    );
    assert.equal((await git(other, "rev-parse", "origin/main")).trim(), pushed);
    assert.ok(
      pair.legacy.seen.slice(before).some(({ gzipped }) => gzipped),
      `gzipped in protocol ${version}`,
    );
  }
  await assertSameState(pair);
});

test("parallel pushes to branches of one repository all arrive at both; that they overlapped is written down", async (t) => {
  const pair = await startPair(t);
  const works = await Promise.all([..."abcdef"].map((name) => startWork(pair, name)));
  // Legacy takes none of them before all of them have come.
  const arrived = mkdtempSync(join(pair.folder, "arrived-"));
  hook(
    pair.legacy,
    "pre-receive",
    `: > "${arrived}/$$"; until [ "$(ls "${arrived}" | wc -l)" -ge ${works.length} ]; do sleep 0.05; done`,
  );
  const pushAll = async (): Promise<void> => {
    await Promise.all(
      works.map(async (work, n) => {
        await commit(work, `change of ${n}`);
        await git(work, "push", "--quiet", "origin", `HEAD:refs/heads/branch-${n}`);
      }),
    );
  };
  await pushAll();
  await pushAll();
  await assertSameState(pair);
  const { push } = await pair.crossfade.settled();
  assert.equal(push?.eligible, 2 * works.length);
  assert.equal(push.outcomes["match"], push.eligible);
  const { items } = await pair.crossfade.api<{ items: RepairRecord[] }>("/api/v1/repairs");
  assert.deepEqual([...new Set(items.map(({ key, reason }) => `${key} ${reason}`))], ["repositories/app.git overlap"]);
});

test("a push that legacy refuses leaves both repositories as they were", async (t) => {
  const pair = await startPair(t);
  for (const server of [pair.legacy, pair.next]) {
    hook(server, "pre-receive", 'while read -r old new ref; do case "$ref" in */locked*) echo no; exit 1;; esac; done');
    hook(server, "update", 'case "$1" in */frozen*) exit 1;; esac');
  }
  const work = await startWork(pair, "work");
  await commit(work, "second");
  await git(work, "push", "--quiet", "origin", "main");
  await pair.crossfade.settled();
  const refsBefore = (await stateOf(pair.next)).refs;

  await git(work, "reset", "--quiet", "--hard", "HEAD~1");
  await commit(work, "another second");
  const refusals: readonly (readonly [string, ...string[]])[] = [
    ["non-fast-forward", "--force", "main"],
    ["pre-receive hook declined", "HEAD:refs/heads/locked"],
    ["hook declined", "HEAD:refs/heads/frozen"],
    ["atomic", "--atomic", "HEAD:refs/heads/fine", "HEAD:refs/heads/frozen"],
  ];
  for (const [why, ...what] of refusals) {
    const [flags, refs] = [what.filter((arg) => arg.startsWith("--")), what.filter((arg) => !arg.startsWith("--"))];
    const ended = await tryGit(work, "push", ...flags, "origin", ...refs);
    assert.equal(ended.code, 1, ended.err);
    assert.match(ended.err, new RegExp(why));
  }
  await assertSameState(pair);
  assert.equal((await stateOf(pair.next)).refs, refsBefore);
  const { push } = await pair.crossfade.settled();
  assert.equal(
    push?.outcomes["match"],
    1 + refusals.length,
    "a refusal is an answer like another: compared, and equal",
  );
});

test("a push that legacy does not admit at all never reaches next", async (t) => {
  const pair = await startPair(t);
  const work = await startWork(pair, "work");
  await git(work, "push", "--quiet", "origin", "main");
  await git(join(pair.legacy.root, "app.git"), "config", "http.receivepack", "false");
  await pair.crossfade.settled();
  const before = pair.next.seen.filter(({ line }) => line.startsWith("POST")).length;
  // The client would not even ask once it has seen that pushes are off; one that asks all the same is refused.
  const answer = await fetch(`${pair.url}/git-receive-pack`, {
    method: "POST",
    headers: { "content-type": "application/x-git-receive-pack-request" },
    body: "0000",
  });
  assert.equal(answer.status, 403);
  const { push } = await pair.crossfade.settled();
  assert.equal(push?.reasons["not-accepted"], 1);
  assert.equal(pair.next.seen.filter(({ line }) => line.startsWith("POST")).length, before);
});

test("a hook that next forgot is found: what legacy refused and next took is divergent", async (t) => {
  const pair = await startPair(t);
  hook(pair.legacy, "update", "exit 1");
  const work = await startWork(pair, "work");
  assert.equal((await tryGit(work, "push", "origin", "main")).code, 1);
  const { push } = await pair.crossfade.settled();
  assert.ok(push !== undefined);
  assert.equal(push.outcomes["divergent"], 1);
  const { items } = await pair.crossfade.api<{ items: DivergenceRecord[] }>("/api/v1/divergences?route=push");
  assert.deepEqual(
    items.map(({ key, differences }) => [key, differences.map(({ kind }) => kind)]),
    [["repositories/app.git", ["body"]]],
  );
});

test("pushes of one branch whose answers overtake one another are never trusted: the repository is on the repair list", async (t) => {
  const pair = await startPair(t);
  const work = await startWork(pair, "work");
  await git(work, "push", "--quiet", "origin", "main");
  await pair.crossfade.settled();
  const release = join(pair.folder, "release");
  const applied = join(pair.folder, "applied");
  for (const { root } of [pair.legacy, pair.next]) {
    await git(join(root, "app.git"), "config", "receive.denyNonFastForwards", "false");
  }
  // Legacy has applied the first push and keeps its answer back until the second is answered.
  hook(
    pair.legacy,
    "post-receive",
    `read -r old new ref; case "$ref" in */slow) : > '${applied}'; until [ -e '${release}' ]; do sleep 0.05; done;; esac`,
  );
  await commit(work, "first to be applied");
  const slow = git(work, "push", "--quiet", "origin", "HEAD:refs/heads/slow");
  while (!existsSync(applied)) await new Promise((resolve) => setTimeout(resolve, 20));
  await git(pair.legacy.root, "-C", "app.git", "config", "core.hooksPath", "/nonexistent");
  await commit(work, "second to be applied");
  await git(work, "push", "--quiet", "--force", "origin", "HEAD:refs/heads/slow");
  writeFileSync(release, "");
  await slow;

  const { push } = await pair.crossfade.settled();
  assert.ok(push !== undefined);
  assert.equal(sumOf(push), 3);
  const [ofLegacy, ofNext] = [await stateOf(pair.legacy), await stateOf(pair.next)];
  // Sent in the order of the answers, the second finds at next no branch as it expects it, and is refused.
  assert.notEqual(ofNext.refs, ofLegacy.refs);
  assert.equal(push.outcomes["divergent"], 1);
  const { items } = await pair.crossfade.api<{ items: RepairRecord[] }>("/api/v1/repairs");
  assert.deepEqual([...new Set(items.map(({ key }) => key))], ["repositories/app.git"]);
});
