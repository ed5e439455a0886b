/** `npm run check`: everything that CI asks besides the tests. All checks run, whichever fails. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { buildIfStale, environment, PrepareError, ROOT } from "./prepare.mjs";

/** Each is a script for Node with its arguments. @type {readonly (readonly [name: string, ...args: string[]])[]} */
const CHECKS = [
  ["format", "node_modules/oxfmt/bin/oxfmt", "--check"],
  ["lint and import rules", "node_modules/oxlint/bin/oxlint"],
  ["types", "node_modules/typescript/bin/tsc", "-p", "."],
  ["types of the dashboard", "node_modules/typescript/bin/tsc", "-p", "proxy/dashboard"],
  ["unused files, exports and dependencies", "node_modules/knip/bin/knip.js"],
  ["config schema is current", "proxy/config/json-schema.ts", "--check"],
  ["reference pages are current", "test/reference/run.ts", "--check"],
  ["build starts", "dist/proxy/cli/main.js", "--help"],
];

/** On two cores; most of them use one. */
const AT_ONCE = 2;

/** Resolves to the exit code. @param {string} node */
export async function check(node) {
  let failures = 0;
  try {
    buildIfStale(node);
  } catch (error) {
    if (!(error instanceof PrepareError)) throw error;
    failures += 1;
    console.log(`failed  build: ${error.message}`);
  }
  const waiting = CHECKS.values();
  const workThrough = async () => {
    for (const [name, ...args] of waiting) if (!(await passes(node, name, args))) failures += 1;
  };
  await Promise.all(Array.from({ length: AT_ONCE }, workThrough));
  console.log(failures === 0 ? "all checks passed" : `${failures} of the checks failed`);
  return failures === 0 ? 0 : 1;
}

/** What a check says is shown whole and where it fails. @param {string} node @param {string} name @param {string[]} args */
async function passes(node, name, args) {
  const began = performance.now();
  const child = spawn(node, args, { cwd: ROOT, env: environment(node), stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      said += text;
    });
  }
  const [code] = await once(child, "close");
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  if (code !== 0) process.stdout.write(said);
  console.log(`${code === 0 ? "ok     " : "failed "} ${name} (${seconds} s)`);
  return code === 0;
}
