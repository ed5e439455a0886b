import type { Intake } from "../life/intake.ts";

/** What takes exchanges to be mirrored where none is: without the store nothing could be told of a copy. */
export function noIntake(caught: (step: string, error: unknown) => void): Intake {
  const why = "nothing is mirrored without a store";
  return {
    open(_arrived, _goOn, failed) {
      caught("pipeline", new TypeError(why));
      failed();
    },
    cross() {
      throw new TypeError(why);
    },
  };
}
