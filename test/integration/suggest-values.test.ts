/** `crossfade suggest` on two services that make their own ids: what it proposes makes mirroring work. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test, type TestContext } from "node:test";
import { isDeepStrictEqual } from "node:util";
import type { DivergenceRecord } from "../../proxy/evidence/evidence.ts";
import { createBlog, type Blog } from "../support/blog-api.ts";
import { PLANTED, playBlog } from "../support/blog-client.ts";
import { runCli } from "../support/cli.ts";
import { type Bench, startBench } from "../support/crossfade.ts";
import { countedFrom } from "../support/id-api.ts";

interface Run extends Bench {
  readonly old: Blog;
  readonly fresh: Blog;
}

interface Proposed {
  readonly learn: string[];
  readonly apply: string[];
}

const PATHS: Readonly<Record<string, string>> = {
  login: "/login",
  users: "/users/:id?",
  comments: "/posts/:post/comments/:comment?",
  posts: "/posts/:slug?",
};
/** Each reveals what the next one needs: users and tokens, then posts, then comments; and one more if a pair came late. */
const MOST_ROUNDS = 6;

function routesWith(values: ReadonlyMap<string, Proposed>): string {
  const lines = ["routes:"];
  for (const [name, path] of Object.entries(PATHS)) {
    lines.push(`  - name: ${name}`, `    match: { path: "${path}" }`, "    mirror: { reads: 100% }");
    const { learn = [], apply = [] } = values.get(name) ?? {};
    if (learn.length + apply.length > 0) lines.push("    values:");
    if (learn.length > 0) lines.push("      learn:", ...learn);
    if (apply.length > 0) lines.push("      apply:", ...apply);
  }
  return `${lines.join("\n")}\n`;
}

async function start(t: TestContext, values: ReadonlyMap<string, Proposed>): Promise<Run> {
  let suffix = 0;
  const old = createBlog({
    makeId: countedFrom(17),
    makeSuffix: () => `${++suffix}x`,
    key: "old",
    store: (text) => text,
  });
  const fresh = createBlog({
    makeId: randomUUID,
    makeSuffix: () => randomUUID().slice(0, 6),
    key: "fresh",
    store: (text) => (PLANTED.includes(text) ? text.toUpperCase() : text),
  });
  const bench = await startBench(t, { legacy: old.answer, next: fresh.answer, routes: routesWith(values) });
  return { ...bench, old, fresh };
}

/** Puts the printed entries to those that are there; returns how many there were. */
function paste(printed: string, values: Map<string, Proposed>): number {
  let route = "";
  let list: keyof Proposed = "learn";
  let pasted = 0;
  const from = printed.indexOf("Ids and tokens that each service makes for itself");
  for (const line of from === -1 ? [] : printed.slice(from).split("\n")) {
    const found = /^ {6}(learn|apply):$/.exec(line)?.[1];
    if (PATHS[line] !== undefined) route = line;
    else if (found === "learn" || found === "apply") list = found;
    else if (/^ {8}- \{/.test(line)) {
      const proposed = values.get(route) ?? { learn: [], apply: [] };
      proposed[list].push(line);
      values.set(route, proposed);
      pasted += 1;
    }
  }
  return pasted;
}

test("what suggest proposes for two services with their own ids, slugs and tokens makes every write land where it belongs", async (t) => {
  const values = new Map<string, Proposed>();
  let rounds = 0;
  let run = await start(t, values);
  let requests = await playBlog(run);
  await run.settled(requests);
  assert.ok(run.fresh.refused.length > 30, "without values next takes what it should refuse");
  const planted = (text: string): string =>
    PLANTED.reduce((all, each) => all.replaceAll(each, each.toUpperCase()), text);
  const toldBy = async ({ api }: Run): Promise<readonly string[]> => {
    const { items } = await api<{ items: DivergenceRecord[] }>("/api/v1/divergences?limit=1000");
    return [
      ...new Set(items.flatMap(({ differences }) => differences.map(({ at, primary }) => `${at} ${primary}`))),
    ].sort();
  };
  const expected = PLANTED.map((text) => `/text ${JSON.stringify(text)}`).sort();
  while (!isDeepStrictEqual(await toldBy(run), expected)) {
    assert.ok((rounds += 1) <= MOST_ROUNDS, `${(await toldBy(run)).join("; ")}\n${routesWith(values)}`);
    const { stdout, stderr, code } = await runCli(["suggest", "--admin", run.crossfade.adminUrl], { cwd: run.folder });
    assert.deepEqual([code, stderr], [0, ""]);
    paste(stdout, values);
    run = await start(t, values);
    requests = await playBlog(run);
    await run.settled(requests);
  }
  assert.ok(requests >= 60, `${requests} requests`);
  assert.deepEqual(run.fresh.state(), run.old.state().map(planted).sort());
  assert.deepEqual(run.fresh.refused, []);
});
