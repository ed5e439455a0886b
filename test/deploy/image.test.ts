/** The image as far as it can be built and run without a Docker engine: the same files, the same commands, in folders. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { validate } from "dockerfile-utils";
import { request } from "undici";
import { ROOT } from "../../deploy/prepare.mjs";
import { json, startService } from "../support/service.ts";
import { contextFiles, pairsOf, readStages, type Stage } from "./dockerfile.ts";

const FILE = join(ROOT, "Dockerfile");
const stages = readStages(FILE);
const last = stages.at(-1) as Stage;

function only(stage: Stage, name: string): string {
  const found = stage.instructions.filter((instruction) => instruction.name === name);
  assert.equal(found.length, 1, `one ${name}`);
  return (found[0] as { text: string }).text;
}

test("the Dockerfile's linter has nothing to say", () => {
  assert.deepEqual(
    validate(readFileSync(FILE, "utf8")).map(
      ({ message, range }) => `${range.start.line + 1}: ${typeof message === "string" ? message : message.value}`,
    ),
    [],
  );
});

test("every stage begins with the slim Node 24, and what runs is no root and tells whether it is well", () => {
  assert.equal(stages.length, 3);
  for (const { from } of stages) assert.equal(from, "node:24-slim");
  assert.equal(only(last, "USER"), "1000:1000");
  assert.match(only(last, "HEALTHCHECK"), /--interval=\d+s .*CMD \["node"/);
  // A shell between would keep signals to itself.
  assert.ok(only(last, "ENTRYPOINT").startsWith("["));
});

test("the context has all that the build reads, and neither secrets nor node_modules", () => {
  const files = contextFiles(ROOT);
  const tops = new Set(files.map((file) => file.split("/")[0]));
  assert.deepEqual([...tops].sort(), [
    ".npmrc",
    "LICENSE",
    "adapters",
    "deploy",
    "package-lock.json",
    "package.json",
    "proxy",
    "tsconfig.build.json",
    "tsconfig.json",
  ]);
  assert.ok(files.includes("deploy/run.mjs"));
  assert.deepEqual(
    files.filter((file) => /\.(db|key|ndjson|env)\b/.test(file)),
    [],
  );
});

/** Does what the instructions of a stage say, in a folder in place of the root. Resolves paths like `/app` below it. */
function build(stage: Stage, root: string, context: string, built: ReadonlyMap<string, string>): string {
  let folder = "/";
  const at = (path: string): string => join(root, path.startsWith("/") ? path : join(folder, path));
  for (const { name, text } of stage.instructions) {
    if (name === "WORKDIR") {
      folder = text;
      mkdirSync(at("."), { recursive: true });
    } else if (name === "COPY") {
      const [, from, rest = ""] = /^(?:--from=(\S+) )?(.*)$/.exec(text) ?? [];
      const source = from === undefined ? context : (built.get(from) as string);
      const paths = rest.split(" ");
      const target = paths.pop() as string;
      for (const path of paths) {
        const into = target.endsWith("/") ? join(at(target), path) : at(target);
        cpSync(join(source, path), into, { recursive: true, verbatimSymlinks: true });
      }
    } else if (name === "RUN" && text === "npm ci --ignore-scripts") {
      // What the lockfile asks for is here already: these tests run from it.
      symlinkSync(join(ROOT, "node_modules"), at("node_modules"));
    } else if (name === "RUN" && text.startsWith("npm ")) {
      execFileSync("sh", ["-c", text], {
        cwd: at("."),
        stdio: "pipe",
        env: { ...process.env, npm_config_prefer_offline: "true" },
      });
    }
  }
  return root;
}

const isRoot = process.getuid?.() === 0;

/** The last stage, built from the others. Everything in it is of root, as in an image. */
function buildImage(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-image-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  const context = join(folder, "context");
  for (const file of contextFiles(ROOT)) {
    mkdirSync(dirname(join(context, file)), { recursive: true });
    copyFileSync(join(ROOT, file), join(context, file));
  }
  const built = new Map<string, string>();
  for (const stage of stages) {
    const name = stage.name ?? "image";
    built.set(name, build(stage, join(folder, name), context, built));
  }
  return built.get("image") as string;
}

interface Container {
  readonly child: ChildProcess;
  readonly proxyUrl: string;
  readonly adminUrl: string;
}

/** Its entry point as user 1000, with the Node that runs this where that user can start it. */
async function run(t: TestContext, image: string, config: string): Promise<Container> {
  const volume = join(image, "var/lib/crossfade");
  assert.match(
    last.instructions.find(({ text }) => text.startsWith("install"))?.text ?? "",
    /-o 1000 -g 1000 -m 0700 \/var\/lib\/crossfade/,
  );
  mkdirSync(volume, { recursive: true, mode: 0o700 });
  if (isRoot) chownSync(volume, 1000, 1000);
  mkdirSync(join(image, "etc/crossfade"), { recursive: true });
  writeFileSync(join(image, "etc/crossfade/crossfade.yaml"), config, { mode: 0o644 });
  const node = join(image, "node");
  copyFileSync(process.execPath, node);
  chmodSync(node, 0o755);
  const inImage = (word: string): string => (word.startsWith("/") ? join(image, word) : word);
  const [, ...entry] = JSON.parse(only(last, "ENTRYPOINT")) as string[];
  const command = JSON.parse(only(last, "CMD")) as string[];
  const child = spawn(node, [...entry, ...command].map(inImage), {
    cwd: volume,
    env: { ...pairsOf(only(last, "ENV")), HOME: "/nonexistent", TMPDIR: tmpdir() },
    stdio: ["ignore", "pipe", "pipe"],
    ...(isRoot ? { uid: 1000, gid: 1000 } : {}),
  });
  t.after(() => child.kill("SIGKILL"));
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += String(chunk)));
  const ready = await new Promise<RegExpExecArray>((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      said += String(chunk);
      const found = /^crossfade ready proxy=(\S+) admin=(\S+)$/m.exec(said);
      if (found !== null) resolve(found);
    });
    child.once("exit", () => reject(new Error(said)));
  });
  return { child, proxyUrl: ready[1] as string, adminUrl: ready[2] as string };
}

/** The health check's code, asked at the port that the test's proxy has. */
function healthCode(adminUrl: string): number | null {
  const [, json = ""] = /CMD (\[.*\])$/.exec(only(last, "HEALTHCHECK")) ?? [];
  const [, ...args] = JSON.parse(json) as string[];
  const { host } = new URL(adminUrl);
  return spawnSync(
    process.execPath,
    args.map((arg) => arg.replace("127.0.0.1:9090", host)),
  ).status;
}

test("built as the Dockerfile says and run as user 1000, it forwards, keeps its state in the volume alone, and ends at SIGTERM", async (t) => {
  const [legacy, next] = [await startService(json(200, { id: 1 })), await startService(json(200, { id: 1 }))];
  t.after(() => Promise.all([legacy.close(), next.close()]));
  const image = buildImage(t);
  assert.ok(!existsSync(join(image, "app/node_modules/typescript")), "no development dependency is in the image");
  const config = `
listen: 127.0.0.1:0
admin: { listen: "127.0.0.1:0" }
services: { legacy: { url: "${legacy.url}" }, next: { url: "${next.url}", effects: suppressed } }
`;
  const filesOf = (path: string): readonly string[] => globSync("**", { cwd: join(image, path) }).sort();
  const before = filesOf("app");
  const { child, proxyUrl, adminUrl } = await run(t, image, config);
  const answer = await request(`${proxyUrl}/users/1`, {
    method: "PUT",
    body: "{}",
    headers: { "content-type": "application/json" },
  });
  assert.deepEqual([answer.statusCode, await answer.body.text()], [200, '{"id":1}']);
  assert.equal((await next.sawAtLeast(1))[0]?.target, "/users/1");
  assert.equal(healthCode(adminUrl), 0);

  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "exit"), [0, null]);
  assert.equal(healthCode(adminUrl), 1);
  assert.deepEqual(filesOf("app"), before);
  const store = statSync(join(image, "var/lib/crossfade/crossfade.db"));
  if (isRoot) assert.equal(store.uid, 1000);
});
