/** `crossfade recompare` on a real proxy between real services, with rules that change on disk. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { RecompareSums } from "../../proxy/pairs/recompare.ts";
import type { StoredPair } from "../../proxy/evidence/stored-pair.ts";
import { type Ended, runCli } from "../support/cli.ts";
import { type Bench, startBench } from "../support/crossfade.ts";
import type { Answer } from "../support/service.ts";

const ROUTES = `
routes:
  - name: users
    match: { path: "/users/**" }
    compare:
      ignore: [{ at: /updatedAt, because: clock }]
      normalise: [{ at: /token, as: lowercase }]
  - name: rest
    match: { path: "/**" }
`;

/** Both echo the path; `differs` in what one of them adds. */
function echo(side: "legacy" | "next"): Answer {
  return ({ target }, response) => {
    const isNext = side === "next";
    const body = {
      path: target,
      updatedAt: isNext ? 2 : 1,
      token: isNext ? "ABCDEFGH" : "abcdefgh",
      password: "the same for both",
      ...(target.startsWith("/users/b") ? { total: isNext ? 2 : 1 } : {}),
      ...(target.startsWith("/users/c") ? { total: isNext ? null : 1, note: isNext ? "x" : "y" } : {}),
    };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  };
}

interface Running extends Bench {
  recompare(...args: readonly string[]): Promise<Ended>;
  /** The lines of --json. */
  report(rules: string, ...args: readonly string[]): Promise<Report>;
  pairs(query?: string): Promise<readonly StoredPair[]>;
}

interface Cause {
  readonly type: "appeared" | "vanished";
  readonly group: string | null;
  readonly what?: string;
  readonly pairs: number;
  readonly vanished?: number;
  readonly fewer?: number;
  readonly were?: Record<string, number>;
}

interface Report {
  readonly code: number | null;
  readonly sums: RecompareSums;
  readonly appeared: readonly Cause[];
  readonly vanished: readonly Cause[];
}

async function start(t: TestContext): Promise<Running> {
  const bench = await startBench(t, {
    legacy: echo("legacy"),
    next: echo("next"),
    routes: ROUTES,
    store: "sqlite",
  });
  const elsewhere = join(bench.folder, "changed");
  mkdirSync(elsewhere);
  const recompare = (...args: readonly string[]): Promise<Ended> =>
    runCli(["recompare", "--admin", bench.crossfade.adminUrl, ...args], { cwd: elsewhere, env: { COLUMNS: "200" } });
  return {
    ...bench,
    recompare,
    async report(rules, ...args) {
      const file = join(elsewhere, "rules.yaml");
      const text = readFileSync(bench.configFile, "utf8");
      writeFileSync(file, text.slice(0, text.indexOf("routes:")) + rules);
      const { code, stdout, stderr } = await recompare("--config", file, "--json", ...args);
      assert.ok(stdout !== "", stderr);
      const values = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Cause & { readonly sums: RecompareSums });
      const causes = (type: Cause["type"]): readonly Cause[] => values.filter((value) => value.type === type);
      const { sums } = values[0] ?? assert.fail();
      const { pairs, ...others } = sums;
      assert.equal(
        Object.values(others).reduce((sum, count) => sum + count, 0),
        pairs,
      );
      return { code, sums, appeared: causes("appeared"), vanished: causes("vanished") };
    },
    async pairs(query = "") {
      return (await bench.api<{ items: StoredPair[] }>(`/api/v1/pairs?limit=1000${query}`)).items;
    },
  };
}

/** 4 excused, 4 divergent in /total, 4 in /total and /note, and one of another route that differs as a whole. */
async function record(running: Running): Promise<void> {
  for (const letter of ["a", "b", "c"]) {
    for (let i = 0; i < 4; i++) await running.send("PUT", `/users/${letter}${i}`, { n: i });
  }
  await running.send("PUT", "/orders/1", {});
  await running.settled(13);
  // They are redacted a little later.
  while ((await running.pairs()).length < 13) await new Promise((resolve) => setTimeout(resolve, 10));
}

const UNDER_WAY = ROUTES.slice(ROUTES.indexOf("routes:"));

test("causes vanish and appear with the rules on disk, and the exit code tells whether one appears", async (t) => {
  const running = await start(t);
  await record(running);
  const pairs = await running.pairs();
  assert.deepEqual(
    ["match", "ignored", "divergent"].map((kind) => pairs.filter(({ outcome }) => outcome === kind).length),
    [0, 4, 9],
  );

  const same = await running.report(UNDER_WAY);
  assert.deepEqual([same.code, same.sums.unchanged, same.appeared, same.vanished], [0, 13, [], []]);

  // One rule more: one cause is gone, of another a part.
  const more = await running.report(UNDER_WAY.replace("clock }]", "clock }, { at: /total, because: agreed }]"));
  assert.deepEqual([more.code, more.sums.vanished, more.sums.fewer, more.appeared], [0, 4, 4, []]);
  const groupB = pairs.find(({ request }) => request.target === "/users/b0")?.group;
  assert.deepEqual(
    more.vanished.map(({ group, vanished, fewer, pairs: of }) => [group === groupB, of, vanished, fewer]).sort(),
    [
      [false, 4, 0, 4],
      [true, 4, 4, 0],
    ],
  );

  // One rule less: what was excused differs, and so do those that differed already, in one more place.
  const less = await running.report(UNDER_WAY.replace("ignore: [{ at: /updatedAt, because: clock }]", ""));
  assert.deepEqual([less.code, less.sums.appeared, less.sums.unchanged], [1, 12, 1]);
  assert.deepEqual(
    less.appeared.map(({ were, pairs: of }) => [of, were]),
    [
      [4, { divergent: 4 }],
      [4, { divergent: 4 }],
      [4, { ignored: 4 }],
    ],
  );
  for (const { what } of less.appeared) assert.match(what ?? "", /^PUT \/users\/.\d: .*updatedAt.*1.*2/);

  const headers = await running.report(UNDER_WAY, "--route", "rest");
  assert.deepEqual([headers.code, headers.sums.pairs], [0, 1]);
});

test("a rule that looks at redacted values leaves its place undecided; without one the keyed hash decides", async (t) => {
  const running = await start(t);
  await record(running);
  const shape = await running.report(
    UNDER_WAY.replace("normalise: [{ at: /token, as: lowercase }]", "shapes: [{ at: /token, as: uuid }]"),
  );
  assert.deepEqual([shape.code, shape.sums.undecided, shape.appeared], [0, 12, []]);
  // Of a route that had no rule it differed already: now a rule covers it, and what it would say is not known.
  const rest = '- name: rest\n    match: { path: "/**" }\n';
  const withRule = UNDER_WAY.replace(rest, `${rest}    compare: { normalise: [{ at: /token, as: lowercase }] }\n`);
  const covered = await running.report(withRule, "--route", "rest");
  assert.deepEqual([covered.code, covered.sums.undecided], [0, 1]);
  const none = await running.report(UNDER_WAY.replace("normalise: [{ at: /token, as: lowercase }]", ""));
  assert.deepEqual([none.code, none.sums.appeared], [1, 12]);
  assert.match(none.appeared[0]?.what ?? "", /token/);
  // What is secret and the same is the same.
  assert.ok(none.appeared.every(({ what }) => !what?.includes("password")));
});

test("people are told in sentences; what is missing or wrong is told with what to do", async (t) => {
  const running = await start(t);
  const nothing = await running.recompare("--config", running.configFile);
  assert.deepEqual([nothing.code, nothing.stdout], [3, ""]);
  assert.match(nothing.stderr, /no exchange is kept whole yet/);

  await record(running);
  const told = await running.recompare("--config", running.configFile);
  assert.deepEqual([told.code, told.stdout], [0, "13 pairs = 13 unchanged + 0 vanished + 0 appeared\n"]);
  const changed = join(running.folder, "changed", "less.yaml");
  writeFileSync(changed, readFileSync(running.configFile, "utf8").replace("{ at: /updatedAt, because: clock }", ""));
  const less = await running.recompare("--config", changed);
  assert.equal(less.code, 1, less.stderr);
  assert.match(less.stdout, /^13 pairs = 1 unchanged \+ 0 vanished \+ 12 appeared\n\nAppears:\n[0-9a-f]{8} {2}4 pairs/);
  assert.match(less.stdout, /\(4 ignored before\)/);
  assert.match(less.stdout, /\/updatedAt value {2}1 → 2/);

  const noFile = await running.recompare();
  assert.deepEqual([noFile.code], [2]);
  assert.match(noFile.stderr, /no crossfade\.yaml here; name the file .* --config FILE/);
  const noRoute = await running.recompare("--config", running.configFile, "--route", "user");
  assert.equal(noRoute.code, 3);
  assert.match(noRoute.stderr, /did you mean users\?/);
  writeFileSync(changed, "routes: 7\n");
  assert.equal((await running.recompare("--config", changed)).code, 1);
  const nobody = await runCli(["recompare", "--config", running.configFile, "--admin", "http://127.0.0.1:1"]);
  assert.equal(nobody.code, 3);
});

test("what is exported as fixtures is compared without a proxy, and says the same", async (t) => {
  const running = await start(t);
  await record(running);
  const fixtures = join(running.folder, "fixtures");
  mkdirSync(fixtures);
  const exported = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCli([
      "divergences",
      "export",
      "--format",
      "fixture",
      "--admin",
      running.crossfade.adminUrl,
      ...args,
    ]);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  writeFileSync(join(fixtures, "divergent.yaml"), await exported());
  writeFileSync(join(fixtures, "excused.yaml"), await exported("--outcome", "ignored", "--route", "users"));
  await running.crossfade.stop();

  const text = readFileSync(join(fixtures, "divergent.yaml"), "utf8");
  assert.match(text, /expect:\n +- - \/total\n/);
  assert.ok(!text.includes("the same for both"), "a password is in the fixtures");
  const same = await running.report(UNDER_WAY, "--fixtures", fixtures);
  assert.deepEqual([same.code, same.sums.unchanged, same.sums.pairs], [0, 13, 13]);
  const less = await running.report(
    UNDER_WAY.replace("{ at: /updatedAt, because: clock }", ""),
    "--fixtures",
    fixtures,
  );
  assert.deepEqual([less.code, less.sums.appeared], [1, 12]);
  const one = await running.report(UNDER_WAY, "--fixtures", join(fixtures, "excused.yaml"));
  assert.deepEqual([one.code, one.sums.pairs], [0, 4]);

  writeFileSync(join(fixtures, "broken.yaml"), "pairs: [{ name: x }]\n");
  const broken = await running.recompare("--config", running.configFile, "--fixtures", fixtures);
  assert.equal(broken.code, 3);
  assert.match(broken.stderr, /broken\.yaml is no file of fixtures: .*request/);
});

test("whole requests and answers need the role bodies", async (t) => {
  const folder = "/healthz";
  const token = (role: string): string => `${role}-0123456789abcdef`;
  const tokens = ["read", "bodies", "operate"].map(
    (role) => `{ name: ${role}, role: ${role}, token: "${token(role)}" }`,
  );
  const bench = await startBench(t, { limits: `# ${folder}` });
  const text = readFileSync(bench.configFile, "utf8").replace(
    'listen: "127.0.0.1:0" }',
    `listen: "127.0.0.1:0", tokens: [${tokens.join()}] }`,
  );
  writeFileSync(bench.configFile, text);
  await bench.crossfade.reload();
  const asked = async (role: string): Promise<number> => {
    const answer = await fetch(`${bench.crossfade.adminUrl}/api/v1/pairs`, {
      headers: { authorization: `Bearer ${token(role)}` },
    });
    await answer.text();
    return answer.status;
  };
  assert.deepEqual(await Promise.all(["read", "bodies", "operate", "other"].map(asked)), [403, 200, 200, 401]);
});
