/** The demo's folder and ports: everything it leaves on the machine while it runs. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Workspace {
  readonly folder: string;
  remove(): void;
}

/** A new folder under the system's for temporary files; removed at the latest when the process exits. */
export function makeWorkspace(): Workspace {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-demo-"));
  const remove = (): void => {
    process.off("exit", remove);
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  process.on("exit", remove);
  return { folder, remove };
}

export interface Places {
  readonly folder: string;
  readonly proxyPort: number;
  readonly adminPort: number;
  readonly legacyUrl: string;
  readonly nextUrl: string;
}

/** Writes the config that the demo's proxy runs on, and returns its path: a newcomer's first example. */
export function writeConfig({ folder, proxyPort, adminPort, legacyUrl, nextUrl }: Places): string {
  const file = join(folder, "crossfade.yaml");
  const path = (name: string): string => JSON.stringify(join(folder, name));
  writeFileSync(
    file,
    `# What the demo runs on. Services of your own need no more than their two URLs:
#   npm start -- --legacy http://127.0.0.1:3000 --next http://127.0.0.1:4000
listen: 127.0.0.1:${proxyPort}
admin: { listen: "127.0.0.1:${adminPort}" }
store: ${JSON.stringify(`sqlite:${join(folder, "crossfade.db")}`)}
divergenceLog: { file: ${path("crossfade-divergences.ndjson")}, maxSize: 64MiB }

services:
  legacy: { url: "${legacyUrl}", effects: suppressed }
  next:
    url: "${nextUrl}"
    effects: suppressed           # what is written to it twice does no harm
    asShadow: { timeout: 20s }    # outlasts the seconds in which the demo suspends it

defaults:
  mirror: { writes: true, reads: 100% }

routes:                           # the first that matches wins
  - name: countries
    match: { path: "/countries/**" }
  - name: notes                   # a note's key: from the path, or from the answer where legacy makes its id
    match: { path: "/notes/**" }
    key: ["path:id", "answer-header:location", "answer:/id"]
  - name: visits
    match: { path: "/visits/**" }
`,
  );
  return file;
}

/** The preferred port of loopback where it is free, else one that the system chooses. */
export async function freePort(preferred: number): Promise<number> {
  return (await tryPort(preferred)) ?? ((await tryPort(0)) as number);
}

function tryPort(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(null));
    server.listen(port, "127.0.0.1", () => {
      const bound = (server.address() as AddressInfo).port;
      server.close(() => resolve(bound));
    });
  });
}
