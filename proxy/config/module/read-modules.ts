/**
 * The modules that comparisons and transforms name, each read and imported once, so that one that cannot be used is told with its place
 * before any pair needs it. Settings hold a digest of its text: a reload that reads it anew sees what changed.
 */
import { readFileSync } from "node:fs";
import { dirname, extname, resolve } from "node:path";
import { NO_MODULE } from "../defaults.ts";
import { digestOfModule } from "../../process/module-files.ts";
import type { Findings } from "../findings.ts";
import { showValue, type ConfigPath } from "../message.ts";
import type { Places } from "../places.ts";
import type { Written } from "../schema.ts";
import { HOOKS, type ModuleSettings, TRANSFORM_HOOKS, type TransformHookName } from "../compare-settings.ts";
import { inspectModule, type ModuleHook } from "./inspect.ts";

export interface Modules {
  /** By what was written at `compare.module`. */
  readonly ofCompare: ReadonlyMap<string, ModuleSettings>;
  /** By what was written at `transform.module`. */
  readonly ofTransform: ReadonlyMap<string, ModuleSettings<TransformHookName>>;
  /** Whole names of the files that were read or should have been, and of those that they import. */
  readonly files: readonly string[];
}

export const NO_MODULES: Modules = { ofCompare: new Map(), ofTransform: new Map(), files: [] };

type ModuleRead<Hook extends ModuleHook> =
  | { readonly ok: true; readonly module: ModuleSettings<Hook> }
  | { readonly ok: false; readonly why: string; readonly imports: readonly string[] };

interface Named {
  readonly name: string;
  readonly path: ConfigPath;
}

/** Reads synchronously. What is wrong goes to `findings`; the settings are then not to be used. */
export function readModules(written: Written, configFile: string | null, places: Places, findings: Findings): Modules {
  const folder = configFile === null ? "." : dirname(resolve(configFile));
  const files = new Set<string>();

  function readAll<Hook extends ModuleHook>(
    named: readonly Named[],
    wanted: readonly Hook[],
  ): Map<string, ModuleSettings<Hook>> {
    const reads = new Map<string, ModuleRead<Hook>>();
    const byName = new Map<string, ModuleSettings<Hook>>();
    for (const { name, path } of named) {
      const file = resolve(folder, name);
      let read = reads.get(file);
      if (read === undefined) {
        read = readModule(file, wanted);
        reads.set(file, read);
      }
      if (read.ok) byName.set(name, read.module);
      else findings.errors.push(places.at(path, `is ${showValue(name)}, ${read.why}`));
      for (const each of [file, ...(read.ok ? read.module.imports : read.imports)]) files.add(each);
    }
    return byName;
  }

  const ofCompare = readAll(namedInCompare(written), HOOKS);
  const ofTransform = readAll(namedInTransform(written), TRANSFORM_HOOKS);
  return { ofCompare, ofTransform, files: [...files] };
}

function namedInCompare(written: Written): readonly Named[] {
  const all = [
    { name: written.defaults?.compare?.module, path: ["defaults", "compare", "module"] },
    ...(written.routes ?? []).map(({ compare }, i) => ({
      name: compare?.module,
      path: ["routes", i, "compare", "module"],
    })),
  ];
  return all.flatMap(({ name, path }) => (name === undefined || name === NO_MODULE ? [] : [{ name, path }]));
}

function namedInTransform(written: Written): readonly Named[] {
  return (written.routes ?? []).flatMap(({ transform }, i) => {
    const name = transform?.module;
    return name === undefined ? [] : [{ name, path: ["routes", i, "transform", "module"] }];
  });
}

function readModule<Hook extends ModuleHook>(file: string, wanted: readonly Hook[]): ModuleRead<Hook> {
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
  const { found, imports } = inspectModule(file, wanted);
  if (!found.ok) return { ...found, imports };
  try {
    const hooks = wanted.filter((name) => found.hooks.includes(name));
    return { ok: true, module: { file, imports, sha256: digestOfModule(file, imports), hooks } };
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
