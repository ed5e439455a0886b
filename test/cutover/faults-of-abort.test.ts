/** Moves that are given up while something fails: what the abort was, whoever slept over it. */
import { ABORT_BY_LEADER, ABORT_BY_OTHER, COMMIT, DRAINED, tryFaults } from "./try-faults.ts";

tryFaults([
  { fault: "lose the connection", step: ABORT_BY_LEADER, moment: "after", phase: "dual-write" },
  { fault: "kill redis", step: ABORT_BY_OTHER, moment: "before", phase: "dual-write" },
  { fault: "sleep leader", step: COMMIT, moment: "before", phase: "next-primary" },
  { fault: "sleep other", step: DRAINED, moment: "before", phase: "next-primary" },
]);
