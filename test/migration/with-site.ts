import { Databases } from "./pairs.ts";
import { Site } from "./site.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** However it ends, by a signal too, nothing that was started goes on. */
export async function withSite<T>(cli: string, work: (site: Site, databases: Databases) => Promise<T>): Promise<T> {
  const [site, databases] = [new Site(cli), new Databases()];
  const close = async (): Promise<void> => {
    await site.close();
    await databases.stop();
  };
  const giveUp = (): void => void close().then(() => process.exit(130));
  for (const signal of SIGNALS) process.once(signal, giveUp);
  try {
    return await work(site, databases);
  } finally {
    for (const signal of SIGNALS) process.off(signal, giveUp);
    await close();
  }
}
