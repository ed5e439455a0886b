import { CrossfadeError } from "../../proxy/errors.ts";

/** A driver is installed with Crossfade unless npm was told to omit what is optional. @throws CrossfadeError names it */
export async function loadDriver<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw thrown;
    throw new CrossfadeError("driver-missing", `the driver ${name} is not installed; run npm install ${name}`, {
      source: "config",
      cause: thrown,
    });
  }
}
