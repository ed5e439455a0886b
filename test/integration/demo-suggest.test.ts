/** The demo's two services and its traffic: what `suggest` prints is pasted, and the same traffic shows real differences alone. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { request } from "undici";
import { type DataSet, makeDataSet } from "../../proxy/cli/demo/data-set.ts";
import { Errands, repeatableRandom } from "../../proxy/cli/demo/errands.ts";
import { startService } from "../../proxy/cli/demo/services.ts";
import { writeConfig } from "../../proxy/cli/demo/workspace.ts";
import { loadSettings } from "../../proxy/config/load.ts";
import type { DivergenceRecord, ListedGroup } from "../../proxy/evidence/evidence.ts";
import { spellSignature } from "../../proxy/evidence/group-sentence.ts";
import type { Crossfade } from "../../proxy/crossfade.ts";
import { startCrossfade } from "../../proxy/main.ts";
import { runCli } from "../support/cli.ts";
import type { StatusJson } from "../support/crossfade.ts";

/** Each kind of errand comes up four times and more. */
const ERRANDS = 400;

/** What the rewrite of json-server changed, and why no rule may hide it. */
const REAL: Readonly<Record<string, string>> = {
  "notes POST /id type (number → text), header:location header (text → absent)":
    "ids of two schemes, and no Location: a client that kept one finds nothing in the other service",
  "notes POST status 201 → 500": "a form is a note in legacy, and an error in next",
  "notes GET status 200 → 404": "follows from the ids of two schemes",
  "notes PATCH status 200 → 404": "the same",
  "notes PUT status 200 → 404": "the same",
  "notes DELETE status 200 → 404": "the same",
  "countries GET (whole) type (array → object)": "pages come in an envelope",
  "countries GET /* missing (object → absent)": "q finds less",
  "countries GET (whole) order":
    "_sort goes by code points in legacy, by a language in next: Åland comes first or last",
  "countries GET /error extra (absent → text)": "the body of a 404",
};

interface Demo {
  readonly crossfade: Crossfade;
  readonly configFile: string;
  readonly dataSet: DataSet;
}

async function startDemo(t: TestContext): Promise<Demo> {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-demo-suggest-"));
  const dataSet = makeDataSet();
  const ending = new AbortController();
  let crossfade: Crossfade | null = null;
  const services = await Promise.all([
    startService("legacy", dataSet, folder, ending.signal),
    startService("next", dataSet, folder, ending.signal),
  ]);
  t.after(async () => {
    await crossfade?.stop(200);
    ending.abort();
    await Promise.all(services.map((service) => service.gone));
    rmSync(folder, { recursive: true, force: true });
  });
  const [legacy, next] = services;
  const configFile = writeConfig({ folder, proxyPort: 0, adminPort: 0, legacyUrl: legacy.url, nextUrl: next.url });
  const loaded = loadSettings({ file: configFile, flags: {}, env: {} });
  assert.ok(loaded.ok);
  crossfade = await startCrossfade({ settings: loaded.settings, files: loaded.files, env: {}, logLevel: "silent" });
  return { crossfade, configFile, dataSet };
}

async function ask<T>({ crossfade }: Demo, path: string): Promise<T> {
  return (await (await request(crossfade.adminUrl + path)).body.json()) as T;
}

/** Resolves when every copy has its outcome. */
async function sendTraffic(demo: Demo): Promise<void> {
  const errands = new Errands(demo.dataSet, repeatableRandom(1));
  for (let i = 0; i < ERRANDS; i += 1) {
    const { method, target, contentType, body, done } = errands.next();
    const answer = await request(demo.crossfade.proxyUrl + target, {
      method,
      headers: contentType === null ? {} : { "content-type": contentType },
      body,
    });
    done(answer.statusCode, await answer.body.text());
  }
  await until(demo, ({ routes }) => routes.every(({ pending }) => pending === 0));
}

async function until(demo: Demo, holds: (status: StatusJson) => boolean): Promise<void> {
  while (!holds(await ask<StatusJson>(demo, "/api/v1/status"))) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** The causes of what was recorded since then, each as `REAL` spells it. */
async function causesSince(demo: Demo, since: string): Promise<ReadonlySet<string>> {
  const { items } = await ask<{ items: DivergenceRecord[]; next: string | null }>(
    demo,
    `/api/v1/divergences?outcome=divergent&limit=1000&since=${since}`,
  );
  const groups = await ask<{ items: ListedGroup[] }>(demo, "/api/v1/groups?limit=1000");
  const spelled = new Map(
    groups.items.map(({ id, route, method, signature }) => [id, `${route} ${method} ${spellSignature(signature)}`]),
  );
  return new Set(items.map(({ group }) => spelled.get(group ?? "") ?? `no group: ${group}`));
}

/** The lines to paste, by route. */
function yamlByRoute(text: string): ReadonlyMap<string, string> {
  const blocks = text.matchAll(
    /^With these rules under the route (\S+),.*\n(?:.*\n)*?\n( {4}compare:\n(?: {4}.*\n)+)/gm,
  );
  return new Map([...blocks].map(([, route = "", yaml = ""]) => [route, yaml]));
}

test("on the demo's services, what suggest prints leaves real differences alone, and all of them", async (t) => {
  const demo = await startDemo(t);
  const suggest = (...args: readonly string[]): ReturnType<typeof runCli> =>
    runCli(["suggest", "--admin", demo.crossfade.adminUrl, ...args], { cwd: import.meta.dirname });
  await sendTraffic(demo);
  const before = await causesSince(demo, "1h");
  const noise = [...before].filter((cause) => REAL[cause] === undefined);
  assert.deepEqual(noise.sort(), ["notes GET /id type (number → text)", "notes PATCH /id type (number → text)"]);

  const { stdout, stderr, code } = await suggest();
  assert.deepEqual([code, stderr], [0, ""]);
  const pasted = yamlByRoute(stdout);
  assert.deepEqual([...pasted.keys()], ["notes"], stdout);
  let config = readFileSync(demo.configFile, "utf8");
  for (const [route, yaml] of pasted)
    config = config.replace(new RegExp(`^ {4}match: \\{ path: "/${route}/\\*\\*" \\}\n`, "m"), (line) => line + yaml);
  writeFileSync(demo.configFile, config);
  await until(demo, (status) => status.config.revision === 2);

  const since = new Date().toISOString();
  await sendTraffic(demo);
  assert.deepEqual([...(await causesSince(demo, since))].sort(), Object.keys(REAL).sort());
  const again = await suggest("--since", since);
  assert.equal(yamlByRoute(again.stdout).size, 0, again.stdout);
});
