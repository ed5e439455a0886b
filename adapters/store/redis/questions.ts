/** Every question the port has, put to whichever partitions may know. */
import type { GroupDecision } from "../../../proxy/evidence/evidence.ts";
import type { DivergenceQuery, GroupQuery, PairQuery, RepairWorkQuery, Store } from "../../../proxy/ports.ts";
import { decideGroup, group, groups, openWork } from "./groups.ts";
import { audit, gateEvidence, overrides, places, rowJobs } from "./kept.ts";
import {
  eligibleCounts,
  endRepair,
  gaps,
  leanings,
  outcomeCounts,
  repairs,
  repairWork,
  type ListQuery,
} from "./lists.ts";
import { pair, pairs } from "./pairs.ts";
import type { RedisPhases } from "./phases.ts";
import type { Reading } from "./reading.ts";
import { divergence, divergences } from "./records.ts";
import { findValues, teachValues, valuePairs } from "./values.ts";

export abstract class Questions {
  protected abstract readonly reading: Reading;
  /** Whose accounts they are. */
  protected abstract readonly run: string;
  abstract readonly transitions: RedisPhases;

  outcomeCounts(): ReturnType<Store["outcomeCounts"]> {
    return outcomeCounts(this.reading);
  }

  eligibleCounts(): ReturnType<Store["eligibleCounts"]> {
    return eligibleCounts(this.reading);
  }

  divergences(query: DivergenceQuery): ReturnType<Store["divergences"]> {
    return divergences(this.reading, query);
  }

  divergence(id: string): ReturnType<Store["divergence"]> {
    return divergence(this.reading, id);
  }

  groups(query: GroupQuery): ReturnType<Store["groups"]> {
    return groups(this.reading, query);
  }

  group(id: string): ReturnType<Store["group"]> {
    return group(this.reading, id);
  }

  decideGroup(id: string, decision: GroupDecision): ReturnType<Store["decideGroup"]> {
    return decideGroup(this.reading, id, decision);
  }

  pairs(query: PairQuery): ReturnType<Store["pairs"]> {
    return pairs(this.reading, query);
  }

  pair(id: string): ReturnType<Store["pair"]> {
    return pair(this.reading, id);
  }

  overrides(): ReturnType<Store["overrides"]> {
    return overrides(this.reading);
  }

  phases(): ReturnType<Store["phases"]> {
    return this.transitions.phases();
  }

  movePhases(moves: Parameters<Store["movePhases"]>[0]): ReturnType<Store["movePhases"]> {
    return this.transitions.movePhases(moves);
  }

  audit(query: Parameters<Store["audit"]>[0]): ReturnType<Store["audit"]> {
    return audit(this.reading, query);
  }

  places(): ReturnType<Store["places"]> {
    return places(this.reading);
  }

  gateEvidence(): ReturnType<Store["gateEvidence"]> {
    return gateEvidence(this.reading, (run) => run === this.run);
  }

  othersGateEvidence(): ReturnType<Store["othersGateEvidence"]> {
    return gateEvidence(this.reading, (run) => run !== this.run);
  }

  leanings(): ReturnType<Store["leanings"]> {
    return leanings(this.reading);
  }

  rowJobs(): ReturnType<Store["rowJobs"]> {
    return rowJobs(this.reading);
  }

  repairs(query: ListQuery): ReturnType<Store["repairs"]> {
    return repairs(this.reading, query);
  }

  repairWork(query: RepairWorkQuery): ReturnType<Store["repairWork"]> {
    return repairWork(this.reading, query);
  }

  endRepair(...[work, end]: Parameters<Store["endRepair"]>): ReturnType<Store["endRepair"]> {
    return endRepair(this.reading, work, end);
  }

  gaps(query: ListQuery): ReturnType<Store["gaps"]> {
    return gaps(this.reading, query);
  }

  teachValues(pairs: Parameters<Store["teachValues"]>[0]): ReturnType<Store["teachValues"]> {
    return teachValues(this.reading, pairs);
  }

  findValues(sought: Parameters<Store["findValues"]>[0]): ReturnType<Store["findValues"]> {
    return findValues(this.reading, sought);
  }

  valuePairs(query: Parameters<Store["valuePairs"]>[0]): ReturnType<Store["valuePairs"]> {
    return valuePairs(this.reading, query);
  }

  openWork(): ReturnType<Store["openWork"]> {
    return openWork(this.reading);
  }
}
