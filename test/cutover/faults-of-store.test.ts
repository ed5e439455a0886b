/** A store that is out of reach, killed, or has forgotten what it had confirmed, at steps of a move. */
import { COMMIT, READY, tryFaults } from "./try-faults.ts";

tryFaults([
  { fault: "lose the connection", step: READY, moment: "before" },
  { fault: "cut leader off", step: COMMIT, moment: "after", phase: "next-primary" },
  { fault: "kill redis", step: COMMIT, moment: "before" },
  { fault: "forget leader unaware", step: COMMIT, moment: "before", phase: "next-primary" },
  { fault: "forget other unaware", step: COMMIT, moment: "before", phase: "next-primary" },
]);
