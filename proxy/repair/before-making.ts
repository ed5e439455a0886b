/** What stands before a write that would make another entity at the shadow if it were sent twice. */
import type { RepairWork } from "../evidence.ts";
import type { Store } from "../ports.ts";

/**
 * Keeps that the shadow may have made it by `landsUntil` (epoch ms), so that a process that dies behind the write, or an answer that
 * never comes, is not followed by a second one. In the key's turn. false: it has been marked or tried since `work` was read,
 * perhaps by another member.
 */
export async function keepBeforeMaking(
  store: Pick<Store, "repairWork" | "endRepair">,
  work: RepairWork,
  landsUntil: number,
): Promise<boolean> {
  const [now] = await store.repairWork({ after: work.id - 1, dueAt: null, limit: 1 });
  if (now?.id !== work.id || now.revision !== work.revision || now.notBefore !== work.notBefore) return false;
  const end = {
    kind: "failed",
    state: work.state,
    attempts: work.attempts,
    notBefore: new Date(landsUntil).toISOString(),
    nextTry: null,
    lastError: "a POST that makes it at the shadow was under way",
    evidence: null,
  } as const;
  return (await store.endRepair(work, end)) === "done";
}
