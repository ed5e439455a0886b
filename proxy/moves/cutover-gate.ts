/** Asks the gate of a route: what was counted, what the store has open, and what all of it comes to. */
import { OPEN_STATES } from "../evidence/evidence.ts";
import type { EvidenceBook } from "../evidence/evidence-book.ts";
import type { Snapshot } from "../exchange.ts";
import type { GateAnswer, MustMatchCause } from "./gate-evidence.ts";
import type { Member, Members } from "../members/members.ts";
import { askGate, evidenceShare, type GateMembers } from "../phase/gate.ts";
import { joinEvidence } from "../phase/join-evidence.ts";
import { touches } from "../phase/must-match.ts";
import type { Clock, Store } from "../ports.ts";
import { type CollectionFound, collectionsOf, foundOf, ownEntity } from "../rows/row-jobs.ts";

export interface CutoverGateParts {
  readonly book: Pick<EvidenceBook, "of">;
  readonly store: Pick<Store, "openWork" | "groups" | "othersGateEvidence" | "rowJobs">;
  readonly clock: Pick<Clock, "now">;
  /** null: nobody shares the store. */
  readonly members: Pick<Members, "list"> | null;
  /** As in the book. */
  readonly claims: number;
  readonly snapshot: () => Snapshot;
}

export interface CutoverGate {
  /**
   * null: there is no such route.
   * @throws CrossfadeError `store-unavailable`: then nobody can say what is open
   */
  ask(name: string): Promise<GateAnswer | null>;
  /** How much of the evidence that is asked for there is; 1: enough. */
  evidence(name: string): number;
}

const GROUPS_AT_ONCE = 1_000;

export function createCutoverGate(parts: CutoverGateParts): CutoverGate {
  const { book, store, snapshot } = parts;

  function find(name: string) {
    const present = snapshot();
    const { settings } = present;
    const route = settings.routes.find((candidate) => candidate.name === name);
    return route === undefined ? null : { route, evidence: book.of(route, present) };
  }

  async function rowsOf(name: string): Promise<readonly CollectionFound[]> {
    const { settings } = snapshot();
    const route = settings.routes.find((one) => one.name === name);
    const collections = route === undefined ? [] : collectionsOf(settings, ownEntity(route));
    if (collections.length === 0) return [];
    const ends = await store.rowJobs();
    return collections.map((collection) => foundOf(collection, ends));
  }

  return {
    async ask(name) {
      const found = find(name);
      if (found === null) return null;
      const mustMatch = await openCausesAt(store, name, found.route.compare.mustMatch);
      const open = (await store.openWork()).find(({ route }) => route === name);
      const rows = await rowsOf(name);
      const now = parts.clock.now();
      const asked = { ...found, repairs: open?.repairs ?? 0, gaps: open?.gaps ?? 0, mustMatch, rows, now };
      if (parts.members === null) return askGate({ ...asked, members: null });
      const others = (await store.othersGateEvidence()).filter(({ route }) => route === name);
      const { evidence, ...counts } = joinEvidence(found.evidence, others, found.route.gate);
      return askGate({ ...asked, evidence, members: { ...counts, ...look(await parts.members.list()) } });
    },
    evidence(name) {
      const found = find(name);
      return found === null ? 0 : evidenceShare(found.evidence, found.route.gate, parts.claims);
    },
  };
}

function look(members: readonly Member[]): Pick<GateMembers, "differ" | "silent"> {
  const running = members.filter(({ state }) => state === "serving" || state === "draining");
  return {
    differ: new Set(running.map(({ settings }) => settings.digest)).size > 1,
    silent: members.filter(({ state }) => state === "silent").length,
  };
}

/** A cause is named by the first of its places that must match. */
async function openCausesAt(
  store: Pick<Store, "groups">,
  route: string,
  mustMatch: readonly string[],
): Promise<readonly MustMatchCause[]> {
  const causes: MustMatchCause[] = [];
  if (mustMatch.length === 0) return causes;
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<Store["groups"]>> = await store.groups({
      route,
      states: OPEN_STATES,
      limit: GROUPS_AT_ONCE,
      ...(cursor === null ? {} : { cursor }),
    });
    for (const { signature, count, firstBuild } of page.items) {
      const hit = signature.find(({ at, kind }) => kind !== "failure" && mustMatch.some((place) => touches(place, at)));
      if (hit !== undefined) causes.push({ at: hit.at, count, firstBuild });
    }
    cursor = page.next;
  } while (cursor !== null);
  return causes;
}
