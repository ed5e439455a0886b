/** A member as API and CLI show it. Pure. */
import type { Member, MemberSettings, MemberState } from "../members/members.ts";

export interface MemberView {
  readonly id: string;
  readonly name: string | null;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly state: MemberState;
  /** ISO 8601, UTC: when its process began. */
  readonly since: string;
  /** ISO 8601, UTC: when it was last heard, by the store's clock. */
  readonly heard: string;
  readonly settings: MemberSettings;
  /** Writes without an outcome, as it last said. */
  readonly open: number;
  /** Whether it is the one that answers. */
  readonly self: boolean;
}

export function viewMember({ startedAt, heardAt, isSelf, ...member }: Member): MemberView {
  const { id, name, host, pid, version, state, settings, open } = member;
  const [since, heard] = [new Date(startedAt).toISOString(), new Date(heardAt).toISOString()];
  return { id, name, host, pid, version, state, since, heard, settings, open, self: isSelf };
}
