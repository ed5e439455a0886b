/** Told of what went wrong beside a client's way. `request`: the one that it was done for, where that is known. */
export type Caught<Step extends string = string> = (step: Step, error: unknown, request?: OfRequest) => void;

/** What finds a request in traces and divergences. */
export interface OfRequest {
  /** Of its exchange, where it is one and that is known. */
  readonly id: string | null;
  readonly traceId: string;
}
