/**
 * Members: the processes that use a store, each registered under an identity of its own. A member leaves by saying so after
 * its last exchange has settled, or is forgotten by an operator; silence is never taken for either (docs/members.md).
 */
import type { Override } from "../moves/overrides.ts";

export const MEMBER_STATES = ["serving", "draining", "left", "silent"] as const;
export type MemberState = (typeof MEMBER_STATES)[number];
/** Of those that are there, or ought to be. */
export type PresentState = Exclude<MemberState, "left">;

/** What a member says of itself. */
export interface MemberReport {
  /** As the config calls it; null: it has no name. */
  readonly name: string | null;
  readonly version: string;
  readonly host: string;
  readonly pid: number;
  /** Epoch ms: when this process began. */
  readonly startedAt: number;
  readonly state: "serving" | "draining";
  readonly settings: MemberSettings;
  /** Writes without an outcome. */
  readonly open: number;
}

export interface MemberSettings {
  /** Counts up with each change that this process took over. */
  readonly revision: number;
  /** Equal where services and routes of the file are. */
  readonly digest: string;
}

export interface Member extends Omit<MemberReport, "state"> {
  /** ULID. It lasts over process lives where the member has a folder. */
  readonly id: string;
  readonly state: MemberState;
  /** Epoch ms, by the store's clock: when it was last heard. */
  readonly heardAt: number;
  readonly isSelf: boolean;
}

/**
 * alive: it was heard just now, and leaves by being stopped. settling: the store has lost that it is registered, and has not waited
 * long enough for all to be heard again.
 */
export type ForgetEnd = "forgotten" | "alive" | "settling" | "unknown";

export interface MemberSelf {
  readonly report: () => MemberReport;
  /**
   * Somebody changed what is set over the file: this is what is kept now. `lost`: the store has lost what it had
   * confirmed, and what this process knows is newer.
   */
  readonly overridesKept: (kept: readonly Override[], lost: boolean) => void;
  /** Phases were moved, or a transition of them was; also each time that the store could not be asked for a while. */
  readonly phasesChanged: () => void;
}

/** Nothing here throws into traffic: what the store cannot be told now is told when it is back. */
export interface Members {
  readonly id: string;
  /** Registers this process, and from then on says what it runs and hears of changes. */
  join(self: MemberSelf): Promise<void>;
  /** This one among them. @throws CrossfadeError `store-unavailable` */
  list(): Promise<readonly Member[]>;
  /** @throws CrossfadeError `store-unavailable` */
  forget(id: string): Promise<ForgetEnd>;
  /** What an operator should know of this one's registration; null: nothing. */
  problem(): string | null;
  /** Its last exchange has settled. */
  leave(): Promise<void>;
}

/** Versions of one series share a store: of 0.x those with the same second number, else those with the same first. */
export function series(version: string): string {
  const [major = "", minor = ""] = version.split(".");
  return major === "0" ? `0.${minor}` : major;
}

/** The name, and what tells it from one of the same name. */
export function nameOf({ name, id, host, pid }: Pick<Member, "name" | "id" | "host" | "pid">): string {
  return `${name ?? id} (${host}, process ${pid})`;
}

/** Of a store that nobody shares: the one process is the one member. */
export function createLoneMember(id: string, now: () => number): Members {
  let self: MemberSelf | null = null;
  return {
    id,
    join(joining) {
      self = joining;
      return Promise.resolve();
    },
    list() {
      return Promise.resolve(self === null ? [] : [{ ...self.report(), id, heardAt: now(), isSelf: true }]);
    },
    forget: (other) => Promise.resolve(other === id ? "alive" : "unknown"),
    problem: () => null,
    leave: () => Promise.resolve(),
  };
}
