/** In what the members that run differ and should not. Pure. */
import { type Member, series } from "./members.ts";

type Groups = ReadonlyMap<string, readonly Member[]>;

export interface Variants {
  /** By the digest of services and routes. */
  readonly settings: Groups;
  /** By the series of their version. */
  readonly version: Groups;
}

/** One entry each: they agree. None: nobody is known to run. */
export function variantsOf(members: readonly Member[]): Variants {
  const running = members.filter(({ state }) => state === "serving" || state === "draining");
  return {
    settings: groupBy(running, ({ settings }) => settings.digest),
    version: groupBy(running, ({ version }) => series(version)),
  };
}

function groupBy(members: readonly Member[], of: (member: Member) => string): Groups {
  const groups = new Map<string, Member[]>();
  for (const member of members) {
    const group = groups.get(of(member));
    if (group === undefined) groups.set(of(member), [member]);
    else group.push(member);
  }
  return groups;
}
