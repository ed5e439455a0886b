/**
 * Hot reload: a changed file is taken whole or not at all. On error the running settings stay, and `refusal` says why
 * until the file is sound again. Certificates, keys and modules that the file names belong to it: when one of them changes, all is
 * read anew. Directories are watched, not files: editors replace a file (rename), Kubernetes swaps a symbolic link beside
 * it, and a watch on the old inode would see neither.
 */
import { readFileSync, realpathSync, watch, type FSWatcher } from "node:fs";
import { dirname, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { ConfigMessage } from "./message.ts";
import type { Reading } from "./reread.ts";
import type { Settings } from "./settings.ts";

export type ReloadResult = "applied" | "unchanged" | "refused";

export interface WatchInput {
  readonly file: string;
  /** What is running as the watch begins. */
  readonly running: Settings;
  /** Further files that it came from. */
  readonly files?: readonly string[];
  /** Reads the file anew, with the flags and environment of the start. Does not reject. */
  readonly read: (running: Settings) => Promise<Reading>;
  /** Takes the new settings into use. What it throws refuses them. */
  readonly apply: (reading: Extract<Reading, { ok: true }>) => void;
  readonly refused: (errors: readonly ConfigMessage[]) => void;
  /** The file system cannot tell of changes; `reload` still works. */
  readonly unwatched: (why: string) => void;
  /** Between a change and the look at it, and between two looks at a file that is being written, in ms. Default 100. */
  readonly debounceMs?: number;
}

export interface SettingsWatch {
  /** Loads now, whether or not the file has changed: for SIGHUP. Calls act one after another. */
  reload(): Promise<ReloadResult>;
  /** Why the file as it stands is not in use; null while it is. */
  refusal(): readonly ConfigMessage[] | null;
  close(): void;
}

export function watchSettings(input: WatchInput): SettingsWatch {
  return new Watch(input);
}

class Watch implements SettingsWatch {
  readonly #input: WatchInput;
  readonly #watchers = new Map<string, FSWatcher>();
  #running: Settings;
  #refusal: readonly ConfigMessage[] | null = null;
  /** Further files that the last attempt to load read, or would have. */
  #files: readonly string[];
  /** Text of all files when they were last loaded: other files of the directories change too. */
  #seen: string;
  /** Text of all files at the last look. */
  #looked: string | null = null;
  #timer: NodeJS.Timeout | null = null;
  #reloading: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(input: WatchInput) {
    this.#input = input;
    this.#running = input.running;
    this.#files = input.files ?? [];
    this.#seen = this.#readText();
    this.#follow();
  }

  reload(): Promise<ReloadResult> {
    const result = this.#reloading.then(() => this.#reload());
    this.#reloading = result;
    return result;
  }

  async #reload(): Promise<ReloadResult> {
    const reading = await this.#read();
    if (this.#closed) return "unchanged";
    this.#follow();
    if (!reading.ok) return this.#refuse(reading.errors);
    this.#refusal = null;
    if (isDeepStrictEqual(reading.settings, this.#running)) return "unchanged";
    try {
      this.#input.apply(reading);
    } catch (thrown) {
      const why = thrown instanceof Error ? thrown.message : String(thrown);
      return this.#refuse([
        { file: this.#input.file, line: null, column: null, text: `could not be taken into use: ${why}` },
      ]);
    }
    this.#running = reading.settings;
    return "applied";
  }

  /** What is remembered as seen is read first: a change that comes between the two is then found by the next look. */
  async #read(): Promise<Reading> {
    for (;;) {
      const files = this.#files;
      this.#seen = this.#readText();
      const reading = await this.#input.read(this.#running);
      this.#files = reading.files;
      if (this.#closed || isDeepStrictEqual(files, reading.files)) return reading;
    }
  }

  refusal(): readonly ConfigMessage[] | null {
    return this.#refusal;
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #refuse(errors: readonly ConfigMessage[]): "refused" {
    this.#refusal = errors;
    this.#input.refused(errors);
    return "refused";
  }

  #readText(): string {
    return [this.#input.file, ...this.#files].map((file) => `${file}\n${textOf(file)}`).join("\n");
  }

  /**
   * Something in the directory changed; mostly it is not our file (the divergence log may grow beside it all the time), so
   * an event must not put off the look that an earlier one asked for.
   */
  #onChange(): void {
    if (this.#closed || this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#follow();
      this.#look();
    }, this.#input.debounceMs ?? 100);
    this.#timer.unref();
  }

  /** Loads a text only once two looks in a row have found it: an editor writes in several steps. */
  #look(): void {
    const text = this.#readText();
    const settled = text === this.#looked;
    this.#looked = text;
    if (text === this.#seen) return;
    if (settled) void this.reload();
    else this.#onChange();
  }

  /** Watches the directory of each name and, behind links, that of the file itself; the latter moves when a link is swapped. */
  #follow(): void {
    const wanted = this.#directories();
    for (const [directory, watcher] of this.#watchers) {
      if (wanted.has(directory)) continue;
      watcher.close();
      this.#watchers.delete(directory);
    }
    for (const directory of wanted) {
      if (!this.#watchers.has(directory)) this.#watch(directory);
    }
  }

  #directories(): ReadonlySet<string> {
    return new Set([this.#input.file, ...this.#files].flatMap(directoriesOf));
  }

  #watch(directory: string): void {
    const failed = (thrown: unknown): void => {
      this.#watchers.get(directory)?.close();
      this.#watchers.delete(directory);
      const why = thrown instanceof Error ? thrown.message : String(thrown);
      this.#input.unwatched(`${directory} cannot be watched for changes (${why}); send SIGHUP after a change`);
    };
    try {
      const watcher = watch(directory, { persistent: false }, () => this.#onChange());
      watcher.on("error", failed);
      this.#watchers.set(directory, watcher);
    } catch (thrown) {
      failed(thrown);
    }
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}

function directoriesOf(file: string): readonly string[] {
  const named = resolve(file);
  try {
    return [dirname(named), dirname(realpathSync(named))];
  } catch {
    return [dirname(named)];
  }
}
