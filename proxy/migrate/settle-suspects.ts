/** Looks at what differs again until it is stable: a row that was being written is no difference. */
import { setTimeout as sleep } from "node:timers/promises";
import { type BothKinds, type ComparedPair, lookAgain, type Suspect } from "./compare-rows.ts";

const RECHECKS = 3;
/** Beyond which it is not waited for that suspects become fewer: a table that is always written has always some. */
const MOST_RECHECKS = 10;
const RECHECK_AFTER_MS = 500;

/** Those that still differ. */
export async function settleSuspects(
  suspects: readonly Suspect[],
  parts: ComparedPair,
  kinds: BothKinds,
): Promise<readonly Suspect[]> {
  let open = suspects;
  for (
    let again = 0, isSettling = true;
    open.length > 0 && (again < RECHECKS || (isSettling && again < MOST_RECHECKS));
    again += 1
  ) {
    await sleep(RECHECK_AFTER_MS);
    const still = await lookAgain(open, parts, kinds);
    isSettling = still.length < open.length;
    open = still;
  }
  return open;
}
