/** Whether the chaos run would see a defect: each mutant is run through an episode, which must find it. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runEpisode } from "./episode.ts";
import { FAULTS, type Fault } from "./faults.ts";
import { type Mutant, MUTANTS } from "./mutants.ts";

const ROOT = join(import.meta.dirname, "../..");
const BUILT = join(ROOT, "dist");
const SEED = 7;
/** Chance may hide a defect from one run. */
const ATTEMPTS = 3;

/** Resolves to the exit code: 1 where a mutant was not caught, or its text is not there any more. */
export async function runMutants(say: (line: string) => void): Promise<number> {
  const stale = MUTANTS.filter((mutant) => timesIn(mutant) !== 1);
  for (const mutant of stale) say(`${mutant.name}: its text stands ${timesIn(mutant)} times in ${mutant.file}`);
  let missed = 0;
  for (const mutant of MUTANTS.filter((one) => !stale.includes(one))) {
    const caught = await caughtBy(mutant);
    if (caught === null) missed++;
    say(
      `${caught === null ? "NOT CAUGHT" : "caught    "}  ${mutant.name} (${mutant.file}): ${caught ?? "nothing was violated"}`,
    );
  }
  say(`${MUTANTS.length} tried, ${MUTANTS.length - stale.length - missed} caught`);
  return stale.length + missed === 0 ? 0 : 1;
}

/** The first violation, or null. */
async function caughtBy(mutant: Mutant): Promise<string | null> {
  const folder = breakCopy(mutant);
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { violations } = await runEpisode({
        entry: join(folder, "dist/proxy/cli/main.js"),
        kind: mutant.episode,
        seed: SEED + attempt,
        faults: mutant.faults.map(faultNamed),
        clients: 8,
        members: 1,
        workers: 0,
        store: "sqlite",
        honours: mutant.honours,
        canFill: false,
        repairs: false,
        expectNoGaps: false,
      });
      const [first] = violations;
      if (first !== undefined) return `${violations.length} x, ${first.kind}: ${first.words}`;
    }
    return null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Beside the real one, so that it finds the same dependencies. */
export function breakCopy({ file, text, instead }: Pick<Mutant, "file" | "text" | "instead">): string {
  mkdirSync(join(ROOT, ".tmp"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, ".tmp", "mutant-"));
  cpSync(BUILT, join(folder, "dist"), { recursive: true });
  for (const name of ["package.json", "node_modules"]) symlinkSync(join(ROOT, name), join(folder, name));
  const broken = join(folder, "dist", file);
  const whole = readFileSync(broken, "utf8");
  writeFileSync(
    broken,
    whole.replace(patternOf(text), () => instead),
  );
  return folder;
}

export function timesIn({ file, text }: Pick<Mutant, "file" | "text">): number {
  return timesOf(text, readFileSync(join(BUILT, file), "utf8"));
}

export function timesOf(text: string, source: string): number {
  return source.split(patternOf(text)).length - 1;
}

/** The compiler breaks lines elsewhere than the formatter of the sources. */
function patternOf(text: string): RegExp {
  const words = text.split(" ").map((word) => word.replaceAll(/[^\w]/g, "\\$&"));
  return new RegExp(words.join("\\s+"));
}

function faultNamed(name: string): Fault {
  const found = FAULTS.find((fault) => fault.name === name);
  if (found === undefined) throw new Error(`no fault is called "${name}"`);
  return found;
}
