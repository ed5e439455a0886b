/** Calls of a user's functions: what they may give back, how long they may take, and what is said of one that fails. */
import type { HookName, TransformHookName } from "../config/compare-settings.ts";

type AnyHook = HookName | TransformHookName;

/** What a user's module does when it is asked; `import`: it is loaded into the thread. */
export type HookStep = "import" | AnyHook;

export interface HookFailure {
  readonly step: HookStep;
  /** In words that name no content. */
  readonly why: string;
  /** It took too long, or ended its thread: what a module may do a few times only. */
  readonly costly: boolean;
}

/** Functions as a module exports them: what they give back may be anything. */
export type Hooks = { readonly [name in AnyHook]?: (...args: unknown[]) => unknown };

/** Told around each step, so that whoever looks from outside knows what a thread is at. */
export interface StepLog {
  enter(step: HookStep): void;
  leave(): void;
}

export class HookError extends Error {
  readonly failure: HookFailure;

  constructor(step: HookStep, why: string, costly = false) {
    super(why);
    this.failure = { step, why, costly };
  }
}

/** A step that gave back what it should not. `message` follows the function's name. */
export class Nonsense extends Error {}

/** The steps of one pair. */
export class HookCalls {
  readonly #log: StepLog;
  readonly #file: string;
  readonly #limitMs: number;
  #spentMs = 0;

  /** `limitMs`: what all functions may take together. `file`: the module's name, for its place in a stack. */
  constructor(log: StepLog, file: string, limitMs: number) {
    this.#log = log;
    this.#file = file;
    this.#limitMs = limitMs;
  }

  /**
   * What `call` gives back; in it, the function is called and what it gave back is looked at, since that may run code of
   * the user's too.
   * @throws HookError: it threw, gave back nonsense, or took too long
   */
  run<T>(step: AnyHook, call: () => T): T {
    const begunAt = performance.now();
    this.#log.enter(step);
    try {
      return call();
    } catch (error) {
      throw new HookError(step, error instanceof Nonsense ? error.message : thrownWords(error, this.#file));
    } finally {
      this.#log.leave();
      this.#spentMs += performance.now() - begunAt;
    }
  }

  /** @throws HookError: what has run so far took too long together */
  checkTime(step: AnyHook): void {
    if (this.#spentMs > this.#limitMs) throw new HookError(step, tookTooLong(this.#limitMs), true);
  }
}

export function tookTooLong(limitMs: number): string {
  return `took longer than ${limitMs} ms`;
}

const ERROR_NAMES: ReadonlySet<unknown> = new Set([
  "Error",
  "TypeError",
  "RangeError",
  "SyntaxError",
  "ReferenceError",
  "URIError",
  "EvalError",
  "AggregateError",
]);

/** Its kind and place. An error's own words may quote what the answers hold: `Unexpected token 'x', "…" is not valid JSON`. */
export function thrownWords(error: unknown, file: string): string {
  if (!(error instanceof Error)) return "threw what is no Error";
  let name: unknown;
  let stack: unknown;
  try {
    ({ name, stack } = error);
  } catch {
    return "threw an Error";
  }
  const known = ERROR_NAMES.has(name) ? String(name) : "Error of its own";
  const base = file.slice(Math.max(file.lastIndexOf("/"), file.lastIndexOf("\\")) + 1);
  const place = typeof stack === "string" ? placeIn(stack, encodeURI(base)) : null;
  return `threw ${/^[AE]/.test(known) ? "an" : "a"} ${known}${place === null ? "" : ` at ${base}:${place}`}`;
}

/** `line:column` of the innermost call in the module. */
function placeIn(stack: string, base: string): string | null {
  for (const line of stack.slice(0, 10_000).split("\n")) {
    const at = /^\s+at .*/.test(line) ? line.lastIndexOf(`/${base}`) : -1;
    const place = at === -1 ? undefined : /^(?:\?[\w=]*)?:(\d{1,9}:\d{1,9})\)?$/.exec(line.slice(at + base.length + 1));
    if (place?.[1] !== undefined) return place[1];
  }
  return null;
}

/** What a value is, without what it holds. */
export function kindWords(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (value instanceof Promise) return "a promise (its functions are not async)";
  switch (typeof value) {
    case "object":
      return "an object";
    case "string":
      return "a text";
    case "undefined":
      return "nothing";
    default:
      return `a ${typeof value}`;
  }
}
