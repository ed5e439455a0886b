import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, test, type TestContext } from "node:test";
import type { StoryReport } from "../../proxy/cli/demo/story.ts";
import { loadSettings } from "../../proxy/config/load.ts";
import { ENTRY } from "../support/entry.ts";

interface Demo {
  readonly child: ChildProcess;
  /** Everything that the demo leaves on the machine lies below it. */
  readonly temp: string;
  readonly lines: string[];
  /** Resolves with the first line that matches. */
  line(pattern: RegExp): Promise<string>;
  /** Resolves when the process has ended and its output is read. */
  readonly ended: Promise<{ readonly code: number | null; readonly errors: string }>;
}

function startDemo(t: TestContext, ...args: readonly string[]): Demo {
  const temp = mkdtempSync(join(tmpdir(), "crossfade-demo-test-"));
  const child = spawn(process.execPath, [ENTRY, "demo", ...args], {
    env: { ...process.env, TMPDIR: temp, CROSSFADE_DEMO_ONCE: "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.after(() => {
    child.kill("SIGKILL");
    rmSync(temp, { recursive: true, force: true });
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on("line", (line) => lines.push(line));
  const ended = Promise.all([once(child, "exit"), once(reader, "close")]).then(() => ({
    code: child.exitCode,
    errors,
  }));
  return {
    child,
    temp,
    lines,
    ended,
    async line(pattern) {
      for (;;) {
        const found = lines.find((line) => pattern.test(line));
        if (found !== undefined) return found;
        const more = await Promise.race([once(reader, "line"), ended]);
        if (!Array.isArray(more))
          throw new Error(`the demo ended (${more.code}) before it said ${pattern}: ${more.errors}`);
      }
    },
  };
}

/** Origins of the services behind a running demo, from the config that it wrote. */
function originsOf({ temp }: Demo): readonly string[] {
  const [folder = ""] = readdirSync(temp);
  const loaded = loadSettings({ file: join(temp, folder, "crossfade.yaml"), flags: {}, env: {} });
  assert.ok(loaded.ok);
  return Object.values(loaded.settings.services).map((service) => service.origin);
}

/** A suspended process takes connections still: only one that has ended refuses. */
function listens(origin: string): Promise<boolean> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

async function assertNothingIsLeft({ temp }: Demo, origins: readonly string[]): Promise<void> {
  assert.equal(origins.length, 2);
  const left = async (): Promise<readonly string[]> => {
    const alive = await Promise.all(origins.map(async (origin) => ((await listens(origin)) ? [origin] : [])));
    return [...alive.flat(), ...readdirSync(temp)];
  };
  const deadline = performance.now() + 10_000;
  while ((await left()).length > 0 && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(await left(), []);
}

/** Without what chance decides: numbers, ids that next makes, the one of many requests that stands for all. */
function plain(sentence: string): string {
  return sentence
    .replace(/next made [\w-]+/, "next made ID")
    .replace(/\?q=[^:]+/, "?q=WORD")
    .replace(/\/countries\/[^:]+/, "/countries/CODE")
    .replace(/\d+/g, "N")
    .replace(/ entry$/, " entries");
}

const PARTS = /; |, and so did /;

/** What the README's block shows: a line for each finding, and what follows from it on lines of their own. */
function findingsInReadme(): readonly { readonly what: string; readonly follows: readonly string[] }[] {
  const readme = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");
  const [, block = ""] = /^What differs, found in [\d,]+ requests:\n((?: .*\n)+)/m.exec(readme) ?? [];
  return block.split(/^ *[\d,]+ × {2}/m).flatMap((finding) => {
    const [what = "", ...follows] = finding.trimEnd().split(/\n {9}/);
    const parts = follows.length === 0 ? [] : follows.join(" ").split(PARTS).map(plain);
    return what === "" ? [] : [{ what: plain(what), follows: parts }];
  });
}

test("the demo finds real differences, lets next hang unnoticed, and its accounts sum", async (t) => {
  const demo = startDemo(t, "--once", "--json");
  await demo.line(/copies to next/);
  const origins = originsOf(demo);
  assert.deepEqual(await Promise.all(origins.map(listens)), [true, true]);
  const { code, errors } = await demo.ended;
  assert.deepEqual({ code, errors }, { code: 0, errors: "" }, demo.lines.join("\n"));

  const report = JSON.parse(demo.lines.at(-1) ?? "") as StoryReport;
  const causes = new Set(report.findings.flatMap(({ groups }) => groups));
  assert.ok(report.findings.length >= 3, JSON.stringify(report.findings));
  assert.ok(causes.size >= 3);
  const created = report.findings.find(({ what }) => /POST \/notes: legacy made id \d+, next made [\w-]+/.test(what));
  assert.match(created?.consequence ?? "", /^\d+ follow-up writes to such ids got 404 from next/);

  const inReadme = findingsInReadme();
  const whats = new Set(report.findings.map(({ what }) => plain(what)));
  assert.deepEqual(whats, new Set(inReadme.map(({ what }) => what)), "README.md shows what the demo finds");
  // On a busy machine not all of it has followed yet.
  const followed = report.findings.flatMap(({ consequence }) => consequence?.split(PARTS).map(plain) ?? []);
  assert.deepEqual(
    followed.filter((part) => !inReadme.some(({ follows }) => follows.includes(part))),
    [],
  );

  assert.equal(report.client.errors, 0);
  assert.ok(report.client.requests > 200);
  // At 60 requests a second for 6 s, nearly each with a copy.
  assert.ok(report.queue.peak > report.queue.before + 100, JSON.stringify(report.queue));
  assert.equal(report.queue.after, 0);
  assert.equal(report.accounts.lost, 0);
  assert.equal(report.accounts.sums, true);
  assert.deepEqual(
    report.accounts.routes.map(({ route, eligible, settled }) => [route, settled === eligible && eligible > 0]),
    [
      ["countries", true],
      ["notes", true],
      ["visits", true],
    ],
  );

  const output = demo.lines.join("\n");
  assert.match(
    output,
    /^client → Crossfade → legacy \(json-server 0\.17\.\d+\), copies → next \(json-server 1\.0\.0-beta/,
  );
  assert.match(output, /^ {2}client errors 0, lost 0$/m);
  assert.match(output, /^Dashboard +http:\/\/127\.0\.0\.1:\d+\/$/m);
  assert.ok(!output.includes("\u001b"), "styles or cursor movements in a pipe");
  await assertNothingIsLeft(demo, origins);
});

describe("two demos at a time, on ports of their own", { concurrency: true }, () => {
  test("killed while next is suspended, the demo leaves no process and no file", async (t) => {
    const demo = startDemo(t);
    await demo.line(/copies wait/);
    const origins = originsOf(demo);
    demo.child.kill("SIGKILL");
    await demo.ended;
    await assertNothingIsLeft(demo, origins);
  });

  test("Ctrl-C while next is suspended ends everything within two seconds, told once or twice", async (t) => {
    const demo = startDemo(t);
    await demo.line(/copies wait/);
    const origins = originsOf(demo);
    const asked = performance.now();
    // As from a terminal, where a launcher passes on what the whole group got.
    demo.child.kill("SIGINT");
    demo.child.kill("SIGINT");
    const { code, errors } = await demo.ended;
    assert.deepEqual({ code, errors }, { code: 0, errors: "" });
    assert.ok(performance.now() - asked < 2_000);
    await assertNothingIsLeft(demo, origins);
  });
});
