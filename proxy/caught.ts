import type { Exchange } from "./exchange.ts";

/** Told of what went wrong beside a client's way. `exchange`: what it was done for, where that is known. */
export type Caught<Step extends string = string> = (
  step: Step,
  error: unknown,
  exchange?: Pick<Exchange, "id" | "traceId">,
) => void;
