import { CrossfadeError } from "../errors.ts";

const QUERY_TIMEOUT_MS = 5_000;
/** Queries under way at once: the store's writer serves the proxy first. */
const MAX_UNDER_WAY = 16;

/** Waits for a query, but not for ever and not for many at once: the admin must never be what the store is busy with. */
export class Patience {
  private underWay = 0;
  private readonly timeoutMs: number;

  constructor(timeoutMs: number = QUERY_TIMEOUT_MS) {
    this.timeoutMs = timeoutMs;
  }

  /** @throws CrossfadeError `store-unavailable` where there are too many, or the answer takes too long; else what `ask` throws. */
  async for<T>(ask: () => Promise<T>): Promise<T> {
    if (this.underWay >= MAX_UNDER_WAY)
      throw unavailable(`${MAX_UNDER_WAY} queries are under way; ask again in a second`);
    this.underWay++;
    let timer: NodeJS.Timeout | undefined;
    const asked = Promise.resolve()
      .then(ask)
      .finally(() => this.underWay--);
    try {
      return await Promise.race([
        asked,
        new Promise<never>((_, reject) => {
          timer = setTimeout(() => reject(unavailable(`no answer within ${this.timeoutMs} ms`)), this.timeoutMs);
        }),
      ]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function unavailable(message: string): CrossfadeError {
  return new CrossfadeError("store-unavailable", message, { source: "store", retryable: true });
}
