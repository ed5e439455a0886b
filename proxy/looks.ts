/** Looks at something again and again, from `begin` on: the next look comes so long after the one before has ended. */
export interface Looks {
  /** The first look comes at once. */
  begin(): void;
  end(): void;
}

/** A look that rejects leaves what was seen before: the store that it asked says what is wrong with it. */
export function lookEvery(ms: number, look: () => Promise<void>): Looks {
  let running = false;
  let timer: NodeJS.Timeout | null = null;

  async function goOn(): Promise<void> {
    await look().catch(() => undefined);
    if (!running) return;
    timer = setTimeout(() => void goOn(), ms);
    timer.unref();
  }

  return {
    begin() {
      if (running) return;
      running = true;
      void goOn();
    },
    end() {
      running = false;
      if (timer !== null) clearTimeout(timer);
    },
  };
}
