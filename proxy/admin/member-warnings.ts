/** What is wrong among the members, a sentence each. Pure. */
import { type Member, nameOf, series } from "../members.ts";
import { plural, spellSpan } from "./sentences.ts";

export function* memberWarnings(members: readonly Member[], now: number): Generator<string> {
  for (const member of members) {
    if (member.state !== "silent") continue;
    const since = new Date(member.heardAt).toISOString();
    const open = member.open === 0 ? "" : `, with ${plural(member.open, "write")} without an outcome`;
    yield `member ${nameOf(member)} is silent since ${since} (${spellSpan(Math.max(0, now - member.heardAt))})${open}; it blocks changes of phases, not traffic: start it again with its folder, or crossfade instances forget ${member.id} --reason TEXT`;
  }
  const running = members.filter(({ state }) => state === "serving" || state === "draining");
  const bySettings = groupBy(running, ({ settings }) => settings.digest);
  if (bySettings.size > 1) {
    yield `members run different settings: ${spellGroups(bySettings)}; services and routes have to be the same for all`;
  }
  const byVersion = groupBy(running, ({ version }) => series(version));
  if (byVersion.size > 1) {
    yield `members run versions that do not go together: ${spellGroups(byVersion)}; bring all to one of them`;
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

function groupBy(members: readonly Member[], of: (member: Member) => string): ReadonlyMap<string, readonly Member[]> {
  const groups = new Map<string, Member[]>();
  for (const member of members) {
    const group = groups.get(of(member));
    if (group === undefined) groups.set(of(member), [member]);
    else group.push(member);
  }
  return groups;
}
