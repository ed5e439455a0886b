/** Writing for people and for programs. */
import { styleText } from "node:util";
import { cut } from "./columns.ts";
import { EXIT } from "./exit.ts";

export type Paint = (style: "bold" | "dim" | "red" | "green" | "yellow", text: string) => string;

export interface Terminal {
  readonly interactive: boolean;
  /** Columns that a line may take. */
  readonly width: number;
  /** Rows that are seen at once; null: it is no terminal. */
  readonly height: number | null;
  readonly paint: Paint;
  print(line: string): void;
  complain(line: string): void;
}

/** Where output is not a terminal and nobody says how wide it is: wide enough not to cut much, narrow enough to read. */
const PIPED_WIDTH = 160;
const MIN_WIDTH = 40;

/** Of a line on stderr that is written over: one that fills the last column wraps in some terminals, and stays. */
export function lineColumns(): number {
  return (process.stderr.columns ?? MIN_WIDTH) - 1;
}

/** On stderr, in place of the line before: cut, since one that wraps cannot be written over. */
export function writeOver(words: string): void {
  process.stderr.write(`\r\u001b[K${cut(words, lineColumns())}`);
}

export function clearLine(): void {
  process.stderr.write("\r\u001b[K");
}

/** A reader of stdout that has seen enough (`| head`) ends the process, and is no error. */
export function endWithReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) =>
    process.exit(error.code === "EPIPE" ? (process.exitCode ?? EXIT.done) : EXIT.failed),
  );
}

export function openTerminal(options: { readonly color?: boolean | undefined } = {}): Terminal {
  const { stdout, stderr, env } = process;
  const interactive = stdout.isTTY === true;
  const colored = options.color !== false && interactive && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  return {
    interactive,
    get width() {
      const told = stdout.columns ?? Number(env["COLUMNS"]);
      return Math.max(MIN_WIDTH, told > 0 ? told : PIPED_WIDTH);
    },
    get height() {
      return stdout.rows ?? null;
    },
    paint: (style, text) => (colored ? styleText(style, text, { validateStream: false }) : text),
    print: (line) => void stdout.write(`${line}\n`),
    complain: (line) => void stderr.write(`${line}\n`),
  };
}
