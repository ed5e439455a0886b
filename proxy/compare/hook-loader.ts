/** Modules of the user's in a thread of their own: each version that the config was loaded with is imported once. */
import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";
import type { HookName, ModuleSettings, TransformHookName } from "../config/compare-settings.ts";
import { digestOfModule, isUsersFile } from "../process/module-files.ts";
import { HookError, type Hooks, type StepLog, thrownWords } from "./hook-calls.ts";

type LoadableModule = ModuleSettings<HookName | TransformHookName>;

/** For one thread. What it returns rejects with a HookError. */
export function hookLoader(log: StepLog): (module: LoadableModule) => Promise<Hooks> {
  // By file and digest: a changed module is another one.
  const loaded = new Map<string, Hooks>();
  return (module) => loadHooks(loaded, log, module);
}

/** @throws HookError: it is not the module that the config was loaded with, or cannot be imported */
async function loadHooks(
  loaded: Map<string, Hooks>,
  log: StepLog,
  { file, imports, sha256 }: LoadableModule,
): Promise<Hooks> {
  const url = `${pathToFileURL(file).href}?crossfade=${sha256}`;
  const known = loaded.get(url);
  if (known !== undefined) return known;
  prepareForModules();
  log.enter("import");
  try {
    if (digestOf(file, imports) !== sha256) throw new HookError("import", "has changed since the config was loaded");
    const hooks = (await import(url)) as Hooks;
    loaded.set(url, hooks);
    return hooks;
  } catch (error) {
    throw error instanceof HookError ? error : new HookError("import", thrownWords(error, file));
  } finally {
    log.leave();
  }
}

const LEFT_BEHIND = ["uncaughtException", "unhandledRejection"] as const;

let isPrepared = false;

function prepareForModules(): void {
  if (isPrepared) return;
  isPrepared = true;
  // What a function leaves behind, such as a promise that fails, must not end the thread of other pairs.
  for (const event of LEFT_BEHIND) process.on(event, () => undefined);
  // What a version of a module imports is of the same version: Node would give it what it read for an earlier one.
  registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      const version = /\?crossfade=[0-9a-f]+$/.exec(context.parentURL ?? "")?.[0];
      const isOfVersion = version !== undefined && isUsersFile(found.url) && !found.url.includes("?");
      return isOfVersion ? { ...found, url: found.url + version } : found;
    },
  });
}

function digestOf(file: string, imports: readonly string[]): string | null {
  try {
    return digestOfModule(file, imports);
  } catch {
    return null;
  }
}
