/**
 * `npm run fresh-clone [-- --cold]`: a clone of what is committed, into an empty folder, with no node_modules, no dist and the
 * Node and npm of the machine; then docs/getting-started.md of that clone, command by command. The short form in `npm test`
 * (getting-started.test.ts) lends the node_modules and dist that are there. `--cold`: npm's cache is empty too.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, sep } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../../deploy/prepare.mjs";
import { followIn } from "./follow.ts";

const PAGE = "docs/getting-started.md";
/** The first command installs and builds. */
const PATIENCE_MS = 10 * 60_000;

const { values } = parseArgs({ options: { cold: { type: "boolean", default: false } } });

/**
 * Where packages come from, and whom it is believed by, however somebody has said so: a network with an authority of its own is one
 * that npm otherwise asks three times over, a minute for each package. The rest is of the script that runs this.
 */
const OF_SOURCES =
  /^(?:npm_config_(?:registry|cache|cafile|proxy|https_proxy|userconfig|globalconfig)|NODE_(?:EXTRA_CA_CERTS|USE_SYSTEM_CA|USE_ENV_PROXY))$/;
const OF_THIS_CHECKOUT = /^(?:npm_|NODE_|INIT_CWD$|CROSSFADE_)/;

/** What a shell has that was just opened. */
function freshEnvironment(folder: string): NodeJS.ProcessEnv {
  const ours = Object.entries(process.env).filter(([name]) => OF_SOURCES.test(name) || !OF_THIS_CHECKOUT.test(name));
  const path = (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter((entry) => !entry.includes(`${sep}node_modules${sep}`));
  // The page writes no more than it says: not even npm's notice that there is a newer one.
  const env = { ...Object.fromEntries(ours), PATH: path.join(delimiter), npm_config_update_notifier: "false" };
  return values.cold ? { ...env, npm_config_cache: join(folder, "npm-cache") } : env;
}

const folder = mkdtempSync(join(tmpdir(), "crossfade-fresh-clone-"));
const clone = join(folder, "clone");
const env = freshEnvironment(folder);
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const git = (...args: readonly string[]): string => execFileSync("git", args, { encoding: "utf8" }).trim();
try {
  mkdirSync(clone);
  git("clone", "--quiet", "--no-local", ROOT, clone);
  const node = execFileSync("node", ["--version"], { env, encoding: "utf8" }).trim();
  say(`${git("-C", clone, "rev-parse", "--short", "HEAD")} in ${clone}, Node ${node}`);
  if (git("-C", ROOT, "status", "--porcelain") !== "") say("what is not committed is not in it");
  const follower = await followIn({
    folder: clone,
    env,
    patienceMs: PATIENCE_MS,
    begun: (where, { terminal, text }) => say(`${where}  ${terminal ?? ""}$ ${(text ?? "^C").split("\n")[0]}`),
  });
  const began = performance.now();
  try {
    await follower.follow(PAGE);
  } finally {
    await follower.end();
  }
  const left = git("-C", clone, "status", "--porcelain");
  if (left !== "") throw new Error(`the page leaves files behind:\n${left}`);
  say(`${PAGE}: all of it, in ${Math.round((performance.now() - began) / 1000)} s; nothing is left behind`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
