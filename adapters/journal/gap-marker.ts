/**
 * Which routes have writes that are in no journal, in a file that is there before it is needed: it is overwritten in place,
 * so that a full disk does not keep it from being written; what follows its second line is left from before. What cannot
 * be read of it stands for every route.
 */
import { createHash } from "node:crypto";
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import type { GapMarker } from "../../proxy/journal.ts";

const BYTES = 64 * 1024;
const DIGEST_CHARS = 64;
/** Stands for all routes where their names do not fit. */
const EVERY_ROUTE = "*";

export interface Unjournaled {
  readonly route: string;
  /** Epoch ms. */
  readonly from: number;
}

/** `everyRoute`: what the file says where it says nothing that can be read. */
export function readGapMarker(file: string, everyRoute: readonly string[], now: number): readonly Unjournaled[] {
  if (!existsSync(file)) return [];
  const every = (from: number): readonly Unjournaled[] => everyRoute.map((route) => ({ route, from }));
  const [digest, text = ""] = readFileSync(file, "utf8").split("\n");
  if (digest !== digestOf(text)) return every(now);
  const written = JSON.parse(text) as readonly Unjournaled[];
  const whole = written.find(({ route }) => route === EVERY_ROUTE);
  return whole === undefined ? written : every(whole.from);
}

/**
 * Beside what it says already: writes of these routes are in no journal from then on (epoch ms). Durable when it returns; for whoever has
 * not opened the journal. @throws as the disk does
 */
export function markUnjournaled(file: string, routes: readonly string[], from: number): void {
  const marked = new Map(routes.map((route) => [route, from]));
  for (const one of readGapMarker(file, [EVERY_ROUTE], from))
    marked.set(one.route, Math.min(one.from, marked.get(one.route) ?? from));
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const descriptor = openSync(file, existsSync(file) ? "r+" : "wx", 0o600);
  writeSync(descriptor, textOf(marked).padEnd(BYTES), 0);
  fsyncSync(descriptor);
  closeSync(descriptor);
}

export interface OpenGapMarker extends GapMarker {
  end(): Promise<void>;
}

/** Makes the file, or empties the one that there is: whoever does so has accounted for what it said. */
export async function openGapMarker(file: string, survives: "process" | "power"): Promise<OpenGapMarker> {
  const descriptor = openSync(file, existsSync(file) ? "r+" : "wx", 0o600);
  writeSync(descriptor, textOf(new Map()).padEnd(BYTES), 0);
  fsyncSync(descriptor);
  closeSync(descriptor);
  return new Marker(await open(file, "r+"), survives);
}

class Marker implements OpenGapMarker {
  readonly #handle: FileHandle;
  readonly #survives: "process" | "power";
  readonly #routes = new Map<string, number>();
  #writing: Promise<void> = Promise.resolve();

  constructor(handle: FileHandle, survives: "process" | "power") {
    this.#handle = handle;
    this.#survives = survives;
  }

  open(route: string, from: number): Promise<void> {
    if (!this.#routes.has(route)) this.#routes.set(route, from);
    return this.#write();
  }

  close(route: string): void {
    this.#routes.delete(route);
    this.#write().catch(() => undefined);
  }

  /** The accounts of this process life are closed: whatever was in no journal has its outcome. */
  async end(): Promise<void> {
    this.#routes.clear();
    void this.#write().catch(() => undefined);
    let timer: NodeJS.Timeout | undefined;
    // A disk that does not answer must not be waited for: the process ends, and the file with it.
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, 1_000);
    });
    await Promise.race([this.#writing.then(() => this.#handle.close()).catch(() => undefined), late]);
    clearTimeout(timer);
  }

  #write(): Promise<void> {
    const written = this.#writing
      .catch(() => undefined)
      .then(async () => {
        await this.#handle.write(textOf(this.#routes), 0);
        if (this.#survives === "power") await this.#handle.datasync();
      });
    this.#writing = written;
    written.catch(() => undefined);
    return written;
  }
}

function textOf(routes: ReadonlyMap<string, number>): string {
  const written = [...routes].map(([route, from]) => ({ route, from }));
  let text = JSON.stringify(written);
  if (Buffer.byteLength(text) > BYTES - DIGEST_CHARS - 2) {
    text = JSON.stringify([{ route: EVERY_ROUTE, from: Math.min(...routes.values()) }]);
  }
  return `${digestOf(text)}\n${text}\n`;
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
