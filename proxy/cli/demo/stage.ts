/** Where the story is told: a live line on a terminal, plain lines elsewhere. */
import { cut, widthOf, wrap } from "../columns.ts";
import type { Paint, Terminal } from "../terminal.ts";
import { printable } from "../../controls.ts";

/** The least time between two plain lines that stand in for a live one. */
const PLAIN_EVERY_MS = 1_000;
/** Lines longer than this are hard to read, however wide the terminal is. */
const READABLE_WIDTH = 120;
const CLEAR_LINE = "\r\u001b[2K";

export interface StageLine {
  readonly text: string;
  /** Stands before the first line, whole; what wraps is set below the text. */
  readonly prefix?: string;
  readonly style?: Parameters<Paint>[0];
}

export class Stage {
  readonly #terminal: Terminal;
  readonly #monotonic: () => number;
  #isLive = false;
  #isClosed = false;
  #plainAt = Number.NEGATIVE_INFINITY;

  constructor(terminal: Terminal, monotonic: () => number) {
    this.#terminal = terminal;
    this.#monotonic = monotonic;
  }

  /** Prints one paragraph, wrapped; a live line gives way to it. */
  say(line: string | StageLine): void {
    if (this.#isClosed) return;
    this.#clearLive();
    const { text, prefix = "", style } = typeof line === "string" ? { text: line } : line;
    const indent = widthOf(prefix);
    const width = Math.min(this.#terminal.width, READABLE_WIDTH) - indent;
    for (const [i, part] of wrap(printable(text), width).entries()) {
      const whole = (i === 0 ? prefix : " ".repeat(indent)) + part;
      this.#terminal.print(style === undefined ? whole : this.#terminal.paint(style, whole));
    }
  }

  gap(): void {
    if (this.#isClosed) return;
    this.#clearLive();
    this.#terminal.print("");
  }

  /** Shows how things stand now, in place of what was shown last. */
  live(text: string): void {
    if (this.#isClosed) return;
    const now = this.#monotonic();
    if (this.#terminal.interactive) {
      // The last column stays free: some terminals wrap when it is written to.
      process.stdout.write(CLEAR_LINE + cut(`  ${text}`, this.#terminal.width - 1));
      this.#isLive = true;
    } else if (now - this.#plainAt >= PLAIN_EVERY_MS) {
      this.#plainAt = now;
      this.#terminal.print(`  ${text}`);
    }
  }

  /** Lets a last state of the live line stand, and goes on below it. */
  keep(text: string): void {
    if (this.#isClosed) return;
    this.#clearLive();
    this.#plainAt = Number.NEGATIVE_INFINITY;
    this.#terminal.print(cut(`  ${text}`, this.#terminal.width - 1));
  }

  /** Nothing is shown from now on, whatever still runs. */
  close(): void {
    this.#clearLive();
    this.#isClosed = true;
  }

  #clearLive(): void {
    if (this.#isLive) process.stdout.write(CLEAR_LINE);
    this.#isLive = false;
  }
}
