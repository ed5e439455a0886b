/** What config has to say, with its place. */
export type ConfigPath = readonly (string | number)[];

export interface ConfigMessage {
  /** The file as it was named, or the flag (`--legacy`). */
  readonly file: string;
  /** From 1; null for a flag, or for a file that could not be read. */
  readonly line: number | null;
  /** From 1, in UTF-16 units; null where `line` is. */
  readonly column: number | null;
  /** A sentence without its full stop: the setting, its value, what is wrong and what to write. */
  readonly text: string;
}

/** `crossfade.yaml:14:9 routes[2].budget.queued is "64", which has no unit; write 64KiB or 64MiB` */
export function formatConfigMessage({ file, line, column, text }: ConfigMessage): string {
  return line === null ? `${file} ${text}` : `${file}:${line}:${column ?? 1} ${text}`;
}

/** `routes[2].compare.ignore[0].at`; the root is "". */
export function spellPath(path: ConfigPath): string {
  let text = "";
  for (const key of path) {
    if (typeof key === "number") text += `[${key}]`;
    else if (/^[\w-]+$/.test(key)) text += text === "" ? key : `.${key}`;
    else text += `[${JSON.stringify(key)}]`;
  }
  return text;
}

const SHOWN_LENGTH = 60;

/** A value as an error shows it: short, in one line. */
export function showValue(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "a group of settings";
  if (typeof value === "string") {
    return JSON.stringify(value.length > SHOWN_LENGTH ? `${value.slice(0, SHOWN_LENGTH)}…` : value);
  }
  return String(value);
}
