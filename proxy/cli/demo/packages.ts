import { fileURLToPath } from "node:url";
import { CrossfadeError } from "../../errors.ts";

/**
 * The path of a file in one of the packages that only the demo needs: devDependencies, so a clone has them and an
 * installed crossfade has not. `resolve` is the caller's `import.meta.resolve` of it.
 * @throws CrossfadeError, saying how to get them
 */
export function locateInPackage(resolve: () => string): string {
  try {
    return fileURLToPath(resolve());
  } catch (cause) {
    const message = "what the demo runs on is not installed; run it with `npm start` in a clone of the repository";
    throw new CrossfadeError("internal", message, { source: "proxy", cause });
  }
}
