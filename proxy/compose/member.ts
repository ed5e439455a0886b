import { hostname } from "node:os";
import type { Settings } from "../config/settings.ts";
import type { Switchboard } from "../config/switchboard.ts";
import type { Journal } from "../journal.ts";
import type { MemberSelf } from "../members/members.ts";
import { createOwnDigest } from "./settings-digest.ts";

export interface MemberSelfParts {
  readonly settings: Settings;
  readonly version: string;
  /** Epoch ms. */
  readonly startedAt: number;
  readonly acting: Switchboard;
  readonly journal: Pick<Journal, "depth">;
  /** The same for all who share the store. */
  readonly secretKey: Buffer;
  readonly isStopping: () => boolean;
  readonly phasesChanged: () => void;
}

/** What this process says of itself among the members, and what it does when another one has changed something. */
export function createMemberSelf(parts: MemberSelfParts): MemberSelf {
  const { acting } = parts;
  const { name } = parts.settings.member;
  const host = hostname();
  const digest = createOwnDigest(parts.secretKey, acting);
  return {
    report: () => ({
      name,
      version: parts.version,
      host,
      pid: process.pid,
      startedAt: parts.startedAt,
      state: parts.isStopping() ? "draining" : "serving",
      settings: { revision: acting.snapshot().revision, digest: digest() },
      open: parts.journal.depth(),
    }),
    overridesKept: (kept, lost) => acting.follow(kept, lost),
    phasesChanged: parts.phasesChanged,
  };
}
