/**
 * The modules that comparisons name, each read and imported once, so that one that cannot be used is told with its place
 * before any pair needs it. Settings hold a digest of its text: a reload that reads it anew sees what changed.
 */
import { readFileSync } from "node:fs";
import { dirname, extname, resolve } from "node:path";
import { NO_MODULE } from "../defaults.ts";
import { digestOfModule } from "../../module-files.ts";
import type { Findings } from "../findings.ts";
import { showValue, type ConfigPath } from "../message.ts";
import type { Places } from "../places.ts";
import type { Written } from "../schema.ts";
import type { ModuleSettings } from "../settings.ts";
import { inspectModule } from "./inspect.ts";

export interface Modules {
  /** By what was written. */
  readonly byName: ReadonlyMap<string, ModuleSettings>;
  /** Whole names of the files that were read or should have been, and of those that they import. */
  readonly files: readonly string[];
}

export const NO_MODULES: Modules = { byName: new Map(), files: [] };

type ModuleRead =
  | { readonly ok: true; readonly module: ModuleSettings }
  | { readonly ok: false; readonly why: string; readonly imports: readonly string[] };

/** Reads synchronously. What is wrong goes to `findings`; the settings are then not to be used. */
export function readModules(written: Written, configFile: string | null, places: Places, findings: Findings): Modules {
  const named = namedIn(written);
  if (named.length === 0) return NO_MODULES;
  const folder = configFile === null ? "." : dirname(resolve(configFile));
  const reads = new Map<string, ModuleRead>();
  const byName = new Map<string, ModuleSettings>();
  for (const { name, path } of named) {
    const file = resolve(folder, name);
    let read = reads.get(file);
    if (read === undefined) {
      read = readModule(file);
      reads.set(file, read);
    }
    if (read.ok) byName.set(name, read.module);
    else findings.errors.push(places.at(path, `is ${showValue(name)}, ${read.why}`));
  }
  const imports = [...reads.values()].flatMap((read) => (read.ok ? read.module.imports : read.imports));
  return { byName, files: [...new Set([...reads.keys(), ...imports])] };
}

function namedIn(written: Written): readonly { readonly name: string; readonly path: ConfigPath }[] {
  const all = [
    { name: written.defaults?.compare?.module, path: ["defaults", "compare", "module"] },
    ...(written.routes ?? []).map(({ compare }, i) => ({
      name: compare?.module,
      path: ["routes", i, "compare", "module"],
    })),
  ];
  return all.flatMap(({ name, path }) => (name === undefined || name === NO_MODULE ? [] : [{ name, path }]));
}

function readModule(file: string): ModuleRead {
  const kind = extname(file);
  if (kind !== ".mjs" && kind !== ".mts") {
    // Others may be CommonJS, which a thread keeps by its name: a changed one would not be taken into use.
    const why = "which is not called .mjs or .mts; write an ES module, and call it so";
    return { ok: false, why, imports: [] };
  }
  try {
    readFileSync(file);
  } catch (thrown) {
    return { ok: false, why: unreadable(file, thrown as NodeJS.ErrnoException), imports: [] };
  }
  const { found, imports } = inspectModule(file);
  if (!found.ok) return { ...found, imports };
  try {
    return { ok: true, module: { file, imports, sha256: digestOfModule(file, imports), hooks: found.hooks } };
  } catch (thrown) {
    return { ok: false, why: `which has changed meanwhile: ${(thrown as Error).message}`, imports };
  }
}

function unreadable(file: string, { code, message }: NodeJS.ErrnoException): string {
  if (code === "ENOENT") {
    return `and there is no file ${file}; write where it is, from the folder of the config file or from /`;
  }
  if (code === "EISDIR") return "a directory; name the file in it";
  if (code === "EACCES") return "and reading it is not permitted; let the user that runs Crossfade read it";
  return `which cannot be read: ${message}`;
}
