import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";

/** As much of PouchDB as is used here; it brings no types. */
export interface PouchStatic {
  new (name: string, options?: Readonly<Record<string, unknown>>): Pouch;
  plugin(plugin: unknown): void;
  defaults(options: Readonly<Record<string, unknown>>): PouchStatic;
}

export interface PouchDoc {
  readonly _id: string;
  readonly _rev?: string;
  readonly _deleted?: boolean;
  readonly _attachments?: Readonly<Record<string, { readonly content_type: string; readonly data: Buffer }>>;
  readonly [field: string]: unknown;
}

export interface PouchRow {
  readonly id: string;
  readonly value: { readonly rev: string };
  readonly doc: PouchDoc;
}

/** A feed or a replication: events, and the means to end it. */
export interface PouchFeed {
  on(event: string, listener: (value: { readonly id: string }) => void): PouchFeed;
  cancel(): void;
}

export interface Pouch {
  put(doc: PouchDoc): Promise<{ readonly rev: string }>;
  get(id: string): Promise<PouchDoc>;
  remove(id: string, rev: string): Promise<unknown>;
  putAttachment(id: string, name: string, rev: string, bytes: Buffer, type: string): Promise<{ readonly rev: string }>;
  getAttachment(id: string, name: string): Promise<Buffer>;
  allDocs(options?: Readonly<Record<string, unknown>>): Promise<{ readonly rows: readonly PouchRow[] }>;
  changes(options: Readonly<Record<string, unknown>>): PouchFeed;
  sync(other: Pouch, options?: Readonly<Record<string, unknown>>): PouchFeed;
  readonly replicate: {
    to(other: Pouch, options?: Readonly<Record<string, unknown>>): Promise<{ readonly ok: boolean }>;
    from(other: Pouch, options?: Readonly<Record<string, unknown>>): Promise<{ readonly ok: boolean }>;
  };
}

const require = createRequire(import.meta.url);
const PouchDB = require("pouchdb-core") as PouchStatic;
PouchDB.plugin(require("pouchdb-adapter-memory"));
PouchDB.plugin(require("pouchdb-adapter-http"));
PouchDB.plugin(require("pouchdb-replication"));

/** A database of a client's own. */
export function localPouch(name: string): Pouch {
  return new PouchDB(name, { adapter: "memory" });
}

/** A database behind an address, as PouchDB's client sees it. */
export function remotePouch(url: string): Pouch {
  return new PouchDB(url, { adapter: "http" });
}

/** A CouchDB-like service in a process of its own; resolves to its address. */
export async function startCouch(t: TestContext): Promise<string> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "couch-child.ts")], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  t.after(async () => {
    if (child.exitCode !== null) return;
    const exit = once(child, "exit");
    child.disconnect();
    await exit;
  });
  const { stdout } = child;
  if (stdout === null) throw new Error("the child has no stdout");
  const [line] = (await once(createInterface({ input: stdout }), "line")) as [string];
  return line.replace("ready ", "");
}
