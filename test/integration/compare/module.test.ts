/** A user's functions in the whole proxy: what they change and excuse, and what becomes of those that fail. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { type Bench, type RouteJson, startBench, type StatusJson } from "../../support/crossfade.ts";
import { json } from "../../support/service.ts";

interface RouteView extends RouteJson {
  readonly rules: readonly { readonly rule: string; readonly excused: number }[];
  readonly module: {
    readonly file: string;
    readonly hooks: readonly string[];
    readonly failures: readonly { readonly step: string; readonly times: number; readonly last: string }[];
    readonly isOff: boolean;
  } | null;
}

function routes(compare = ""): string {
  return `routes:
  - name: orders
    match: { path: "/orders/**" }
    compare: { module: ./hooks.mjs${compare === "" ? "" : `, ${compare}`} }
  - name: users
    match: { path: "/users/**" }
`;
}

async function startWith(t: TestContext, module: string, yaml = routes()): Promise<Bench> {
  const bench = await startBench(t, { routes: yaml, files: { "hooks.mjs": module } });
  bench.legacy.answerWith(json(200, { id: 1, at: "10:00", total: 5 }));
  bench.next.answerWith(json(200, { id: 1, at: "10:01", total: 5 }));
  return bench;
}

/** The outcomes of so many writes more, each after the one before. */
async function outcomesOf(bench: Bench, times = 1, path = "/orders/1"): Promise<Record<string, number>> {
  const before = (await bench.settled(0)).reduce((sum, { eligible }) => sum + eligible, 0);
  for (let i = 0; i < times; i += 1) {
    await bench.send("PUT", path, { a: 1 });
    await bench.settled(before + i + 1);
  }
  const route = (await bench.settled(before + times)).find(({ name }) => path.startsWith(`/${name}/`));
  assert.ok(route !== undefined);
  assert.equal(route.outcomes["dropped"], 0);
  return Object.fromEntries(Object.entries(route.outcomes).filter(([, count]) => count > 0));
}

async function lastDifferences(bench: Bench): Promise<unknown[]> {
  const { items } = await bench.api<{ items: { differences: { at: string; primary: string; shadow: string }[] }[] }>(
    "/api/v1/divergences",
  );
  return (items[0]?.differences ?? []).map(({ at, primary, shadow }) => [at, primary, shadow]);
}

const orders = (bench: Bench): Promise<RouteView> => bench.api<RouteView>("/api/v1/routes/orders");

const AT_DIFFERS = [["/at", '"10:00"', '"10:01"']];

test("judge excuses, is told the route and method, and is counted as a rule", async (t) => {
  const bench = await startWith(
    t,
    `export function judge({ at, kind, primary, shadow, route, method }) {
       const told = [at, kind, primary, shadow, route, method].join(" ");
       return told === '/at value "10:00" "10:01" orders PUT' ? "excuse" : "keep";
     }`,
  );
  assert.deepEqual(await outcomesOf(bench), { ignored: 1 });
  bench.next.answerWith(json(200, { id: 1, at: "10:02", total: 5 }));
  assert.deepEqual(await outcomesOf(bench), { ignored: 1, divergent: 1 });
  const { rules, module } = await orders(bench);
  assert.deepEqual(
    rules.map(({ rule, excused }) => [rule, excused]),
    [["module judge", 1]],
  );
  assert.deepEqual(module, { file: join(bench.folder, "hooks.mjs"), hooks: ["judge"], failures: [], isOff: false });
  assert.deepEqual(await outcomesOf(bench, 1, "/users/1"), { divergent: 1 });
});

test("normalise gets texts in which no digit is lost; what it makes equal is ignored, and counted", async (t) => {
  const bench = await startWith(
    t,
    `export function normalise(answer, side) {
       if (side === "shadow") return undefined;
       return { ...answer, body: answer.body.replace('"10:00"', '"10:01"') };
     }`,
  );
  bench.legacy.answerWith(json(200, '{"id":9007199254740993,"at":"10:00"}'));
  bench.next.answerWith(json(200, '{"id":9007199254740993,"at":"10:01"}'));
  assert.deepEqual(await outcomesOf(bench), { ignored: 1 });
  assert.deepEqual((await orders(bench)).rules, [
    { ...(await orders(bench)).rules[0], rule: "module normalise", excused: 1 },
  ]);
  bench.next.answerWith(json(200, '{"id":9007199254740992,"at":"10:01"}'));
  assert.deepEqual(await outcomesOf(bench), { ignored: 1, divergent: 1 });
  assert.deepEqual(await lastDifferences(bench), [["/id", "9007199254740993", "9007199254740992"]]);
});

test("answers that are the same to the byte need no function", async (t) => {
  const bench = await startWith(t, `export function normalise() { throw new Error("called"); }`);
  bench.next.answerWith(json(200, { id: 1, at: "10:00", total: 5 }));
  assert.deepEqual(await outcomesOf(bench), { match: 1 });
  assert.deepEqual((await orders(bench)).module?.failures, []);
});

for (const [name, module, step, last] of [
  [
    "throws in normalise",
    `export function normalise(answer) {\n  JSON.parse(answer.body + "{"); }`,
    "module normalise",
    /^threw a SyntaxError at hooks\.mjs:2:\d+$/,
  ],
  [
    "throws in judge",
    `export function judge() { throw new TypeError("10:00"); }`,
    "module judge",
    /^threw a TypeError at hooks\.mjs:1:\d+$/,
  ],
  ["throws no error", `export function judge() { throw "10:00"; }`, "module judge", /^threw what is no Error$/],
  [
    "says nonsense",
    `export function judge() { return "10:00"; }`,
    "module judge",
    /^returned a text where "excuse", "keep" or nothing is expected$/,
  ],
  [
    "is async, and rejects",
    `export async function normalise() { throw new Error("10:00"); }`,
    "module normalise",
    /^returned a promise/,
  ],
  [
    "gives back no body",
    `export function normalise({ status, headers }) { return { status, headers, body: 7 }; }`,
    "module normalise",
    /^returned an answer whose body is a number/,
  ],
  ["ends the process", `export function judge() { process.exit(0); }`, "module judge", /^ended its thread/],
] as const) {
  test(`a function that ${name} is counted and said, and the rules alone decide`, async (t) => {
    const bench = await startWith(t, module);
    assert.deepEqual(await outcomesOf(bench, 2), { divergent: 2 });
    assert.deepEqual(await lastDifferences(bench), AT_DIFFERS);
    const { failures, isOff } = (await orders(bench)).module ?? assert.fail();
    assert.deepEqual([failures.length, failures[0]?.step, failures[0]?.times, isOff], [1, step, 2, false]);
    assert.match(failures[0]?.last ?? "", last);
    const said = (await bench.status()).warnings.filter((line) => line.startsWith("compare.module failed on 1 route"));
    assert.equal(said.length, 1);
    assert.ok(said[0]?.includes(`orders: ${step} ${failures[0]?.last} (2 times)`), said[0]);
    assert.ok(!said[0]?.includes("10:00"));
  });
}

test("a function that hangs leaves its pairs to the rules, is switched off after five, and holds up no other route", async (t) => {
  const bench = await startWith(t, `export function judge() { for (;;); }`);
  await bench.send("PUT", "/orders/0", { a: 1 });
  assert.deepEqual(await outcomesOf(bench, 3, "/users/1"), { divergent: 3 });
  assert.deepEqual(await outcomesOf(bench, 6), { divergent: 7 });
  assert.deepEqual(await lastDifferences(bench), AT_DIFFERS);
  const { module } = await orders(bench);
  assert.equal(module?.isOff, true);
  assert.deepEqual(
    module.failures.map(({ step, times, last }) => [step, times, last]),
    [["module judge", 5, "took longer than 1000 ms"]],
  );
  const said = (await bench.status()).warnings.find((line) => line.startsWith("compare.module failed"));
  assert.match(said ?? "", /orders: module judge took longer than 1000 ms \(5 times\), switched off until/);

  // A module that is mended is asked again.
  writeFileSync(join(bench.folder, "hooks.mjs"), `export function judge() { return "excuse"; }`);
  await bench.crossfade.reload();
  assert.deepEqual(await outcomesOf(bench), { divergent: 7, ignored: 1 });
  assert.deepEqual((await orders(bench)).module?.failures, []);
});

test("a module that fails on one route takes part on another", async (t) => {
  const bench = await startWith(
    t,
    `export function judge({ route }) { if (route === "orders") throw new Error(); return "excuse"; }`,
    `defaults: { compare: { module: ./hooks.mjs } }
routes:
  - { name: orders, match: { path: "/orders/**" } }
  - { name: users, match: { path: "/users/**" } }
  - { name: items, match: { path: "/items/**" }, compare: { module: off } }
`,
  );
  assert.deepEqual(await outcomesOf(bench), { divergent: 1 });
  assert.deepEqual(await outcomesOf(bench, 1, "/users/1"), { ignored: 1 });
  assert.deepEqual(await outcomesOf(bench, 1, "/items/1"), { divergent: 1 });
});

test("neither function hides a place that must match", async (t) => {
  const bench = await startWith(
    t,
    `export function judge() { return "excuse"; }
     export function normalise(answer) { return { ...answer, body: "{}" }; }`,
    routes("mustMatch: [/total]"),
  );
  assert.deepEqual(await outcomesOf(bench), { ignored: 1 });
  bench.next.answerWith(json(200, { id: 1, at: "10:01", total: 6 }));
  assert.deepEqual(await outcomesOf(bench), { ignored: 1, divergent: 1 });
  assert.deepEqual(await lastDifferences(bench), [["/total", "5", "6"]]);
});

test("a changed module is taken into use; one that no longer can be is refused, and the running one stays", async (t) => {
  const bench = await startWith(t, `export function judge() { return "keep"; }`);
  assert.deepEqual(await outcomesOf(bench), { divergent: 1 });
  writeFileSync(join(bench.folder, "hooks.mjs"), `export function judge() { return "excuse"; }`);
  await untilConfig(bench, ({ revision }) => revision > 1);
  assert.deepEqual(await outcomesOf(bench), { divergent: 1, ignored: 1 });
  writeFileSync(join(bench.folder, "hooks.mjs"), `export const nothing = 1;`);
  await bench.crossfade.reload();
  const { config } = await bench.status();
  const place = readFileSync(bench.configFile, "utf8")
    .split("\n")
    .findIndex((line) => line.includes("./hooks.mjs"));
  assert.match(
    config.error ?? "",
    new RegExp(
      `crossfade\\.yaml:${place + 1}:24 routes\\[0\\]\\.compare\\.module is .* exports neither normalise nor judge`,
    ),
  );
  assert.deepEqual(await outcomesOf(bench), { divergent: 1, ignored: 2 });
});

test("a file that the module imports, at whatever depth and of whatever kind, is watched, and a change is taken into use", async (t) => {
  const listOf = (...places: string[]): string => JSON.stringify(places);
  const bench = await startBench(t, {
    routes: routes(),
    files: {
      "hooks.mjs": `import { excused } from "./lib.mjs";
        export function judge({ at }) { return excused.includes(at) ? "excuse" : "keep"; }`,
      "lib.mjs": `import fromJson from "./places.json" with { type: "json" };
        import { own } from "./own.mts";
        export const excused = [...fromJson, ...own];`,
      "own.mts": `export const own: readonly string[] = ${listOf("/none")};`,
      "places.json": listOf("/none"),
    },
  });
  bench.legacy.answerWith(json(200, { at: "10:00" }));
  bench.next.answerWith(json(200, { at: "10:01" }));
  assert.deepEqual(await outcomesOf(bench), { divergent: 1 });
  const texts: readonly (readonly [file: string, textOf: (list: string) => string])[] = [
    ["own.mts", (list) => `export const own: readonly string[] = ${list};`],
    ["places.json", (list) => list],
  ];
  let revision = 1;
  const change = async (file: string, text: string): Promise<void> => {
    writeFileSync(join(bench.folder, file), text);
    revision += 1;
    await untilConfig(bench, (config) => config.revision === revision);
  };
  for (const [i, [file, textOf]] of texts.entries()) {
    await change(file, textOf(listOf("/at")));
    assert.deepEqual(await outcomesOf(bench), { divergent: i + 1, ignored: i + 1 }, file);
    await change(file, textOf(listOf("/no such")));
    assert.deepEqual(await outcomesOf(bench), { divergent: i + 2, ignored: i + 1 }, file);
  }
});

test("an import that cannot be used is told, the running functions stay, and mending it is noticed", async (t) => {
  const bench = await startBench(t, {
    routes: routes(),
    files: {
      "hooks.mjs": `import { word } from "./word.mjs"; export const judge = () => word;`,
      "word.mjs": `export const word = "excuse";`,
    },
  });
  bench.next.answerWith(json(200, { at: "10:01" }));
  assert.deepEqual(await outcomesOf(bench), { ignored: 1 });
  writeFileSync(join(bench.folder, "word.mjs"), `export const word = ;`);
  await untilConfig(bench, ({ error }) => /compare\.module is .* cannot be imported: SyntaxError/.test(error ?? ""));
  assert.deepEqual(await outcomesOf(bench), { ignored: 2 });
  writeFileSync(join(bench.folder, "word.mjs"), `export { word } from "./other.mjs";`);
  await untilConfig(bench, ({ error }) => /cannot be imported: Error: Cannot find module/.test(error ?? ""));
  writeFileSync(join(bench.folder, "other.mjs"), `export const word = "excuse";`);
  await untilConfig(bench, ({ error }) => error === null);
  assert.deepEqual(await outcomesOf(bench), { ignored: 3 });
});

async function untilConfig(bench: Bench, holds: (config: StatusJson["config"]) => boolean): Promise<void> {
  while (!holds((await bench.status()).config)) await new Promise((resolve) => setTimeout(resolve, 10));
}
