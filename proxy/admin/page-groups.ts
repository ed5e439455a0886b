import { OPEN_STATES } from "../evidence.ts";
import { withOwnDisagreements } from "./own-disagreements.ts";
import type { PageGroup } from "./page-causes.ts";
import type { AdminParts } from "./parts.ts";
import type { Patience } from "./patience.ts";

const GROUPS_SHOWN = 10;

/** The open groups that the page shows, each with one sample. A store that cannot be asked is a sentence, not an error: the page comes anyway. */
export async function largestGroups(
  { store, places }: Pick<AdminParts, "store" | "places">,
  patience: Patience,
): Promise<{ readonly groups: readonly PageGroup[] | null; readonly problem: string | null }> {
  try {
    return await patience.for(async () => {
      const { items } = await store.groups({ limit: GROUPS_SHOWN, states: OPEN_STATES });
      const details = await Promise.all(items.map((group) => store.group(group.id)));
      const groups = items.map((group, i) => ({
        group: withOwnDisagreements(group, places),
        sample: details[i]?.samples[0] ?? null,
      }));
      return { groups, problem: null };
    });
  } catch (error) {
    return { groups: null, problem: error instanceof Error ? error.message : String(error) };
  }
}
