/** Puts a message where its setting was given: in the file, or as a flag. */
import { spellPath, type ConfigMessage, type ConfigPath } from "./message.ts";
import type { ConfigSource, Place } from "./source.ts";

export interface Places {
  /** `predicate` follows the setting's name: `is "64", which has no unit`. What is not written is placed at its surroundings. */
  at(path: ConfigPath, predicate: string): ConfigMessage;
  /** The same, pointing at the last key instead of its value. */
  atKey(path: ConfigPath, predicate: string): ConfigMessage;
}

/** Stands where a file would, for settings that nobody wrote. */
const NO_FILE = "crossfade start:";

export function placesOf(source: ConfigSource | null, flagOf: ReadonlyMap<string, string>): Places {
  const message = (path: ConfigPath, predicate: string, place: Place | undefined): ConfigMessage => {
    const name = spellPath(path);
    const flag = flagOf.get(name);
    if (flag !== undefined) return { file: flag, line: null, column: null, text: predicate };
    const text = `${name} ${predicate}`;
    if (source === null || place === undefined) return { file: NO_FILE, line: null, column: null, text };
    return { file: source.file, line: place.line, column: place.column, text };
  };
  return {
    at: (path, predicate) => message(path, predicate, source?.placeOf(path)),
    atKey: (path, predicate) => message(path, predicate, source?.placeOfKey(path)),
  };
}

/** In the order of the file, flags first, each message once. */
export function inOrder(messages: readonly ConfigMessage[]): ConfigMessage[] {
  const seen = new Set<string>();
  return messages
    .filter((message) => {
      const identity = JSON.stringify(message);
      return !seen.has(identity) && seen.add(identity);
    })
    .toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}
