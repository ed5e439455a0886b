#!/usr/bin/env node
/**
 * The `crossfade` command. Nothing is imported before the version is known to do: better-sqlite3 13 ends an older Node
 * with a segmentation fault and no word (docs of its engines; seen on 20.20).
 */
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(
    `crossfade needs Node 22.19 or newer and this is ${process.versions.node}; install one from https://nodejs.org, or run it with: npx -p node@24 crossfade\n`,
  );
  process.exit(3);
}

const { keepCompiledCode } = await import("./compiled-code.ts");
keepCompiledCode();
const { runProgram } = await import("./program.ts");
await runProgram(process.argv);
