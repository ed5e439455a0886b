/** How far a command has come, on stderr: one line that is written over on a terminal, a line now and then elsewhere. */
import { clearLine, lineColumns, writeOver } from "./terminal.ts";

const LIVE_EVERY_MS = 100;
const LINE_EVERY_MS = 10_000;

export interface Progress {
  /** `live`: the line of a terminal of so many columns, where that says more than `words`. */
  readonly tell: (words: string, live?: (columns: number) => string) => void;
  readonly end: () => void;
}

/** `say` writes a line of its own. */
export function openProgress(say: (line: string) => void): Progress {
  const { stderr } = process;
  const live = stderr.isTTY === true;
  let toldAt = performance.now();
  let shown = false;
  return {
    tell(words, lineOf) {
      const now = performance.now();
      if (now - toldAt < (live ? LIVE_EVERY_MS : LINE_EVERY_MS)) return;
      toldAt = now;
      shown = true;
      if (live) writeOver(lineOf === undefined ? words : lineOf(lineColumns()));
      else say(words);
    },
    end() {
      if (live && shown) clearLine();
    },
  };
}
