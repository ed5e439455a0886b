import { constants, setPriority } from "node:os";

/**
 * For a worker thread: traffic comes first where cores are few. On Linux a thread has a priority of its own
 * (setpriority(2), "C library/kernel differences"); elsewhere this would slow down the whole process, and nothing happens.
 */
export function giveWayToTraffic(how: "somewhat" | "always"): void {
  if (process.platform !== "linux") return;
  const { PRIORITY_BELOW_NORMAL, PRIORITY_LOW } = constants.priority;
  setPriority(how === "somewhat" ? PRIORITY_BELOW_NORMAL : PRIORITY_LOW);
}
