/** Who may end the demo: Ctrl-C, the end of its terminal, a supervisor, the end of its launcher. */
import { EXIT } from "../exit.ts";

export interface Interruption {
  /** Resolves when the demo is asked to end. Asked again later, the process ends at once. */
  readonly asked: Promise<void>;
  /** Listens no more. */
  close(): void;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** Within this time it is the same Ctrl-C: a shell sends it to the whole group, and npm and the launcher pass it on. */
const SAME_SIGNAL_MS = 1_000;

export function listenForInterruption(): Interruption {
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  let firstAt: number | null = null;
  const ask = (): void => {
    const now = performance.now();
    if (firstAt !== null && now - firstAt > SAME_SIGNAL_MS) {
      // Services and folder go with the process: both have `exit` listeners of their own.
      process.exit(EXIT.failed);
    }
    firstAt ??= now;
    resolve();
  };
  for (const signal of SIGNALS) process.on(signal, ask);
  process.on("disconnect", ask);
  // Listening alone would keep the process alive, with a launcher's channel open.
  if (process.connected) process.channel?.unref();
  return {
    asked,
    close: () => {
      for (const signal of SIGNALS) process.off(signal, ask);
      process.off("disconnect", ask);
    },
  };
}
