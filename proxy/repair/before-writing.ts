/** What stands before a repair's write: a process that dies behind it leaves one that may land, or has made what nobody knows of. */
import type { RepairWork } from "../evidence/evidence.ts";
import type { Store } from "../ports.ts";
import { asItWas } from "./after.ts";

/**
 * Keeps that something may land until then (epoch ms). In the key's turn. false: it is not to be written, since the entry has been
 * marked or tried after `work` was read, perhaps by another member.
 */
export async function keepBeforeWriting(
  store: Pick<Store, "repairWork" | "endRepair">,
  work: RepairWork,
  landsUntil: number,
): Promise<boolean> {
  const [now] = await store.repairWork({ after: work.id - 1, dueAt: null, limit: 1 });
  if (now?.id !== work.id || now.revision !== work.revision || now.notBefore !== work.notBefore) return false;
  const notBefore = new Date(landsUntil).toISOString();
  return (await store.endRepair(work, { ...asItWas(work), notBefore })) === "done";
}
