/** The thread that inspect.ts starts. */
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { workerData } from "node:worker_threads";
import { isUsersFile } from "../../process/module-files.ts";
import type { Inspected, InspectMessage, InspectOrder, ModuleHook } from "./inspect.ts";

/** Of what is said while a module is imported. */
const WORDS_MAX_CHARS = 300;

const ARGUMENTS: Readonly<Record<ModuleHook, string>> = {
  normalise: "normalise(answer, side)",
  judge: "judge(difference)",
  toNext: "toNext(request)",
  answer: "answer(answer)",
};

const { url, wanted, port, done } = workerData as InspectOrder;
let told = false;

process.on("exit", () => tell({ ok: false, why: "which ends its process while it is imported; take that out" }));
process.on("uncaughtException", (error) => tell({ ok: false, why: notImported(error) }));
tellOfImports();
// Not awaited here: Node would warn on stderr of a module that ends the process.
void inspect().then((found) => {
  tell(found);
  // A timer that the module has started would keep the thread.
  process.exit();
});

function tell(found: Inspected): void {
  if (told) return;
  told = true;
  port.postMessage(found satisfies InspectMessage);
  Atomics.store(done, 0, 1);
  Atomics.notify(done, 0);
}

/** At once, and also of what is not there: a module that hangs or fails is mended in one of them. */
function tellOfImports(): void {
  const known = new Set([url]);
  const note = (imported: string): void => {
    if (known.has(imported) || !isUsersFile(imported)) return;
    known.add(imported);
    port.postMessage(fileURLToPath(imported) satisfies InspectMessage);
  };
  registerHooks({
    resolve(specifier, context, next) {
      try {
        const found = next(specifier, context);
        note(found.url);
        return found;
      } catch (error) {
        if (/^\.{0,2}\//.test(specifier)) note(new URL(specifier, context.parentURL).href);
        throw error;
      }
    },
    load(loading, context, next) {
      const loadedFile = next(loading, context);
      if (loadedFile.format !== "commonjs" || !isUsersFile(loading)) return loadedFile;
      // A thread keeps it by its name: a changed one would not be taken into use.
      throw new Error(`${fileURLToPath(loading)} is CommonJS, and that is read but once; make it an ES module`);
    },
  });
}

async function inspect(): Promise<Inspected> {
  let exported: Readonly<Record<string, unknown>>;
  try {
    exported = (await import(url)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    return { ok: false, why: notImported(error) };
  }
  const found = wanted.filter((name) => exported[name] !== undefined);
  const wrong = found.find((name) => typeof exported[name] !== "function");
  if (wrong !== undefined) {
    return { ok: false, why: `which exports ${wrong}, and that is no function; write export function ${wrong}(…)` };
  }
  if (found.length > 0) return { ok: true, hooks: found };
  const way = wanted.map((name) => `export function ${ARGUMENTS[name]}`).join(" or ");
  return { ok: false, why: `which exports neither ${wanted.join(" nor ")}; write ${way}` };
}

function notImported(error: unknown): string {
  const words = (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).replace(/\s+/g, " ");
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const at = stack.indexOf(url);
  const place = at === -1 ? undefined : /^:(\d+(?::\d+)?)/.exec(stack.slice(at + url.length))?.[1];
  const where = place === undefined ? "" : ` (at ${place})`;
  // Node keeps the place of what does not parse to itself.
  const way = error instanceof SyntaxError ? "node --check FILE shows where" : "mend it, or take it out";
  return `which cannot be imported: ${words.slice(0, WORDS_MAX_CHARS)}${where}; ${way}`;
}
