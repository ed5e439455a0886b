import assert from "node:assert/strict";
import { test } from "node:test";
import { checkRun, type Verdict } from "./check-run.ts";
import type { Entity, Write } from "./entities.ts";
import type { LogLine, ReadLine, RunRecord, SentWrite } from "./records.ts";
import { unequalIn } from "./repair-run.ts";

const NOON = Date.UTC(2026, 10, 22, 12);

/** Writes `a`, `b`, … of one entity each after the other, applied and answered alike by both services. */
class Story {
  readonly sent: SentWrite[] = [];
  readonly primary: LogLine[] = [];
  readonly shadow: LogLine[] = [];
  repairs: RunRecord["repairs"] = [];
  gaps: RunRecord["gaps"] = [];
  readonly reads: { primary: ReadLine[]; shadow: ReadLine[] } = { primary: [], shadow: [] };
  honours = true;
  members = 1;
  pending = 0;
  eligible: number | null = null;
  states: { primary: Entity[]; shadow: Entity[] } = { primary: [entity("x", 1)], shadow: [entity("x", 1)] };

  write(tag: string, changes: Partial<SentWrite> = {}, method: Write["method"] = "PUT"): this {
    const at = this.sent.length * 10;
    const times = { beganAt: NOON + at, endedAt: NOON + at + 5, began: at, ended: at + 5 };
    this.sent.push({ tag, method, status: 200, ...times, ...changes });
    return this;
  }

  at(side: "primary" | "shadow", tag: string, what: LogLine["what"], changes: Partial<LogLine> = {}): this {
    const log = this[side];
    const method = this.sent.find((one) => one.tag === tag)?.method ?? "PUT";
    const write: Write = { method, id: "x", body: { tag }, idempotencyKey: null };
    const order = side === "shadow" ? `1.${log.length + 1}` : null;
    log.push({ seq: log.length + 1, what, write, digest: tag, id: "x", exchange: null, order, ...changes });
    return this;
  }

  everywhere(tag: string): this {
    for (const side of ["primary", "shadow"] as const) this.at(side, tag, "received").at(side, tag, "applied");
    return this;
  }

  verdict(): Verdict {
    return checkRun(this.record());
  }

  record(): RunRecord {
    const { sent, repairs, gaps, honours, pending } = this;
    const eligible = this.eligible ?? sent.length;
    const accounts = { eligible, pending, outcomes: { match: eligible - pending } };
    return {
      members: this.members,
      sent,
      repairs,
      gaps,
      accounts,
      primary: { honours, lines: this.primary, reads: this.reads.primary, entities: this.states.primary },
      shadow: { honours, lines: this.shadow, reads: this.reads.shadow, entities: this.states.shadow },
    };
  }

  kinds(): string[] {
    return this.verdict().violations.map(({ kind }) => kind);
  }
}

function entity(id: string, version: number): Entity {
  return { id, value: 0, last: "", version };
}

function gapAround(from: number, to: number): RunRecord["gaps"] {
  return [{ from: new Date(NOON + from).toISOString(), to: new Date(NOON + to).toISOString(), why: "killed" }];
}

test("a run in which both sides did the same is clean, and each write counts as equal", () => {
  const story = new Story().write("a").everywhere("a").write("b").everywhere("b");
  const { counts, violations } = story.verdict();
  assert.deepEqual(violations, []);
  assert.deepEqual([counts.applied, counts.equal, counts.orderedPairs], [2, 2, 1]);
});

test("a write that never came to the shadow is unaccounted, unless its key is listed or a gap covers it", () => {
  const lost = (): Story => {
    const story = new Story().write("a").at("primary", "a", "applied");
    story.states.shadow = [];
    return story;
  };
  assert.deepEqual(lost().kinds(), ["unaccounted"]);
  const listed = lost();
  listed.repairs = [{ key: "items/x", reason: "dropped", times: 1 }];
  assert.deepEqual([listed.kinds(), listed.verdict().counts.onRepairList], [[], 1]);
  const another = lost();
  another.repairs = [{ key: "items/y", reason: "dropped", times: 1 }];
  assert.deepEqual(another.kinds(), ["unaccounted"]);
  const covered = lost();
  covered.gaps = gapAround(0, 100);
  assert.deepEqual([covered.kinds(), covered.verdict().counts.inGap], [[], 1]);
  const later = lost();
  later.gaps = gapAround(6, 100);
  assert.deepEqual(later.kinds(), ["unaccounted"]);
});

test("a key that was found equal by reading both sides, after all that was done to it, was on the list", () => {
  const story = new Story().write("a").at("primary", "a", "applied").write("b").everywhere("b");
  story.reads.primary.push({ seq: 4, read: "x" });
  story.reads.shadow.push({ seq: 3, read: "x" });
  assert.deepEqual([story.kinds(), story.verdict().counts.onRepairList], [[], 1]);
  story.reads.shadow.splice(0, 1, { seq: 1, read: "x" });
  assert.deepEqual(story.kinds(), ["unaccounted"]);
  story.reads.shadow.splice(0, 1, { seq: 3, read: "x" });
  story.states.shadow = [entity("x", 2)];
  assert.deepEqual(story.kinds(), ["unaccounted", "unaccounted"]);
});

test("a lost write is not excused by a later one that made both sides equal again", () => {
  const story = new Story().write("a").at("primary", "a", "applied").write("b").everywhere("b");
  assert.deepEqual(story.kinds(), ["unaccounted"]);
});

test("states that differ are told of each write of the key, with what each side has", () => {
  const story = new Story().write("a").everywhere("a");
  story.states.shadow = [entity("x", 2)];
  const [violation] = story.verdict().violations;
  assert.equal(violation?.kind, "unaccounted");
  assert.match(violation.words, /"version":1.*"version":2.*no repair entry, no gap/);
});

test("an entry about a collection excuses as many creates that never came as it was entered times, and nothing else", () => {
  const lost = (method: Write["method"], times: number): Story => {
    const story = new Story().write("a", { status: null }, method).at("primary", "a", "applied");
    story.write("b", { status: 201 }, method).at("primary", "b", "applied", { id: "y" });
    story.states.primary.push(entity("y", 1));
    story.states.shadow = [];
    story.repairs = [{ key: null, reason: "unknown", times }];
    return story;
  };
  assert.deepEqual(lost("POST", 2).kinds(), []);
  assert.deepEqual(lost("POST", 1).kinds(), ["unaccounted", "unaccounted"]);
  assert.deepEqual(lost("PUT", 2).kinds(), ["unaccounted", "unaccounted"]);
  const came = lost("POST", 2).at("shadow", "b", "applied", { id: "y" });
  came.states.shadow = [entity("y", 2)];
  assert.deepEqual(came.kinds(), ["unaccounted"]);
});

test("two writes in the other order are reordered, where the later began after the earlier was answered", () => {
  const swapped = (changes: Partial<SentWrite>): Story =>
    new Story()
      .write("a", changes)
      .write("b")
      .at("primary", "a", "applied")
      .at("primary", "b", "applied")
      .at("shadow", "b", "applied", { order: "1.2" })
      .at("shadow", "a", "applied", { order: "1.1" });
  assert.deepEqual(swapped({}).kinds(), ["reordered"]);
  assert.deepEqual(swapped({ ended: 12 }).kinds(), [], "they overlapped");
  assert.deepEqual(swapped({ status: null }).kinds(), [], "nobody was told of the earlier");
  const listed = swapped({});
  listed.repairs = [{ key: "items/x", reason: "late-attempt", times: 1 }];
  assert.deepEqual(listed.kinds(), []);
});

test("order stamps that fall are told even where the copies came in order; they are numbers, not text", () => {
  const stamped = (first: string, second: string): Story =>
    new Story()
      .write("a")
      .write("b")
      .at("primary", "a", "applied")
      .at("primary", "b", "applied")
      .at("shadow", "a", "applied", { order: first })
      .at("shadow", "b", "applied", { order: second });
  assert.deepEqual(stamped("1.9", "1.10").kinds(), []);
  assert.deepEqual(stamped("1.10", "1.9").kinds(), ["stamped-out-of-order"]);
  assert.deepEqual(stamped("2.1", "1.9").kinds(), ["stamped-out-of-order"]);
  const unplaced = stamped("2.1", "1.1");
  unplaced.repairs = [{ key: "items/x", reason: "overlap", times: 1 }];
  assert.deepEqual(unplaced.kinds(), ["stamped-out-of-order"]);
  unplaced.members = 3;
  assert.deepEqual(unplaced.kinds(), []);
});

test("a write applied twice is doubled: always where the service honours the key, else without a repair entry", () => {
  const twice = (honours: boolean, isListed: boolean): Story => {
    const story = new Story().write("a").everywhere("a").at("shadow", "a", "applied");
    story.honours = honours;
    if (isListed) story.repairs = [{ key: "items/x", reason: "late-attempt", times: 1 }];
    return story;
  };
  assert.deepEqual(twice(true, false).kinds(), ["doubled"]);
  assert.deepEqual(twice(true, true).kinds(), ["doubled"]);
  assert.deepEqual(twice(false, false).kinds(), ["doubled"]);
  assert.deepEqual(twice(false, true).kinds(), []);
  assert.deepEqual(new Story().write("a").everywhere("a").at("primary", "a", "applied").kinds(), ["doubled"]);
});

test("a POST that may have arrived is not sent again to a service that ignores the key; one that was refused may be", () => {
  const again = (method: Write["method"], between: "refused" | null): Story => {
    const story = new Story().write("a", {}, method).at("primary", "a", "applied").at("shadow", "a", "received");
    if (between !== null) story.at("shadow", "a", between);
    story.honours = false;
    return story.at("shadow", "a", "received").at("shadow", "a", "applied");
  };
  assert.deepEqual(again("POST", null).kinds(), ["sent-again"]);
  assert.deepEqual(again("POST", "refused").kinds(), []);
  assert.deepEqual(again("PUT", null).kinds(), []);
});

test("what the primary refused, or only received, must not come to the shadow, and what no client sent to neither", () => {
  const refused = new Story().write("a", { status: 422 }).at("primary", "a", "refused");
  assert.deepEqual([refused.kinds(), refused.verdict().counts.refused], [[], 1]);
  assert.deepEqual(refused.at("shadow", "a", "received").kinds(), ["leaked"]);
  assert.deepEqual(
    new Story().write("a", { status: 504 }).at("primary", "a", "received").at("shadow", "a", "applied").kinds(),
    ["leaked"],
  );
  assert.deepEqual(new Story().at("shadow", "a", "applied").kinds(), ["leaked"]);
  assert.deepEqual(new Story().at("primary", "a", "applied").kinds(), ["harness"]);
});

test("a copy with another body than the original is altered", () => {
  const story = new Story().write("a").at("primary", "a", "applied").at("shadow", "a", "applied", { digest: "other" });
  assert.deepEqual(story.kinds(), ["altered"]);
});

test("accounts that are open, do not sum up, or hold fewer or more than there were are told", () => {
  const open = new Story().write("a").everywhere("a");
  open.pending = 1;
  assert.deepEqual(open.kinds(), ["accounts"]);
  const fewer = new Story().write("a").everywhere("a");
  fewer.eligible = 0;
  assert.deepEqual(fewer.kinds(), ["accounts"]);
  const more = new Story().write("a").everywhere("a");
  more.eligible = 2;
  assert.deepEqual(more.kinds(), ["accounts"]);
});

test("a write that was acknowledged and is not in the primary's log is the harness's own fault, and told", () => {
  assert.deepEqual(new Story().write("a").kinds(), ["harness"]);
});

test("what follows on a create that died with the proxy is on ground that no repair knows of: the collection's entry stands for it", () => {
  const story = new Story().write("a", {}, "POST").write("b");
  story.at("primary", "a", "received").at("primary", "a", "applied").everywhere("b");
  story.states = { primary: [entity("x", 2)], shadow: [entity("x", 1)] };
  story.repairs = [{ key: null, reason: "unknown", times: 1 }];
  assert.deepEqual([story.kinds(), unequalIn(story.record())], [[], []]);
  story.repairs = [];
  assert.deepEqual([story.kinds(), unequalIn(story.record())], [["unaccounted", "unaccounted"], ["x"]]);
});
