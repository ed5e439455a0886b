/** `npm run check`: everything that CI asks besides the tests. All checks run, whichever fails. */
import { spawnSync } from "node:child_process";
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
  for (const [name, ...args] of CHECKS) {
    const began = performance.now();
    const ended = spawnSync(node, args, { cwd: ROOT, env: environment(node), encoding: "utf8", maxBuffer: 1 << 28 });
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    if (ended.status === 0) {
      console.log(`ok      ${name} (${seconds} s)`);
    } else {
      failures += 1;
      process.stdout.write(`${ended.stdout}${ended.stderr}`);
      console.log(`failed  ${name} (${seconds} s)`);
    }
  }
  console.log(failures === 0 ? "all checks passed" : `${failures} of the checks failed`);
  return failures === 0 ? 0 : 1;
}
