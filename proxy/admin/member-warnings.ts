/** What is wrong among the members, a sentence each. Pure. */
import { variantsOf } from "../members/member-variants.ts";
import { type Member, nameOf } from "../members/members.ts";
import { plural, spellSpan } from "./sentences.ts";

export function* memberWarnings(members: readonly Member[], now: number): Generator<string> {
  for (const member of members) {
    if (member.state !== "silent") continue;
    const since = new Date(member.heardAt).toISOString();
    const open = member.open === 0 ? "" : `, with ${plural(member.open, "write")} without an outcome`;
    yield `member ${nameOf(member)} is silent since ${since} (${spellSpan(Math.max(0, now - member.heardAt))})${open}; it blocks changes of phases, not traffic: start it again with its folder, or crossfade instances forget ${member.id} --reason TEXT`;
  }
  const { settings, version } = variantsOf(members);
  if (settings.size > 1) {
    yield `members run different settings: ${spellGroups(settings)}; services and routes have to be the same for all`;
  }
  if (version.size > 1) {
    yield `members run versions that do not go together: ${spellGroups(version)}; bring all to one of them`;
  }
}

const NAMED = 3;

/** `0.4 by a (h, process 1) and 2 more, 0.5 by …` */
function spellGroups(groups: ReadonlyMap<string, readonly Member[]>): string {
  return [...groups]
    .map(([what, members]) => {
      const named = members.slice(0, NAMED).map(nameOf).join(", ");
      const more = members.length > NAMED ? ` and ${members.length - NAMED} more` : "";
      return `${what} by ${named}${more}`;
    })
    .join("; ");
}
