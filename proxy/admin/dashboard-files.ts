/** The dashboard as the build left it (deploy/dashboard.mjs): a handful of files, read once and kept. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";

export interface DashboardFile {
  readonly type: string;
  readonly body: Buffer;
}

export interface DashboardFiles {
  /** `index.html`; null: there is no built dashboard here. */
  readonly page: DashboardFile | null;
  /** Scripts, styles and licences by name. Names of scripts and styles change with what is in them. */
  readonly assets: ReadonlyMap<string, DashboardFile>;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
};
const PAGE = "index.html";
/** Beside this file where it is built; sources that run unbuilt show what was built last. */
const FOLDERS = [
  join(import.meta.dirname, "../dashboard"),
  join(import.meta.dirname, "../../dist/proxy/dashboard"),
] as const;

export function readDashboard(): DashboardFiles {
  const folder = FOLDERS.find((one) => existsSync(join(one, PAGE)));
  if (folder === undefined) return { page: null, assets: new Map() };
  const assets = new Map<string, DashboardFile>();
  let page: DashboardFile | null = null;
  for (const name of readdirSync(folder)) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const file = { type, body: readFileSync(join(folder, name)) };
    if (name === PAGE) page = file;
    else assets.set(name, file);
  }
  return { page, assets };
}
