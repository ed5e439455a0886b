/** The Dockerfile as stages of instructions, and what of the repository reaches its build. */
import { globSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

export interface Instruction {
  readonly name: string;
  readonly text: string;
}

export interface Stage {
  readonly from: string;
  readonly name: string | null;
  readonly instructions: readonly Instruction[];
}

export function readStages(file: string): readonly Stage[] {
  const stages: { from: string; name: string | null; instructions: Instruction[] }[] = [];
  const lines = readFileSync(file, "utf8")
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll(/\\\n\s*/g, "")
    .split("\n");
  for (const line of lines.filter((text) => text.trim() !== "")) {
    const [, name = "", text = ""] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
    if (name === "FROM") {
      const [, from = "", as] = /^(\S+)(?: AS (\S+))?$/.exec(text) ?? [];
      stages.push({ from, name: as ?? null, instructions: [] });
    } else {
      stages.at(-1)?.instructions.push({ name, text });
    }
  }
  return stages;
}

/** `KEY=value KEY="value"` */
export function pairsOf(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...text.matchAll(/([\w.]+)=(?:"([^"]*)"|(\S+))/g)].map(([, key = "", quoted, bare]) => [
      key,
      quoted ?? bare ?? "",
    ]),
  );
}

/** Files that `.dockerignore` lets into the context, relative to the root. It excludes all and names what comes in. */
export function contextFiles(root: string): readonly string[] {
  const [all, ...patterns] = readFileSync(join(root, ".dockerignore"), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (all !== "*") throw new Error("the first pattern of .dockerignore is not *");
  return patterns.flatMap((pattern) => {
    if (!pattern.startsWith("!")) throw new Error(`a pattern that this reader does not know: ${pattern}`);
    const found = globSync(pattern.slice(1), { cwd: root });
    return found.flatMap((entry) =>
      statSync(join(root, entry)).isDirectory()
        ? globSync(`${entry}/**`, { cwd: root }).filter((file) => statSync(join(root, file)).isFile())
        : [entry],
    );
  });
}
