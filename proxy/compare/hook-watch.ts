/**
 * What a thread is at, seen from outside: it writes each step of a user's function into shared memory, so that one that
 * never ends is noticed, and named, although the thread cannot speak.
 */
import type { HookStep, StepLog } from "./hook-calls.ts";

const STEPS: readonly HookStep[] = ["import", "normalise", "judge", "toNext", "answer"];
/** Loading a module may take long on a busy machine, and is done once. */
const IMPORT_LIMIT_MS = 10_000;
/** Places in the shared memory: which step runs (0: none, else its place in STEPS from 1), and how many have begun. */
const RUNNING = 0;
const BEGUN = 1;

export function openStepLog(steps: SharedArrayBuffer): StepLog {
  const shared = new Int32Array(steps);
  return {
    enter(step) {
      Atomics.add(shared, BEGUN, 1);
      Atomics.store(shared, RUNNING, STEPS.indexOf(step) + 1);
    },
    leave: () => void Atomics.store(shared, RUNNING, 0),
  };
}

export class HookWatch {
  #shared: Int32Array = new Int32Array(2);
  readonly #limitMs: number;
  readonly #hangs: (step: HookStep, limitMs: number) => void;
  #timer: NodeJS.Timeout | null = null;

  /** `hangs` is called once a step has run for longer than it may. */
  constructor(limitMs: number, hangs: (step: HookStep, limitMs: number) => void) {
    this.#limitMs = limitMs;
    this.#hangs = hangs;
  }

  /** Memory for a new thread: in that of one that was ended, its last step goes on for ever. */
  forNewThread(): SharedArrayBuffer {
    const steps = new SharedArrayBuffer(8);
    this.#shared = new Int32Array(steps);
    return steps;
  }

  running(): HookStep | null {
    return STEPS[Atomics.load(this.#shared, RUNNING) - 1] ?? null;
  }

  /** Looks until `end`. */
  begin(): void {
    this.end();
    let begun = -1;
    let seenAt = 0;
    this.#timer = setInterval(() => {
      const step = this.running();
      const now = performance.now();
      const count = Atomics.load(this.#shared, BEGUN);
      if (step === null || count !== begun) {
        begun = step === null ? -1 : count;
        seenAt = now;
        return;
      }
      const limitMs = step === "import" ? IMPORT_LIMIT_MS : this.#limitMs;
      if (now - seenAt >= limitMs) this.#hangs(step, limitMs);
    }, this.#limitMs / 4);
    // The worker itself keeps the process alive while it has a job.
    this.#timer.unref();
  }

  end(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}
