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

/**
 * What was announced is answered, and the entry was marked again meanwhile, which keeps the later of two times. Only what marked it
 * may land now, and all of that by `latest` (epoch ms). Nothing where the entry has another time than the announced one.
 */
export async function keepAfterAnswer(
  store: Pick<Store, "repairWork" | "endRepair">,
  work: RepairWork,
  announced: number,
  latest: number,
): Promise<void> {
  const [now] = await store.repairWork({ after: work.id - 1, dueAt: null, limit: 1 });
  if (announced <= latest || now?.id !== work.id || now.notBefore !== new Date(announced).toISOString()) return;
  await store.endRepair(now, { ...asItWas(now), notBefore: new Date(latest).toISOString() });
}
